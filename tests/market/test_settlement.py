"""结算管理 (T1): delivery versus payment within the signed limits, all legs or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from ufmi.protocol import Code, Side
from ufmi.protocol.settlement import T1, Leg

from .drafts import (
    BROKER_A,
    BROKER_B,
    DAY_MS,
    MARKET,
    MATCHER_A,
    MATCHER_B,
    SignedOrder,
    address,
    public_key,
)
from .market import MARK_A, MARK_B, TENTHS, WHOLE, Market


class Book:
    """Published orders of a market: Alice and Carol buy, Bob sells."""

    def __init__(self, market: Market, asset: str = WHOLE) -> None:
        self.market = market
        self.asset = asset

    def open(self, wallet: str, side: Side, price: int, quantity: int, **changes: Any) -> Any:
        matcher = changes.pop("matcher", MATCHER_A)
        signed = self.market.order(wallet, side, self.asset, price, quantity, **changes)
        self.market.accept(self.market.s1(signed, matcher))
        return signed

    def buy(self, price: int, quantity: int, wallet: str = "alice", **changes: Any) -> SignedOrder:
        return self.open(wallet, Side.BUY, price, quantity, **changes)

    def sell(self, price: int, quantity: int, wallet: str = "bob", **changes: Any) -> SignedOrder:
        return self.open(wallet, Side.SELL, price, quantity, **changes)

    def trade(
        self, buy: SignedOrder, sell: SignedOrder, quantity: int, price: int, **changes: Any
    ) -> T1:
        return self.market.t1([buy, sell], [Leg(0, 1, quantity, price)], **changes)

    def status(self, signed: SignedOrder) -> tuple[str, int]:
        order = self.market.record(f"order/{signed.order.address}/{signed.order.number}")
        return order["status"], order["rest"]


@pytest.fixture
def book(funded: Market) -> Book:
    return Book(funded)


# -- one trade --------------------------------------------------------------------------------


def test_asset_and_money_change_hands_together(book: Book) -> None:
    buy, sell = book.buy(10, 50), book.sell(10, 50)
    result = book.market.accept(book.trade(buy, sell, 50, 10))
    assert result.data == {"quantity": 50, "paid": 500, "told": [BROKER_A]}
    assert book.market.holding("alice") == 150
    assert book.market.free_cash("bob") == {MARK_A: 1_300}
    assert book.status(buy) == book.status(sell) == ("FILLED", 0)


def test_price_improvement_goes_back_with_the_fill(book: Book) -> None:
    buy, sell = book.buy(10, 50), book.sell(6, 50)
    book.market.accept(book.trade(buy, sell, 20, 7))
    assert book.market.free_cash("alice")[MARK_A] == 1_000 - 500 + 20 * 3
    order = book.market.record(f"order/{buy.order.address}/{buy.order.number}")
    assert order["held_cash"] == {MARK_A: 300}


def test_the_seller_may_get_more_than_his_limit(book: Book) -> None:
    buy, sell = book.buy(10, 50), book.sell(6, 50)
    book.market.accept(book.trade(buy, sell, 50, 10))
    assert book.market.free_cash("bob") == {MARK_A: 1_300}


@pytest.mark.parametrize("price", [5, 11])
def test_no_owners_limit_is_passed(book: Book, price: int) -> None:
    buy, sell = book.buy(10, 50), book.sell(6, 50)
    book.market.refuse(book.trade(buy, sell, 50, price), Code.PRICE_BEYOND_LIMIT)


def test_orders_that_do_not_cross_do_not_settle(book: Book) -> None:
    buy, sell = book.buy(6, 50), book.sell(7, 50)
    for price in (6, 7):
        book.market.refuse(book.trade(buy, sell, 50, price), Code.PRICE_BEYOND_LIMIT)


def test_the_money_of_both_banks_is_paid_in_order(book: Book) -> None:
    buy, sell = book.buy(12, 100), book.sell(11, 100)
    book.market.accept(book.trade(buy, sell, 95, 11))
    assert book.market.free_cash("bob") == {MARK_A: 1_800, MARK_B: 45}
    # 95 at one less; the rest of five needs 60.
    assert book.market.free_cash("alice") == {MARK_B: 300 + 95}
    order = book.market.record(f"order/{buy.order.address}/{buy.order.number}")
    assert order["held_cash"] == {MARK_B: 60}


def test_an_owner_may_trade_with_himself(book: Book) -> None:
    buy, sell = book.buy(10, 5), book.sell(9, 5, "alice")
    book.market.accept(book.trade(buy, sell, 5, 9))
    assert book.market.free_cash("alice") == {MARK_A: 1_000, MARK_B: 500}
    assert book.market.holding("alice") == 100


# -- partial fills ----------------------------------------------------------------------------


def test_several_settlements_fill_one_order(book: Book) -> None:
    buy, first, second = book.buy(10, 50), book.sell(10, 30), book.sell(9, 40)
    book.market.accept(book.trade(buy, first, 30, 10))
    assert book.status(buy) == ("OPEN", 20)
    book.market.accept(book.trade(buy, second, 20, 9))
    assert book.status(buy) == ("FILLED", 0)
    assert book.status(second) == ("OPEN", 20)


def test_what_comes_after_the_quantity_is_used_up_is_rejected(book: Book) -> None:
    buy, sell = book.buy(10, 50), book.sell(10, 90)
    book.market.accept(book.trade(buy, sell, 30, 10))
    book.market.refuse(book.trade(buy, sell, 21, 10), Code.ORDER_USED_UP)
    book.market.accept(book.trade(buy, sell, 20, 10))
    book.market.refuse(book.trade(buy, sell, 1, 10), Code.ORDER_USED_UP)


def test_in_a_batch_the_first_to_come_is_settled(book: Book) -> None:
    buy, sell = book.buy(10, 50), book.sell(10, 50)
    lines = [book.market.line(book.trade(buy, sell, 30, 10)) for _ in range(2)]
    codes = [result.code for result in book.market.execute(lines)]
    assert codes == [Code.OK, Code.ORDER_USED_UP]


def test_a_settlement_repeated_pays_once(book: Book) -> None:
    t1 = book.trade(book.buy(10, 50), book.sell(10, 50), 20, 10)
    book.market.accept(t1)
    assert book.market.send(t1).repeated
    assert book.market.free_cash("bob") == {MARK_A: 1_000}


# -- several legs -----------------------------------------------------------------------------


def legs_of(book: Book) -> tuple[list[SignedOrder], list[Leg]]:
    """Alice buys from Bob and Carol, Carol buys from Bob."""
    orders = [
        book.buy(10, 50),
        book.buy(8, 20, "carol"),
        book.sell(7, 40),
        book.sell(8, 30, "carol"),
    ]
    return orders, [Leg(0, 2, 20, 9), Leg(0, 3, 30, 10), Leg(1, 2, 20, 7)]


def test_legs_settle_together(book: Book) -> None:
    orders, legs = legs_of(book)
    result = book.market.accept(book.market.t1(orders, legs))
    assert result.data == {"quantity": 70, "paid": 620, "told": [BROKER_A, BROKER_B]}
    assert [book.status(one)[0] for one in orders] == ["FILLED"] * 4
    assert book.market.holding("alice") == 150


def test_all_legs_are_paid_before_what_was_saved_goes_back(book: Book) -> None:
    """Alice holds 1000 of bank A and 200 of bank B; both legs cost less than her limit."""
    buy, first, second = book.buy(12, 100), book.sell(9, 50), book.sell(9, 50, "carol")
    legs = [Leg(0, 1, 50, 10), Leg(0, 2, 50, 9)]
    book.market.accept(book.market.t1([buy, first, second], legs))
    assert book.market.free_cash("bob") == {MARK_A: 800 + 500}
    assert book.market.free_cash("carol") == {MARK_A: 450, MARK_B: 600}
    assert book.market.free_cash("alice") == {MARK_A: 50, MARK_B: 300 + 200}


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize(
    ("changes", "code"),
    [({"price": 50}, Code.PRICE_BEYOND_LIMIT), ({"quantity": 60}, Code.ORDER_USED_UP)],
)
def test_one_wrong_leg_rejects_all(
    book: Book, at: int, changes: dict[str, int], code: Code
) -> None:
    orders, legs = legs_of(book)
    legs[at] = replace(legs[at], **changes)
    book.market.refuse(book.market.t1(orders, legs), code)


def test_legs_together_do_not_fill_more_than_there_is(book: Book) -> None:
    buy, sell = book.buy(10, 50), book.sell(10, 30)
    draft = book.market.t1([buy, sell], [Leg(0, 1, 20, 10), Leg(0, 1, 20, 10)])
    book.market.refuse(draft, Code.ORDER_USED_UP)


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": 71},
        {"price": 9},
        {"legs": (Leg(0, 2, 20, 9), Leg(0, 3, 50, 10))},
        {"legs": (Leg(2, 0, 20, 9), Leg(0, 3, 30, 10), Leg(1, 2, 20, 7))},
        {"legs": (Leg(0, 1, 20, 9), Leg(0, 3, 30, 10), Leg(1, 2, 20, 7))},
        {"legs": (Leg(0, 4, 20, 9), Leg(0, 3, 30, 10), Leg(1, 2, 20, 7))},
    ],
)
def test_orders_legs_and_totals_have_to_agree(book: Book, changes: dict[str, Any]) -> None:
    orders, legs = legs_of(book)
    draft = replace(book.market.t1(orders, legs), **changes)
    book.market.refuse(draft, Code.LEGS_MISMATCH)


def test_one_price_of_all_legs_is_stated(book: Book) -> None:
    t1 = book.trade(book.buy(10, 50), book.sell(10, 50), 50, 10)
    book.market.refuse(replace(t1, price=0), Code.LEGS_MISMATCH)


def test_an_order_is_listed_once(book: Book) -> None:
    buy, sell = book.buy(10, 50), book.sell(10, 50)
    draft = book.market.t1([buy, sell, sell], [Leg(0, 1, 5, 10), Leg(0, 2, 5, 10)])
    book.market.refuse(draft, Code.LEGS_MISMATCH)


def test_all_orders_are_of_one_asset(book: Book) -> None:
    buy, sell = book.buy(10, 50), book.sell(10, 50)
    other = Book(book.market, TENTHS).sell(10, 50)
    draft = book.market.t1([buy, sell, other], [Leg(0, 1, 5, 10), Leg(0, 2, 5, 10)])
    book.market.refuse(draft, Code.LEGS_MISMATCH)


# -- amounts that divide ----------------------------------------------------------------------


def test_the_price_of_the_trade_has_to_divide(funded: Market) -> None:
    book = Book(funded, TENTHS)
    buy, sell = book.buy(10, 20), book.sell(2, 20)
    funded.refuse(book.trade(buy, sell, 5, 5), Code.NOT_DIVISIBLE)
    funded.accept(book.trade(buy, sell, 5, 6))


@pytest.mark.parametrize(("buy_at", "sell_at"), [(5, 2), (4, 1)])
def test_what_remains_has_to_divide_at_every_limit(
    funded: Market, buy_at: int, sell_at: int
) -> None:
    book = Book(funded, TENTHS)
    buy, sell = book.buy(buy_at, 20), book.sell(sell_at, 20)
    funded.refuse(book.trade(buy, sell, 5, 4), Code.NOT_DIVISIBLE)


def test_only_what_remains_after_all_legs_has_to_divide_at_the_limit(funded: Market) -> None:
    """Each leg divides at the trade's price; nothing remains (messages, rule 10)."""
    book = Book(funded, TENTHS)
    buy = book.buy(5, 10)
    first, second = book.sell(2, 5), book.sell(4, 5)
    funded.accept(funded.t1([buy, first, second], [Leg(0, 1, 5, 4), Leg(0, 2, 5, 4)]))
    assert book.status(buy) == ("FILLED", 0)
    assert funded.free_cash("alice")[MARK_A] == 1_000 - 4


# -- who settles what -------------------------------------------------------------------------


def test_only_the_publisher_of_every_order_settles(book: Book) -> None:
    buy, sell = book.buy(10, 50), book.sell(10, 50, matcher=MATCHER_B)
    for matcher in (MATCHER_A, MATCHER_B):
        draft = book.trade(buy, sell, 50, 10, matcher=matcher)
        book.market.refuse(draft, Code.NOT_ADOPTED)


def test_only_matchers_settle(book: Book) -> None:
    draft = book.trade(book.buy(10, 5), book.sell(10, 5), 5, 10, sender=BROKER_A)
    book.market.refuse(draft, Code.ROLE_NOT_ALLOWED)


def test_an_order_that_was_never_published_does_not_settle(book: Book) -> None:
    ghost = book.market.order("alice", Side.BUY, WHOLE, 10, 50)
    book.market.refuse(book.trade(ghost, book.sell(10, 50), 50, 10), Code.ORDER_UNKNOWN)


def references(t1: T1, at: int, **changes: Any) -> T1:
    """The T1 with one of its order references changed."""
    orders = list(t1.orders)
    orders[at] = replace(orders[at], **changes)
    return replace(t1, orders=tuple(orders))


def test_references_describe_their_orders(book: Book) -> None:
    t1 = book.trade(book.buy(10, 50), book.sell(10, 50), 50, 10)
    wrong = references(references(t1, 0, asset=TENTHS), 1, asset=TENTHS)
    book.market.refuse(wrong, Code.ORDER_MISMATCH)
    classes = references(
        references(
            t1,
            0,
            asset_class="BOND",
        ),
        1,
        asset_class="BOND",
    )
    book.market.refuse(replace(classes, tx="other"), Code.ORDER_MISMATCH)


def test_a_sell_order_is_not_settled_as_a_buy_order(book: Book) -> None:
    first, second = book.sell(10, 50, "alice"), book.sell(10, 50)
    t1 = references(book.trade(first, second, 50, 10), 0, side=Side.BUY)
    book.market.refuse(t1, Code.ORDER_MISMATCH)


def test_settlement_is_in_the_matchers_market(book: Book) -> None:
    book.market.admit_party("MXOTH", "MARKET")
    t1 = book.trade(book.buy(10, 50), book.sell(10, 50), 50, 10)
    book.market.refuse(replace(t1, market="MXOTH"), Code.PARTY_UNKNOWN)


# -- expired, revoked, halted -----------------------------------------------------------------


def test_an_expired_order_never_settles_and_gives_the_rest_back(book: Book) -> None:
    buy, sell = book.buy(10, 50), book.sell(8, 50, valid_until=book.market.now + 9 * DAY_MS)
    book.market.accept(book.trade(buy, sell, 20, 9))
    book.market.advance(DAY_MS + 1)
    book.market.refuse(book.trade(buy, sell, 30, 9), Code.ORDER_EXPIRED)
    book.market.accept(book.market.expire_order(buy))
    book.market.refuse(book.trade(buy, sell, 30, 9), Code.ORDER_CLOSED)
    assert book.market.free_cash("alice") == {MARK_A: 1_000 - 20 * 9, MARK_B: 500}
    assert book.status(buy) == ("EXPIRED", 30)


def test_an_order_settles_up_to_its_last_millisecond(book: Book) -> None:
    buy, sell = book.buy(10, 50), book.sell(10, 50)
    book.market.advance(DAY_MS)
    book.market.accept(book.trade(buy, sell, 50, 10))


def test_a_filled_order_does_not_expire(book: Book) -> None:
    buy, sell = book.buy(10, 50), book.sell(10, 50)
    book.market.accept(book.trade(buy, sell, 50, 10))
    book.market.advance(DAY_MS + 1)
    book.market.refuse(book.market.expire_order(buy), Code.ORDER_CLOSED)


@pytest.mark.parametrize("wallet", ["alice", "bob"])
def test_open_orders_of_a_revoked_wallet_still_settle(book: Book, wallet: str) -> None:
    buy, sell = book.buy(10, 50), book.sell(10, 50)
    home = address(wallet)
    book.market.accept(book.market.revoke(home, public_key(wallet), home))
    book.market.accept(book.trade(buy, sell, 50, 10))


def test_what_a_revoked_wallets_order_holds_goes_back_to_it(book: Book) -> None:
    buy = book.buy(10, 50)
    home = address("alice")
    book.market.accept(book.market.revoke(home, public_key("alice"), home))
    book.market.advance(DAY_MS + 1)
    book.market.accept(book.market.expire_order(buy))
    assert book.market.free_cash("alice") == {MARK_A: 1_000, MARK_B: 500}


def test_a_revoked_matcher_settles_nothing(book: Book) -> None:
    t1 = book.trade(book.buy(10, 50), book.sell(10, 50), 50, 10)
    book.market.accept(book.market.revoke(MATCHER_A, public_key(MATCHER_A), MATCHER_A))
    book.market.refuse(t1, Code.KEY_REVOKED)


STANDINGS: Sequence[tuple[str, str, str, Code]] = [
    ("NETWORK", "", "HALTED", Code.MARKET_HALTED),
    ("PARTY", MARKET, "SUSPENDED", Code.PARTY_INACTIVE),
    ("PARTY", MARKET, "HALTED", Code.MARKET_HALTED),
    ("PARTY", MATCHER_A, "FROZEN", Code.PARTY_INACTIVE),
    ("ASSET", WHOLE, "HALTED", Code.ASSET_INACTIVE),
    ("ASSET", WHOLE, "FROZEN", Code.ASSET_INACTIVE),
    ("ADDRESS", address("alice"), "FROZEN", Code.ADDRESS_FROZEN),
    ("ADDRESS", address("bob"), "FROZEN", Code.ADDRESS_FROZEN),
]


@pytest.mark.parametrize(("kind", "subject", "status", "code"), STANDINGS)
def test_what_is_halted_or_frozen_does_not_settle(
    book: Book, kind: str, subject: str, status: str, code: Code
) -> None:
    buy, sell = book.buy(10, 50), book.sell(10, 50)
    book.market.set_status(kind, subject or book.market.network, status)
    book.market.refuse(book.trade(buy, sell, 50, 10), code)
    book.market.set_status(kind, subject or book.market.network, "ACTIVE")
    book.market.accept(book.trade(buy, sell, 50, 10))


def test_an_asset_that_is_gone_is_unknown(book: Book) -> None:
    """No message removes an asset; the rule holds all the same."""
    t1 = book.trade(book.buy(10, 50), book.sell(10, 50), 50, 10)
    book.market.model = None
    del book.market.state[f"asset/{WHOLE}"]
    book.market.refuse(t1, Code.ASSET_UNKNOWN)
