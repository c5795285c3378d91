"""更新资产信息 (P2): the registry's latest information, which the broker brings unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ufmi.protocol import Code

from .drafts import (
    BANK_A,
    BROKER_A,
    BROKER_B,
    DAY_MS,
    ELSEWHERE,
    REGISTRY,
    STRANGER,
)
from .market import WHOLE, Market

OTHER_REGISTRY = "NREGBCNBJXXX"


def test_the_registrys_answer_becomes_the_assets_information(market: Market) -> None:
    p2 = market.p2("600001")
    assert market.accept(p2).code == Code.PENDING
    answer = market.p2_registry(p2)
    market.accept(answer)
    assert market.record(f"asset/{WHOLE}")["name"] == "Company 600001"
    market.accept(market.p2_update(p2, answer))
    asset = market.record(f"asset/{WHOLE}")
    assert (asset["name"], asset["document"]) == (answer.name, answer.document)
    again = market.p2_update(p2, answer, valid_until=market.now + 1)
    market.refuse(again, Code.ID_REUSED)


def test_the_registry_may_refuse_an_update(market: Market) -> None:
    p2 = market.p2("600001")
    market.accept(p2)
    answer = market.p2_registry(p2, accepted=False)
    assert market.accept(answer).data["outcome"] == Code.NOT_AGREED
    market.refuse(market.p2_update(p2, answer), Code.NOT_PENDING)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"registry_asset": "600009"}, Code.ASSET_UNKNOWN),
        ({"bank": STRANGER}, Code.PARTY_UNKNOWN),
        ({"registry": BANK_A}, Code.PARTY_UNKNOWN),
        ({"ag": BROKER_B, "sender": BROKER_A}, Code.SENDER_MISMATCH),
    ],
)
def test_an_amendment_has_to_fit(market: Market, changes: dict[str, Any], code: Code) -> None:
    draft = replace(market.p2("600001"), **changes)
    assert market.send(draft).code in {code, Code.ASSET_UNKNOWN}


def test_an_amendment_through_a_suspended_party_is_refused(market: Market) -> None:
    market.set_status("PARTY", REGISTRY, "SUSPENDED")
    market.refuse(market.p2("600001"), Code.PARTY_INACTIVE)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"answered": ELSEWHERE}, Code.DIGEST_MISMATCH),
        ({"registry_asset": "600002"}, Code.TERMS_DIFFER),
        ({"tx": "other"}, Code.NOT_PENDING),
        ({"sender": BANK_A}, Code.ROLE_NOT_ALLOWED),
    ],
)
def test_an_answer_is_to_the_amendment(market: Market, changes: dict[str, Any], code: Code) -> None:
    p2 = market.p2("600001")
    market.accept(p2)
    market.refuse(market.p2_registry(p2, **changes), code)


def test_another_registry_answers_no_amendment(market: Market) -> None:
    market.admit_party(OTHER_REGISTRY, "REGISTRY")
    p2 = market.p2("600001")
    market.accept(p2)
    result = market.send(market.p2_registry(p2, sender=OTHER_REGISTRY))
    assert result.code in (Code.SENDER_MISMATCH, Code.TERMS_DIFFER)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "other"}, Code.TERMS_DIFFER),
        ({"document": ""}, Code.TERMS_DIFFER),
        ({"answered": ELSEWHERE}, Code.DIGEST_MISMATCH),
        ({"sender": BROKER_B}, Code.NOT_PENDING),
        ({"tx": "other"}, Code.NOT_PENDING),
    ],
)
def test_the_broker_brings_it_unchanged(
    market: Market, changes: dict[str, Any], code: Code
) -> None:
    p2 = market.p2("600001")
    answer = market.p2_registry(p2)
    market.accept(p2, answer)
    market.refuse(market.p2_update(p2, answer, **changes), code)


def test_nothing_is_brought_before_the_registry_answered(market: Market) -> None:
    p2 = market.p2("600001")
    market.accept(p2)
    answer = market.p2_registry(p2)
    early = market.p2_update(p2, answer)
    market.refuse(early, Code.NOT_ANSWERED)
    market.accept(answer, early)


def test_an_amendment_ends_by_expire(market: Market) -> None:
    p2 = market.p2("600001")
    answer = market.p2_registry(p2)
    market.accept(p2, answer)
    market.refuse(market.expire("AMENDMENT", BROKER_A, p2.tx), Code.NOT_EXPIRED)
    market.advance(DAY_MS + 1)
    market.accept(market.expire("AMENDMENT", BROKER_A, p2.tx))
    market.refuse(market.p2_update(p2, answer), Code.NOT_PENDING)
