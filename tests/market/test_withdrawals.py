"""提现 (RECEIVE, Y2): what a withdrawal takes, who may ask, and the way of each mark."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ufmi.protocol import AMOUNT_MAX, Code, Result, Side
from ufmi.protocol.codes import mark_code, user_id
from ufmi.protocol.withdrawals import Y2

from .drafts import (
    BANK_A,
    BANK_B,
    BROKER_A,
    BROKER_B,
    DAY_MS,
    ELSEWHERE,
    OPERATORS,
    STRANGER,
    address,
    public_key,
)
from .market import ALICE, BOB, MARK_A, MARK_B, WHOLE, Market

HOME = address("alice")
BANK_C = "NBANCCNBJXXX"


def draft(market: Market, amount: int = 1_200, **changes: Any) -> Y2:
    """Alice has 1,000 of bank A and 500 of bank B."""
    marks = changes.pop("marks", [MARK_A, MARK_B])
    return market.withdraw("alice", ALICE, "alice", amount, marks, **changes)


def sent(market: Market, amount: int = 1_200, **changes: Any) -> Y2:
    y2 = draft(market, amount, **changes)
    market.accept(y2)
    return y2


def statuses(market: Market, y2: Y2) -> dict[str, tuple[int, str]]:
    record = market.record(f"withdrawal/{y2.address}/{y2.tx}")
    return {part["bank"]: (part["amount"], part["status"]) for part in record["parts"]}


def pay(market: Market, y2: Y2, bank: str, amount: int) -> Result:
    """A mark's whole way to the end."""
    steps = (market.burn(y2, bank, amount), market.moved(y2, bank, amount))
    return market.accept(*steps, market.credited(y2, bank, amount))


# -- where withdrawals go ---------------------------------------------------------------------


def test_a_bank_names_its_receiving_address(market: Market) -> None:
    market.accept(market.receive(BANK_A))
    assert market.record(f"party/{BANK_A}")["receiving"] == address(f"vault of {BANK_A}")
    market.accept(market.receive(BANK_A, "other vault"))
    market.accept(market.receive(BANK_A))
    assert market.record(f"party/{BANK_A}")["receiving"] == address(f"vault of {BANK_A}")


def test_only_a_bank_receives(market: Market) -> None:
    market.refuse(market.receive(BROKER_A), Code.ROLE_NOT_ALLOWED)


@pytest.mark.parametrize("wallet", ["alice", OPERATORS[0], "frontend"])
def test_nobody_else_has_a_receiving_address(market: Market, wallet: str) -> None:
    market.refuse(market.receive(BANK_A, wallet), Code.ADDRESS_TAKEN)


def test_two_banks_do_not_share_one(market: Market) -> None:
    market.accept(market.receive(BANK_A, "vault"))
    market.refuse(market.receive(BANK_B, "vault"), Code.ADDRESS_TAKEN)
    market.refuse(market.x1("dora", ["vault"]), Code.ADDRESS_TAKEN, user=user_id(4))


def test_a_revoked_address_receives_nothing(market: Market) -> None:
    market.accept(market.receive(BANK_A, "vault"))
    home = address("vault")
    market.keys[home] = "vault"
    market.accept(market.revoke(home, public_key("vault"), home))
    market.refuse(market.receive(BANK_A, "vault"), Code.ADDRESS_REVOKED)


@pytest.mark.parametrize(
    "wrong", [{"by": "mallory"}, {"ag": BANK_B}, {"tx": "other"}, {"user": BANK_B},
              {"network": ELSEWHERE}, {"valid_until": 1}],
)  # fmt: skip
def test_a_receiving_address_proves_its_key(market: Market, wrong: dict[str, Any]) -> None:
    message = market.receive(BANK_A)
    given = {"ag": BANK_A, "tx": message.tx, "user": BANK_A} | wrong
    proof = market.proof("vault", **given)
    market.refuse(replace(message, proof=(proof,)), Code.PROOF_INVALID)


def test_a_bank_that_named_none_pays_nothing_out(market: Market) -> None:
    market.deposit("alice", 1_000)
    market.refuse(draft(market, 10, marks=[MARK_A]), Code.NO_RECEIVING_ADDRESS)
    market.name_receiving(BANK_A)
    market.refuse(draft(market, 10), Code.NO_RECEIVING_ADDRESS)
    market.accept(draft(market, 10, marks=[MARK_A]))


# -- what it takes ----------------------------------------------------------------------------


def test_marks_are_taken_in_order_of_bank_id(funded: Market) -> None:
    result = funded.accept(draft(funded, marks=[MARK_B, MARK_A]))
    assert result.code == Code.PENDING
    assert sorted(result.data["parts"]) == [f"{MARK_A}:1000", f"{MARK_B}:200"]
    assert funded.free_cash("alice") == {MARK_B: 300}


def test_only_the_marks_named_are_taken(funded: Market) -> None:
    y2 = sent(funded, 500, marks=[MARK_B])
    assert statuses(funded, y2) == {BANK_B: (500, "SENT")}
    assert funded.free_cash("alice") == {MARK_A: 1_000}


def test_free_money_has_to_cover_it(funded: Market) -> None:
    funded.refuse(draft(funded, 1_501), Code.INSUFFICIENT)
    funded.refuse(draft(funded, 501, marks=[MARK_B]), Code.INSUFFICIENT)
    funded.accept(funded.s1(funded.order("alice", Side.BUY, WHOLE, 1, 1)))
    funded.refuse(draft(funded, 1_500), Code.INSUFFICIENT)


def test_a_number_is_used_once_ever(funded: Market) -> None:
    y2 = sent(funded, 10, tx="same")
    funded.accept(funded.burn(y2, BANK_A, 10, False))
    # The user's other broker asks under the same number.
    order = {"ag": BROKER_B, "bank": BANK_B}
    again = funded.withdraw(
        "alice", ALICE, "alice", 10, [MARK_A], broker=BROKER_B, bank=BANK_B, tx="same", signed=order
    )
    funded.refuse(again, Code.ORDER_EXISTS)


# -- who may ask ------------------------------------------------------------------------------


def test_it_needs_the_owners_signature(funded: Market) -> None:
    funded.refuse(draft(funded, signed={"by": "bob"}), Code.PROOF_INVALID)
    forged = {"key": public_key("bob"), "by": "bob"}
    funded.refuse(draft(funded, signed=forged), Code.ADDRESS_MISMATCH)


@pytest.mark.parametrize(
    "changed", [{"number": "other"}, {"address": address("alice-2")}, {"ag": BROKER_B},
                {"bank": BANK_B}, {"currency": "USD"}, {"amount": 1_201}, {"network": ELSEWHERE}],
)  # fmt: skip
def test_it_is_what_the_owner_signed(funded: Market, changed: dict[str, Any]) -> None:
    funded.refuse(draft(funded, signed=changed), Code.ORDER_MISMATCH)


def test_what_the_owner_signed_expires(funded: Market) -> None:
    expired = {"valid_until": funded.now - 1}
    funded.refuse(draft(funded, signed=expired), Code.ORDER_EXPIRED)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"unified": user_id(9)}, Code.USER_UNKNOWN),
        ({"broker_user": "other"}, Code.TERMS_DIFFER),
        ({"bank_user": "other"}, Code.TERMS_DIFFER),
        ({"unit": 3}, Code.UNIT_MISMATCH),
        ({"marks": (MARK_A, MARK_A)}, Code.CURRENCY_MISMATCH),
        ({"marks": (mark_code(BANK_A, "USD"),)}, Code.CURRENCY_MISMATCH),
        ({"marks": (mark_code(STRANGER, "CNY"),)}, Code.PARTY_UNKNOWN),
    ],
)
def test_it_has_to_fit_the_account(funded: Market, changes: dict[str, Any], code: Code) -> None:
    funded.refuse(replace(draft(funded), **changes), code)


def test_another_bank_than_the_accounts_is_refused(funded: Market) -> None:
    y2 = draft(funded, bank=BANK_B)
    funded.refuse(y2, Code.TERMS_DIFFER)


def test_a_broker_withdraws_in_its_own_name(funded: Market) -> None:
    funded.refuse(replace(draft(funded), sender=BROKER_B), Code.SENDER_MISMATCH)
    y2 = funded.withdraw("bob", BOB, "bob", 10, [MARK_A], broker=BROKER_B)
    funded.refuse(y2, Code.ACCOUNT_UNKNOWN)


def test_only_the_users_own_address_pays(funded: Market) -> None:
    y2 = funded.withdraw("bob", BOB, "alice", 10, [MARK_A])
    funded.refuse(y2, Code.ADDRESS_MISMATCH)
    funded.refuse(funded.withdraw("bob", BOB, "dora", 10, [MARK_A]), Code.ADDRESS_UNKNOWN)


def test_an_account_that_is_not_confirmed_withdraws_nothing(market: Market) -> None:
    market.accept(market.x1("dora", ["dora"]), user=user_id(4))
    y2 = market.withdraw("dora", user_id(4), "dora", 1, [MARK_A])
    market.refuse(y2, Code.ACCOUNT_INACTIVE)


def test_a_frozen_or_revoked_address_pays_nothing(funded: Market) -> None:
    funded.set_status("ADDRESS", HOME, "FROZEN")
    funded.refuse(draft(funded), Code.ADDRESS_FROZEN)
    funded.set_status("ADDRESS", HOME, "ACTIVE")
    funded.accept(funded.revoke(HOME, public_key("alice"), HOME))
    funded.refuse(draft(funded), Code.ADDRESS_REVOKED)


def test_a_suspended_bank_takes_nothing(funded: Market) -> None:
    funded.set_status("PARTY", BANK_B, "SUSPENDED")
    funded.refuse(draft(funded), Code.PARTY_INACTIVE)
    funded.accept(draft(funded, 1_000, marks=[MARK_A]))


def test_in_a_halt_money_still_leaves(funded: Market) -> None:
    funded.set_status("NETWORK", funded.network, "HALTED")
    y2 = sent(funded, 10)
    pay(funded, y2, BANK_A, 10)


# -- the way of each mark ---------------------------------------------------------------------


def test_all_marks_paid_is_ok(funded: Market) -> None:
    y2 = sent(funded)
    assert "outcome" not in pay(funded, y2, BANK_B, 200).data
    end = pay(funded, y2, BANK_A, 1_000).data
    assert (end["outcome"], end["paid"], end["returned"]) == ("OK", 1_200, 0)
    assert funded.free_cash("alice") == {MARK_B: 300}


def test_one_bank_refuses(funded: Market) -> None:
    y2 = sent(funded)
    funded.accept(funded.burn(y2, BANK_B, 200, False))
    end = pay(funded, y2, BANK_A, 1_000).data
    assert (end["outcome"], end["paid"], end["returned"]) == ("PARTLY", 1_000, 200)
    assert funded.free_cash("alice") == {MARK_B: 500}


def test_all_banks_refuse(funded: Market) -> None:
    y2 = sent(funded)
    funded.accept(funded.burn(y2, BANK_B, 200, False))
    end = funded.accept(funded.burn(y2, BANK_A, 1_000, False)).data
    assert (end["outcome"], end["paid"], end["returned"]) == ("RETURNED", 0, 1_200)
    assert funded.free_cash("alice") == {MARK_A: 1_000, MARK_B: 500}


def test_moving_and_crediting_may_take_several_attempts(funded: Market) -> None:
    y2 = sent(funded, 10)
    funded.accept(funded.burn(y2, BANK_A, 10))
    for attempt in range(2):
        funded.accept(funded.moved(y2, BANK_A, 10, False, attempt))
    funded.accept(funded.moved(y2, BANK_A, 10, True, 2))
    funded.accept(funded.credited(y2, BANK_A, 10, False, 0))
    assert statuses(funded, y2) == {BANK_A: (10, "MOVED")}
    assert funded.accept(funded.credited(y2, BANK_A, 10, True, 1)).data["outcome"] == "OK"


STEPS = ("burn", "moved", "credited")


@pytest.mark.parametrize("done", range(4))
@pytest.mark.parametrize("step", STEPS)
def test_a_step_out_of_turn_is_refused(funded: Market, done: int, step: str) -> None:
    y2 = sent(funded)
    for name in STEPS[:done]:
        funded.accept(getattr(funded, name)(y2, BANK_A, 1_000))
    if STEPS.index(step) == done:
        return
    message = getattr(funded, step)(y2, BANK_A, 1_000)
    changes = {"tx": y2.tx, "valid_until": message.valid_until - 1}
    changes |= {} if step == "burn" else {"attempt": 7}
    if STEPS.index(step) < done and step == "burn":
        # The same instruction has one answer; another text under it is not executed.
        funded.refuse(replace(message, **changes), Code.ID_REUSED)
        return
    result = funded.refuse(replace(message, **changes), Code.OUT_OF_TURN)
    assert result.data["status"] == ("SENT", "BURNING", "MOVED", "DESTROYED")[done]


def test_what_went_back_is_not_burnt(funded: Market) -> None:
    y2 = sent(funded, 10)
    funded.advance(DAY_MS + 1)
    funded.accept(funded.expire("WITHDRAWAL", HOME, y2.tx))
    funded.refuse(funded.burn(y2, BANK_A, 10), Code.OUT_OF_TURN)
    assert funded.free_cash("alice") == {MARK_A: 1_000, MARK_B: 500}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tx": "other"}, Code.NOT_PENDING),
        ({"ag": BROKER_B}, Code.NOT_PENDING),
        ({"address": address("bob")}, Code.NOT_PENDING),
        ({"answered": ELSEWHERE}, Code.DIGEST_MISMATCH),
        ({"amount": 999}, Code.TERMS_DIFFER),
        ({"mark": mark_code(BANK_C, "CNY")}, Code.TERMS_DIFFER),
        ({"sender": BROKER_A}, Code.ROLE_NOT_ALLOWED),
        ({"paying": BANK_B}, Code.TERMS_DIFFER),
    ],
)
@pytest.mark.parametrize("step", STEPS)
def test_a_step_has_to_fit(funded: Market, step: str, changes: dict[str, Any], code: Code) -> None:
    y2 = sent(funded)
    for name in STEPS[: STEPS.index(step)]:
        funded.accept(getattr(funded, name)(y2, BANK_A, 1_000))
    if "paying" in changes and step != "credited":
        return
    message = getattr(funded, step)(y2, BANK_A, 1_000)
    funded.refuse(replace(message, **changes), code)


def test_each_step_is_its_own_banks(funded: Market) -> None:
    y2 = sent(funded)
    funded.refuse(replace(funded.burn(y2, BANK_B, 200), sender=BANK_A), Code.SENDER_MISMATCH)
    funded.accept(funded.burn(y2, BANK_B, 200))
    funded.refuse(replace(funded.moved(y2, BANK_B, 200), sender=BANK_A), Code.SENDER_MISMATCH)
    funded.accept(funded.moved(y2, BANK_B, 200))
    credited = funded.credited(y2, BANK_B, 200)
    funded.refuse(replace(credited, sender=BANK_B), Code.SENDER_MISMATCH)
    funded.accept(credited)


def test_a_suspended_bank_answers_nothing(funded: Market) -> None:
    y2 = sent(funded, 10)
    funded.set_status("PARTY", BANK_A, "SUSPENDED")
    funded.refuse(funded.burn(y2, BANK_A, 10), Code.PARTY_INACTIVE)
    funded.advance(DAY_MS + 1)
    funded.accept(funded.expire("WITHDRAWAL", HOME, y2.tx))


# -- the deadline -----------------------------------------------------------------------------


def test_what_no_bank_agreed_to_goes_back_after_the_deadline(funded: Market) -> None:
    y2 = sent(funded)
    funded.accept(funded.burn(y2, BANK_A, 1_000))
    funded.advance(DAY_MS)
    funded.refuse(funded.expire("WITHDRAWAL", HOME, y2.tx), Code.NOT_EXPIRED)
    funded.advance(1)
    funded.accept(funded.expire("WITHDRAWAL", HOME, y2.tx))
    assert statuses(funded, y2) == {BANK_A: (1_000, "BURNING"), BANK_B: (200, "RETURNED")}
    funded.refuse(funded.expire("WITHDRAWAL", HOME, y2.tx), Code.OUT_OF_TURN)
    funded.accept(funded.moved(y2, BANK_A, 1_000), funded.credited(y2, BANK_A, 1_000))
    funded.refuse(funded.expire("WITHDRAWAL", HOME, y2.tx), Code.NOT_PENDING)


def test_a_late_burn_before_expire_still_counts(funded: Market) -> None:
    y2 = sent(funded, 10)
    funded.advance(DAY_MS + 1)
    pay(funded, y2, BANK_A, 10)


def test_what_goes_back_comes_whatever_came_meanwhile(funded: Market) -> None:
    y2 = sent(funded, 1_000)
    funded.deposit("alice", AMOUNT_MAX)
    funded.accept(funded.burn(y2, BANK_A, 1_000, False))
    assert funded.free_cash("alice")[MARK_A] == AMOUNT_MAX + 1_000


def test_what_goes_back_comes_to_a_frozen_address_too(funded: Market) -> None:
    y2 = sent(funded, 1_000)
    funded.set_status("ADDRESS", HOME, "FROZEN")
    funded.accept(funded.burn(y2, BANK_A, 1_000, False))
    assert funded.free_cash("alice")[MARK_A] == 1_000


def test_nothing_is_there_to_expire(funded: Market) -> None:
    funded.refuse(funded.expire("WITHDRAWAL", HOME, "none"), Code.NOT_PENDING)


def test_a_withdrawal_and_its_steps_run_in_one_batch(funded: Market) -> None:
    y2 = draft(funded, 10)
    steps = [y2, funded.burn(y2, BANK_A, 10), funded.moved(y2, BANK_A, 10)]
    results = funded.execute(
        [funded.line(one) for one in [*steps, funded.credited(y2, BANK_A, 10)]]
    )
    assert [result.code for result in results] == [Code.PENDING, Code.OK, Code.OK, Code.OK]
