"""资产登记 (P1): one asset has one code; each bank's money has its own."""

from __future__ import annotations

from typing import Any

import pytest

from ufmi.protocol import Code
from ufmi.protocol.codes import asset_code, mark_code
from ufmi.protocol.governance import Expire

from .drafts import BANK_A, BANK_B, BROKER_A, BROKER_B, DAY_MS, ELSEWHERE, REGISTRY, STRANGER
from .market import Market

NEW = asset_code(REGISTRY, "600009")


def test_the_asset_gets_its_code_when_the_registry_answers(market: Market) -> None:
    p1 = market.p1("600009")
    result = market.accept(p1)
    assert (result.code, result.data["asset"]) == (Code.PENDING, NEW)
    assert f"asset/{NEW}" not in market.state
    market.accept(market.p1_registry(p1, decimals=3))
    assert market.record(f"asset/{NEW}")["decimals"] == 3


def test_one_asset_of_one_registry_has_one_code(market: Market) -> None:
    result = market.refuse(market.p1("600001"), Code.ASSET_EXISTS)
    assert result.data["asset"] == asset_code(REGISTRY, "600001")


def test_a_second_banks_money_gets_its_own_mark_at_once(market: Market) -> None:
    market.admit_party("NBANCCNBJXXX", "BANK")
    result = market.accept(market.p1("600001", "NBANCCNBJXXX"))
    assert result.code == Code.OK
    assert result.data["mark"] == mark_code("NBANCCNBJXXX", "CNY")
    assert market.record(f"mark/{result.data['mark']}")["unit"] == 2


def test_a_known_asset_keeps_its_currency(market: Market) -> None:
    market.refuse(market.p1("600001", currency="USD"), Code.CURRENCY_MISMATCH)


def test_the_registry_may_say_no(market: Market) -> None:
    p1 = market.p1("600009")
    market.accept(p1)
    result = market.accept(market.p1_registry(p1, accepted=False))
    assert result.data["outcome"] == Code.ASSET_UNKNOWN
    assert f"asset/{NEW}" not in market.state


def test_what_two_brokers_register_is_described_once(market: Market) -> None:
    first = market.p1("600009")
    second = market.p1("600009", BANK_B, ag=BROKER_B, sender=BROKER_B)
    market.accept(first, second, market.p1_registry(first))
    result = market.accept(market.p1_registry(second, name="another"))
    assert result.data["outcome"] == Code.ASSET_EXISTS
    assert market.record(f"asset/{NEW}")["name"] != "another"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"answered": ELSEWHERE}, Code.DIGEST_MISMATCH),
        ({"registry_asset": "600008"}, Code.TERMS_DIFFER),
        ({"currency": "HKD"}, Code.CURRENCY_MISMATCH),
        ({"tx": "other"}, Code.NOT_PENDING),
        ({"sender": BANK_A}, Code.ROLE_NOT_ALLOWED),
    ],
)
def test_an_answer_has_to_fit(market: Market, changes: dict[str, Any], code: Code) -> None:
    p1 = market.p1("600009")
    market.accept(p1)
    market.refuse(market.p1_registry(p1, **changes), code)


def test_only_the_registry_that_was_asked_answers(market: Market) -> None:
    market.admit_party("NREGBCNBJXXX", "REGISTRY")
    p1 = market.p1("600009")
    market.accept(p1)
    market.refuse(market.p1_registry(p1, sender="NREGBCNBJXXX"), Code.SENDER_MISMATCH)


def test_a_broker_registers_assets_in_its_own_name(market: Market) -> None:
    market.refuse(market.p1("600009", ag=BROKER_B, sender=BROKER_A), Code.SENDER_MISMATCH)


@pytest.mark.parametrize("changes", [{"bank": STRANGER}, {"registry": BANK_A}])
def test_bank_and_registry_have_to_be_admitted(market: Market, changes: dict[str, str]) -> None:
    market.refuse(market.p1("600009", **changes), Code.PARTY_UNKNOWN)


def test_an_unanswered_registration_ends_by_expire(market: Market) -> None:
    p1 = market.p1("600009")
    market.accept(p1)
    market.advance(DAY_MS)
    market.refuse(expire(market, p1.tx), Code.NOT_EXPIRED)
    market.advance(1)
    result = market.accept(expire(market, p1.tx))
    assert result.data["told"] == [BROKER_A, REGISTRY]
    market.refuse(market.p1_registry(p1), Code.NOT_PENDING)
    market.refuse(expire(market, p1.tx), Code.NOT_PENDING)


def expire(market: Market, tx: str) -> Expire:
    return market.expire("LISTING", BROKER_A, tx)
