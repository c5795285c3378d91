"""Who is told what after a message was accepted: answers and broadcasts, message by message."""

from __future__ import annotations

from typing import Any

import pytest

from ufmi.crypto import sm3_hex
from ufmi.protocol import Code, Form, Message, Result, Side
from ufmi.protocol.codes import mark_code

from . import builders, transfers, updates

BROKER, BANK, REGISTRY = builders.BROKER, builders.BANK, builders.REGISTRY
MATCHER, OTHER_MATCHER = builders.MATCHER, builders.OTHER_MATCHER
A, B = builders.address(1), builders.address(2)
OPENING, PAYING = "NBANKSBCN001", "NBANKSCCN001"
PAYING_MARK = mark_code(PAYING, "CNY")
USER, MARK = builders.USER, builders.MARK

Told = list[tuple[str, Form]]


def after(made: Message, code: Code = Code.OK, **data: Any) -> Told:
    return made.answers(Result(made.identity, code, "", data))


def outcome(made: Message, code: str = "OK") -> tuple[str, Form]:
    return (made.sender, builders.outcome(tx=made.tx, message=made.NAME, code=code))


def test_a_new_user_is_told_to_all_three() -> None:
    answer = builders.x1_result(code="PENDING")
    told = after(builders.x1(), Code.PENDING, unified=USER)
    assert told == [(BROKER, answer), (BANK, answer), (REGISTRY, answer)]


@pytest.mark.parametrize(
    ("account", "code"), [("ACTIVE", "OK"), ("REFUSED", "ACCOUNT_INACTIVE"), ("PENDING", "")]
)
def test_the_broker_learns_the_end_of_a_registration(account: str, code: str) -> None:
    for made in (builders.x1_bank(), builders.x1_registry()):
        own = [(made.sender, builders.x1_result())]
        end = [(BROKER, builders.x1_result(code=code))] if code else []
        assert after(made, unified=USER, account=account) == own + end


def test_an_update_is_answered_at_its_end() -> None:
    assert after(updates.x2(), Code.PENDING, unified=USER) == []
    for made in (updates.x2_bank(), updates.x2_registry()):
        assert after(made, unified=USER) == [(made.sender, updates.x2_result())]
    for code in ("OK", "NOT_AGREED"):
        told = after(updates.x2_update(), unified=USER, outcome=code)
        assert told == [(BROKER, updates.x2_result(code=code))]


def test_an_asset_is_told_to_registry_and_broker() -> None:
    pending = builders.p1_result(code="PENDING")
    assert after(builders.p1(), Code.PENDING) == [(BROKER, pending)]
    assert after(builders.p1()) == [(BROKER, builders.p1_result())]
    for code in ("OK", "ASSET_UNKNOWN"):
        answer = builders.p1_result(code=code)
        told = after(builders.p1_registry(), outcome=code, mark=MARK)
        assert told == [(REGISTRY, answer), (BROKER, answer)]


def test_new_information_on_an_asset_is_told_when_it_stands() -> None:
    assert after(updates.p2(), Code.PENDING) == []
    assert after(updates.p2_registry()) == []
    ended = updates.p2_result(code="NOT_AGREED", name="")
    told = after(updates.p2_registry(accepted=False), outcome="NOT_AGREED")
    assert told == [(REGISTRY, ended), (BROKER, ended)]
    assert after(updates.p2_update()) == [(BROKER, updates.p2_result())]
    refused = updates.p2_result(code="TERMS_DIFFER", name="")
    assert after(updates.p2_update(), Code.TERMS_DIFFER) == [(BROKER, refused)]


def test_a_pending_deposit_or_asset_is_answered_later() -> None:
    assert after(builders.y1(), Code.PENDING) == []
    assert after(builders.z1(), Code.PENDING) == []


def test_every_bank_learns_what_tokens_came_to_be_paid_out() -> None:
    y2 = transfers.y2(marks=(MARK, PAYING_MARK), bank=OPENING)
    told = after(y2, Code.PENDING, parts=[f"{MARK}:4000", f"{PAYING_MARK}:2000"])
    digest = sm3_hex(y2.text().encode())

    def received(mark: str, amount: int) -> Form:
        terms = {"quantity": amount, "cash": amount, "bank": OPENING, "answered": digest}
        return transfers.y2_received(mark=mark, **terms)

    assert told == [
        (BROKER, transfers.y2_checked()),
        (BANK, received(MARK, 40_00)),
        (PAYING, received(PAYING_MARK, 20_00)),
    ]


def test_a_withdrawal_that_is_not_covered_failed_its_check() -> None:
    checked = transfers.y2_checked(passed=False, code="INSUFFICIENT")
    assert after(transfers.y2(), Code.INSUFFICIENT) == [(BROKER, checked)]


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (transfers.y2_burn(), "BURNING"),
        (transfers.y2_moved(), "MOVED"),
        (transfers.y2_credited(sender=OPENING), "DESTROYED"),
    ],
    ids=lambda one: getattr(one, "NAME", one),
)
def test_each_step_is_told_to_banks_and_broker(made: Message, status: str) -> None:
    answer = transfers.y2_status(status=status, bank=OPENING)
    told = after(made, status=status, bank=OPENING)
    assert dict(told) == dict.fromkeys([BROKER, BANK, OPENING], answer)
    assert len(told) == 3
    assert told[0] == (made.sender, answer)


@pytest.mark.parametrize(
    ("code", "paid", "returned"),
    [("OK", 60_00, 0), ("PARTLY", 20_00, 40_00), ("RETURNED", 0, 60_00)],
)
def test_broker_and_opening_bank_learn_the_end(code: str, paid: int, returned: int) -> None:
    data = {"status": "DESTROYED", "bank": OPENING, "outcome": code}
    told = after(transfers.y2_credited(), **data, paid=paid, returned=returned)
    end = transfers.y2_result(code=code, paid=paid, returned=returned)
    assert told[3:] == [(BROKER, end), (OPENING, end)]


def test_a_step_out_of_turn_names_the_state() -> None:
    status = transfers.y2_status(code="OUT_OF_TURN", status="MOVED", bank="")
    told = after(transfers.y2_burn(), Code.OUT_OF_TURN, status="MOVED")
    assert told == [(BANK, status)]


def test_a_subscription_is_allowed_or_refused() -> None:
    assert after(transfers.z2()) == [(REGISTRY, transfers.z2_result())]
    assert after(transfers.s3()) == [(MATCHER, transfers.s3_result())]
    refused = {"allowed": False, "code": "TOO_MANY"}
    assert after(transfers.s3(), Code.TOO_MANY) == [(MATCHER, transfers.s3_result(**refused))]
    refused["code"] = "NOT_REGISTRAR"
    told = after(transfers.z2(), Code.NOT_REGISTRAR)
    assert told == [(REGISTRY, transfers.z2_result(**refused))]


def test_an_order_goes_to_those_who_follow_its_kind() -> None:
    s1 = builders.s1(of=builders.order(broadcast=True))
    own = (MATCHER, builders.s1_result(broadcast=True))
    assert after(s1, order="x", told=[OTHER_MATCHER]) == [own, (OTHER_MATCHER, transfers.s4())]
    assert after(s1) == [own]
    assert after(builders.s1()) == [(MATCHER, builders.s1_result())]
    refused = builders.s1_result(legal=False, code="INSUFFICIENT")
    assert after(s1, Code.INSUFFICIENT) == [(MATCHER, refused)]


def test_the_publisher_learns_who_adopted_his_order() -> None:
    adopted = builders.s1_result(broadcast=True, adopters=(OTHER_MATCHER,))
    told = after(transfers.s4_adopted(), adopters=[OTHER_MATCHER])
    assert told == [(OTHER_MATCHER, adopted), (MATCHER, adopted)]
    refused = builders.s1_result(legal=False, broadcast=False, code="ORDER_CLOSED")
    assert after(transfers.s4_adopted(), Code.ORDER_CLOSED) == [(OTHER_MATCHER, refused)]


def test_a_cancellation_goes_to_all_who_had_the_order() -> None:
    told = after(transfers.s2(), told=[A, OTHER_MATCHER])
    broadcast = transfers.s2_cancelled()
    assert told == [(MATCHER, transfers.s2_result()), (A, broadcast), (OTHER_MATCHER, broadcast)]
    told = after(transfers.cancel(), told=[MATCHER])
    broadcast = transfers.s2_cancelled(tx="CANCEL-1", side=Side.SELL, by=A)
    assert told == [(A, transfers.s2_result(tx="CANCEL-1")), (MATCHER, broadcast)]
    assert after(transfers.s2_removed()) == [(OTHER_MATCHER, transfers.s2_result())]


def test_a_settlement_is_told_to_owners_matchers_and_the_registry() -> None:
    told = after(builders.t1(), told=[OTHER_MATCHER], registry=REGISTRY)
    settled = transfers.t1_settled()
    assert told == [
        (MATCHER, builders.t1_result()),
        *[(party, settled) for party in (OTHER_MATCHER, A, B)],
        (REGISTRY, transfers.z3()),
    ]
    assert len(after(builders.t1())) == 3


def test_each_leg_is_a_transfer_from_seller_to_buyer() -> None:
    """Two sellers and one buyer, whose address is told once."""
    orders = (
        builders.reference(Side.SELL, 2, "O-2"),
        builders.reference(Side.BUY, 1),
        builders.reference(Side.SELL, 3, "O-3"),
        builders.reference(Side.BUY, 1, "O-4"),
    )
    legs = (builders.Leg(1, 0, 4, 10_00), builders.Leg(3, 2, 6, 11_00))
    t1 = builders.t1(orders=orders, legs=legs, price=0)
    told = after(t1, registry=REGISTRY)
    assert told[-2:] == [
        (REGISTRY, transfers.z3(quantity=4, source=B, target=A, leg=0)),
        (REGISTRY, transfers.z3(quantity=6, source=builders.address(3), target=A, leg=1)),
    ]
    assert [party for party, _ in told[1:-2]] == [B, A, builders.address(3)]


@pytest.mark.parametrize("code", [Code.OK, Code.PENDING])
@pytest.mark.parametrize(
    "made",
    [
        *(builders.admit(), builders.revoke(), builders.expire()),
        *(updates.rotate(), updates.status(), updates.activate()),
    ],
    ids=lambda made: made.NAME,
)
def test_a_message_of_governance_has_an_outcome(made: Message, code: Code) -> None:
    assert after(made, code) == [outcome(made, code)]


@pytest.mark.parametrize("code", [Code.OK, Code.ADDRESS_TAKEN])
def test_a_bank_learns_whether_its_address_takes_in_tokens(code: Code) -> None:
    told = after(transfers.receive(), code)
    assert told == [(BANK, transfers.receive_result(code=code))]


def test_those_concerned_learn_of_a_new_status_once() -> None:
    status = updates.status()
    told = after(status, told=[BANK])
    assert told == [outcome(status), (BANK, updates.changed())]
    assert after(status, Code.PENDING, told=[BANK]) == [outcome(status, "PENDING")]
    again = Result(status.identity, Code.OK, "", {"told": [BANK]}, repeated=True)
    assert status.answers(again) == [outcome(status)]


@pytest.mark.parametrize(
    ("kind", "owner"),
    [("ORDER", A), ("DEPOSIT", BROKER), ("UPDATE", BROKER), ("AMENDMENT", BROKER)]
    + [("ONCHAIN", A), ("LISTING", BROKER), ("WITHDRAWAL", A)],
)
def test_those_concerned_learn_what_expired(kind: str, owner: str) -> None:
    expire = builders.expire(kind=kind, owner=owner, side="", asset="")
    ended = builders.ended(kind=kind, owner=owner)
    told = after(expire, told=[owner, BANK])
    assert told == [outcome(expire), (owner, ended), (BANK, ended)]


def test_an_expiry_that_ends_a_withdrawal_brings_its_end() -> None:
    expire = builders.expire(kind="WITHDRAWAL", number="Y2-1", side="", asset="")
    data = {"outcome": "PARTLY", "paid": 20_00, "returned": 40_00, "ag": BROKER, "bank": OPENING}
    told = after(expire, told=[A, BROKER, OPENING], **data)
    end = transfers.y2_result(code="PARTLY", paid=20_00, returned=40_00)
    assert told[-2:] == [(BROKER, end), (OPENING, end)]
    assert len(told) == 6
