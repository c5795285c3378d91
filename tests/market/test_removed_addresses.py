"""What an address that was removed (X2) still may: sell, settle, be paid out; no more."""

from __future__ import annotations

from typing import Any

from ufmi.protocol import Code, Side
from ufmi.protocol.codes import user_id
from ufmi.protocol.settlement import Leg

from .drafts import (
    BANK_A,
    BANK_B,
    BROKER_B,
    address,
)
from .market import ALICE, BOB, MARK_A, WHOLE, Market

HOME = address("bob")


def change(market: Market, remove: Any = (), add: Any = ()) -> None:
    """Bob's addresses change with his own consent."""
    market.accept(market.x2("bob", BOB, remove, add, by="bob"))


def test_a_removed_address_takes_nothing_in(market: Market) -> None:
    change(market, ["bob"], ["dora"])
    market.refuse(market.y1("bob", BOB, "bob", 5), Code.ADDRESS_MISMATCH)
    market.refuse(market.z1("bob", BOB, "bob", "600001", 5), Code.ADDRESS_MISMATCH)


def test_what_was_asked_before_the_removal_does_not_come(market: Market) -> None:
    y1, z1 = market.y1("bob", BOB, "bob", 5), market.z1("bob", BOB, "bob", "600001", 5)
    market.accept(y1, z1)
    change(market, ["bob"], ["dora"])
    market.refuse(market.y1_locked(y1), Code.ADDRESS_MISMATCH)
    market.refuse(market.z1_locked(z1), Code.ADDRESS_MISMATCH)


def test_a_removed_address_sells_and_does_not_buy(funded: Market) -> None:
    change(funded, ["bob"], ["dora"])
    funded.refuse(funded.s1(funded.order("bob", Side.BUY, WHOLE, 1, 1)), Code.ADDRESS_MISMATCH)
    sell, buy = (
        funded.order("bob", Side.SELL, WHOLE, 1, 5),
        funded.order("alice", Side.BUY, WHOLE, 1, 5),
    )
    funded.accept(funded.s1(sell), funded.s1(buy))
    funded.accept(funded.t1([buy, sell], [Leg(0, 1, 5, 1)]))
    assert funded.free_cash("bob") == {MARK_A: 805}


def test_open_orders_of_a_removed_address_still_settle(funded: Market) -> None:
    buy, sell = (
        funded.order("bob", Side.BUY, WHOLE, 2, 5),
        funded.order("alice", Side.SELL, WHOLE, 1, 5),
    )
    funded.accept(funded.s1(sell), funded.s1(buy))
    change(funded, ["bob"], ["dora"])
    funded.accept(funded.t1([buy, sell], [Leg(0, 1, 5, 1)]))
    assert funded.holding("bob") == 105


def test_money_on_a_removed_address_is_withdrawn_and_goes_back_there(funded: Market) -> None:
    change(funded, ["bob"], ["dora"])
    y2 = funded.withdraw("bob", BOB, "bob", 100, [MARK_A])
    funded.accept(y2, funded.burn(y2, BANK_A, 100, False))
    assert funded.free_cash("bob") == {MARK_A: 800}


def test_the_owner_of_a_removed_address_cancels_his_orders(funded: Market) -> None:
    order = funded.order("bob", Side.BUY, WHOLE, 2, 5)
    funded.accept(funded.s1(order))
    change(funded, ["bob"], ["dora"])
    funded.accept(funded.cancel(order))
    assert funded.free_cash("bob") == {MARK_A: 800}


def test_the_same_user_may_add_a_removed_address_again(market: Market) -> None:
    change(market, ["bob"], ["dora"])
    market.accept(market.x2("bob", BOB, (), ["bob"], by="dora"))
    [account] = market.record(f"user/{BOB}")["accounts"]
    assert account["addresses"] == [address("dora"), HOME]
    market.deposit("bob", 5)


def test_another_broker_of_the_user_may_take_a_removed_address(market: Market) -> None:
    change(market, ["bob"], ["dora"])
    x1 = market.x1("bob", ["bob"], broker=BROKER_B, bank=BANK_B, unified=BOB)
    market.accept(x1, market.x1_bank(x1, BOB), market.x1_registry(x1, BOB))
    market.deposit("bob", 5)
    market.bring("bob", "600001", 5)
    market.accept(market.s1(market.order("bob", Side.BUY, WHOLE, 1, 1)))


def test_nobody_else_gets_a_removed_address(market: Market) -> None:
    change(market, ["bob"], ["dora"])
    market.refuse(market.x1("emil", ["bob"]), Code.ADDRESS_TAKEN, user=user_id(5))
    market.refuse(market.x2("alice", ALICE, (), ["bob"]), Code.ADDRESS_TAKEN)
