"""资金映射 and 资产映射 (Y1, Z1): tokens come one for one, after bank or registry has locked."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ufmi.protocol import AMOUNT_MAX, Code, Message
from ufmi.protocol.codes import asset_code, mark_code, user_id
from ufmi.protocol.funds import Y1
from ufmi.protocol.holdings import Z1

from .drafts import (
    BANK_A,
    BANK_B,
    BROKER_A,
    BROKER_B,
    DAY_MS,
    ELSEWHERE,
    OPERATORS,
    REGISTRY,
    STRANGER,
    address,
    public_key,
)
from .market import ALICE, BOB, CAROL, MARK_A, MARK_B, TENTHS, WHOLE, Market

HOME = address("alice")


def y1(market: Market, amount: int = 50, **changes: Any) -> Y1:
    return market.y1("alice", ALICE, "alice", amount, **changes)


def z1(market: Market, quantity: int = 7, **changes: Any) -> Z1:
    return market.z1("alice", ALICE, "alice", "600001", quantity, **changes)


def revoke_wallet(market: Market) -> None:
    market.accept(market.revoke(HOME, public_key("alice"), HOME))


# -- deposits of cash -------------------------------------------------------------------------


def test_tokens_come_when_the_bank_has_locked(market: Market) -> None:
    request = y1(market)
    assert market.accept(request).code == Code.PENDING
    assert market.free_cash("alice") == {}
    result = market.accept(market.y1_locked(request))
    assert market.free_cash("alice") == {MARK_A: 50}
    assert result.data == {"outcome": "OK", "balance": 50}


def test_nothing_comes_when_the_bank_says_not_locked(market: Market) -> None:
    request = y1(market)
    result = market.accept(request, market.y1_locked(request, locked=False))
    assert result.data == {"outcome": Code.INSUFFICIENT}
    assert market.free_cash("alice") == {}


def test_the_money_of_each_bank_has_its_own_mark(market: Market) -> None:
    market.deposit("alice", 50)
    market.deposit("alice", 30, payer="alice-2")
    assert market.free_cash("alice") == {MARK_A: 50, MARK_B: 30}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"bank": STRANGER}, Code.PARTY_UNKNOWN),
        ({"bank": BROKER_B}, Code.PARTY_UNKNOWN),
        ({"bank": BANK_B}, Code.TERMS_DIFFER),
        ({"broker_user": "other"}, Code.TERMS_DIFFER),
        ({"bank_user": "other"}, Code.TERMS_DIFFER),
        ({"unified": user_id(9)}, Code.USER_UNKNOWN),
        ({"unified": CAROL}, Code.ACCOUNT_UNKNOWN),
        ({"unified": BOB}, Code.TERMS_DIFFER),
        ({"address": address("bob")}, Code.ADDRESS_MISMATCH),
        ({"address": address("nobody")}, Code.ADDRESS_MISMATCH),
        ({"currency": "USD"}, Code.MARK_UNKNOWN),
        ({"unit": 0}, Code.UNIT_MISMATCH),
        ({"ag": BROKER_B}, Code.SENDER_MISMATCH),
        ({"sender": BROKER_B}, Code.SENDER_MISMATCH),
        ({"sender": BANK_A}, Code.ROLE_NOT_ALLOWED),
        ({"valid_until": 1}, Code.EXPIRED),
    ],
)
def test_a_deposit_has_to_fit_the_account(
    market: Market, changes: dict[str, Any], code: Code
) -> None:
    market.refuse(replace(y1(market), **changes), code)


def test_a_deposit_may_go_to_any_address_of_the_user(market: Market) -> None:
    request = market.y1("alice", ALICE, "alice-2", 5)
    market.accept(request, market.y1_locked(request))
    assert market.free_cash("alice-2") == {MARK_A: 5}


def test_an_address_of_an_account_that_is_not_active_receives_nothing(market: Market) -> None:
    x1 = market.x1("bob", ["bob-2"], broker=BROKER_B, bank=BANK_B, unified=BOB)
    market.accept(x1)
    market.refuse(market.y1("bob", BOB, "bob-2", 5), Code.ADDRESS_MISMATCH)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": 51}, Code.TERMS_DIFFER),
        ({"address": address("bob")}, Code.TERMS_DIFFER),
        ({"mark": MARK_B}, Code.TERMS_DIFFER),
        ({"mark": mark_code(BANK_A, "USD")}, Code.TERMS_DIFFER),
        ({"answered": ELSEWHERE}, Code.DIGEST_MISMATCH),
        ({"sender": BANK_B}, Code.SENDER_MISMATCH),
        ({"tx": "other"}, Code.NOT_PENDING),
        ({"ag": BROKER_B}, Code.NOT_PENDING),
        ({"sender": REGISTRY}, Code.ROLE_NOT_ALLOWED),
    ],
)
def test_the_banks_answer_has_to_repeat_the_terms(
    market: Market, changes: dict[str, Any], code: Code
) -> None:
    request = y1(market)
    market.accept(request)
    market.refuse(market.y1_locked(request, **changes), code)
    assert market.free_cash("alice") == {}


def test_a_deposit_is_minted_once(market: Market) -> None:
    request = y1(market)
    market.accept(request, market.y1_locked(request))
    assert market.send(market.y1_locked(request)).repeated
    later = market.y1_locked(request, valid_until=market.now + 1)
    market.refuse(later, Code.ID_REUSED)
    assert market.free_cash("alice") == {MARK_A: 50}


def test_nothing_is_minted_for_a_refused_deposit(market: Market) -> None:
    request = y1(market, unit=0)
    market.refuse(request, Code.UNIT_MISMATCH)
    market.refuse(market.y1_locked(request), Code.NOT_PENDING)


def test_an_unanswered_deposit_waits_until_somebody_expires_it(market: Market) -> None:
    request = y1(market)
    market.accept(request)
    market.advance(DAY_MS)
    market.refuse(market.expire("DEPOSIT", BROKER_A, request.tx), Code.NOT_EXPIRED)
    market.advance(1)
    result = market.accept(market.expire("DEPOSIT", BROKER_A, request.tx, HOME))
    assert result.data["told"] == [BROKER_A, BANK_A]


def test_a_confirmation_after_expiry_mints_nothing(market: Market) -> None:
    request = y1(market)
    market.accept(request)
    market.advance(DAY_MS + 1)
    market.accept(market.expire("DEPOSIT", BROKER_A, request.tx))
    market.refuse(market.y1_locked(request), Code.NOT_PENDING)
    assert market.free_cash("alice") == {}


def test_a_late_confirmation_before_expire_still_mints(market: Market) -> None:
    request = y1(market)
    market.accept(request)
    market.advance(DAY_MS + 1)
    market.accept(market.y1_locked(request))
    market.refuse(market.expire("DEPOSIT", BROKER_A, request.tx), Code.NOT_PENDING)


def test_a_revoked_address_receives_no_cash(market: Market) -> None:
    request = y1(market)
    market.accept(request)
    revoke_wallet(market)
    market.refuse(y1(market), Code.ADDRESS_REVOKED)
    market.refuse(market.y1_locked(request), Code.ADDRESS_REVOKED)
    market.advance(DAY_MS + 1)
    market.accept(market.expire("DEPOSIT", BROKER_A, request.tx))


def test_a_frozen_address_receives_nothing(market: Market) -> None:
    market.set_status("ADDRESS", HOME, "FROZEN")
    market.refuse(y1(market), Code.ADDRESS_FROZEN)
    market.refuse(z1(market), Code.ADDRESS_FROZEN)


def test_no_balance_passes_the_greatest_number(market: Market) -> None:
    market.deposit("alice", AMOUNT_MAX)
    request = y1(market, 1)
    market.accept(request)
    market.refuse(market.y1_locked(request), Code.TOO_LARGE)


# -- assets -----------------------------------------------------------------------------------


def test_an_asset_comes_when_the_registry_has_locked(market: Market) -> None:
    request = z1(market)
    assert market.accept(request).code == Code.PENDING
    assert market.holding("alice") == 0
    result = market.accept(market.z1_locked(request))
    assert market.holding("alice") == 7
    assert result.data == {"outcome": "OK", "balance": 7}


def test_nothing_comes_when_the_registry_says_not_locked(market: Market) -> None:
    request = z1(market)
    market.accept(request, market.z1_locked(request, locked=False))
    assert market.holding("alice") == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"address": address("bob")}, Code.SENDER_MISMATCH),
        ({"sender": address("bob")}, Code.SENDER_MISMATCH),
        ({"ag": BROKER_B}, Code.TERMS_DIFFER),
        ({"ag": STRANGER}, Code.ACCOUNT_UNKNOWN),
        ({"unified": user_id(9)}, Code.USER_UNKNOWN),
        ({"registry": STRANGER}, Code.TERMS_DIFFER),
        ({"broker_user": "other"}, Code.TERMS_DIFFER),
        ({"registry_asset": "600008"}, Code.ASSET_UNKNOWN),
    ],
)
def test_a_holding_has_to_fit_the_account(
    market: Market, changes: dict[str, Any], code: Code
) -> None:
    market.refuse(replace(z1(market), **changes), code)


def test_another_users_account_does_not_bring_assets_to_me(market: Market) -> None:
    draft = market.z1("bob", BOB, "alice", "600001", 7)
    market.refuse(draft, Code.ADDRESS_MISMATCH)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quantity": 8}, Code.TERMS_DIFFER),
        ({"ag": BROKER_B}, Code.TERMS_DIFFER),
        ({"asset": TENTHS}, Code.TERMS_DIFFER),
        ({"answered": ELSEWHERE}, Code.DIGEST_MISMATCH),
        ({"address": address("bob")}, Code.NOT_PENDING),
        ({"sender": BANK_A}, Code.ROLE_NOT_ALLOWED),
    ],
)
def test_the_registrys_answer_has_to_repeat_the_terms(
    market: Market, changes: dict[str, Any], code: Code
) -> None:
    request = z1(market)
    market.accept(request)
    market.refuse(market.z1_locked(request, **changes), code)


def test_another_registry_does_not_answer(market: Market) -> None:
    market.admit_party("NREGBCNBJXXX", "REGISTRY")
    request = z1(market)
    market.accept(request)
    market.refuse(market.z1_locked(request, sender="NREGBCNBJXXX"), Code.SENDER_MISMATCH)


def test_two_wallets_may_use_the_same_number_at_one_registry(market: Market) -> None:
    first = z1(market, tx="same")
    second = market.z1("bob", BOB, "bob", "600001", 3, tx="same")
    messages: list[Message] = [first, second, market.z1_locked(first), market.z1_locked(second)]
    market.accept(*messages)
    assert (market.holding("alice"), market.holding("bob")) == (7, 3)


def test_an_unanswered_holding_ends_by_expire(market: Market) -> None:
    request = z1(market)
    market.accept(request)
    market.refuse(market.expire("ONCHAIN", HOME, request.tx), Code.NOT_EXPIRED)
    market.advance(DAY_MS + 1)
    result = market.accept(market.expire("ONCHAIN", HOME, request.tx))
    assert result.data["told"] == [HOME, BROKER_A, REGISTRY]
    market.refuse(market.z1_locked(request), Code.NOT_PENDING)


def test_a_revoked_address_receives_no_assets(market: Market) -> None:
    request = z1(market)
    market.accept(request)
    revoke_wallet(market)
    market.refuse(z1(market), Code.KEY_REVOKED)
    market.refuse(market.z1_locked(request), Code.ADDRESS_REVOKED)


def test_a_halted_asset_does_not_come(market: Market) -> None:
    request = z1(market)
    market.accept(request)
    market.set_status("ASSET", WHOLE, "HALTED")
    market.refuse(z1(market), Code.ASSET_INACTIVE)
    market.refuse(market.z1_locked(request), Code.ASSET_INACTIVE)


def test_no_holding_passes_the_greatest_number(market: Market) -> None:
    market.bring("alice", "600001", AMOUNT_MAX)
    request = z1(market, 1)
    market.accept(request)
    market.refuse(market.z1_locked(request), Code.TOO_LARGE)


def test_a_deposit_needs_a_key_of_the_bank_to_be_answered(market: Market) -> None:
    request = y1(market)
    market.accept(request)
    for operator in OPERATORS[:2]:
        draft = market.revoke(BANK_A, public_key(BANK_A), address(operator), tx="r")
        market.accept(draft)
    market.refuse(market.y1_locked(request), Code.KEY_REVOKED)
    market.admit_party(BANK_A, "BANK", key=public_key("new"))
    market.keys[BANK_A] = "new"
    market.accept(market.y1_locked(request))


def test_request_and_answer_run_in_one_batch(market: Market) -> None:
    request, holding = y1(market), z1(market)
    messages: list[Message] = [request, holding]
    messages += [market.z1_locked(holding), market.y1_locked(request)]
    results = market.execute([market.line(one) for one in messages])
    assert [one.code for one in results] == ["PENDING", "PENDING", "OK", "OK"]
    assert asset_code(REGISTRY, "600001") == WHOLE
