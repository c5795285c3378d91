"""撤销, 订阅, 广播, 行踪 (S2, CANCEL, S3, S4, Z2): who hears of an order, and who may end it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ufmi.protocol import Code, Result, Side
from ufmi.protocol.codes import asset_code
from ufmi.protocol.settlement import Leg

from .drafts import (
    BANK_A,
    BROKER_A,
    DAY_MS,
    MARKET,
    MATCHER_A,
    MATCHER_B,
    REGISTRY,
    SignedOrder,
    address,
)
from .market import MARK_A, MARK_B, TENTHS, WHOLE, Market

HOME = address("alice")
MATCHER_C = "NMATCCNBJXXX"
OTHER_REGISTRY = "NREGBCNBJXXX"
ALL = {MARK_A: 1_000, MARK_B: 500}


def buy(market: Market, price: int = 10, quantity: int = 50, **changes: Any) -> SignedOrder:
    return market.order("alice", Side.BUY, WHOLE, price, quantity, **changes)


def sell(market: Market, price: int = 10, quantity: int = 50, **changes: Any) -> SignedOrder:
    return market.order("bob", Side.SELL, WHOLE, price, quantity, **changes)


def broadcast(market: Market, signed: SignedOrder | None = None, **changes: Any) -> SignedOrder:
    """An open order of Alice whose owner allows its broadcast."""
    signed = signed or buy(market, broadcast=True, **changes)
    market.accept(market.s1(signed))
    return signed


def told(result: Result) -> set[str]:
    return set(result.data.get("told", ()))


# -- cancelling -------------------------------------------------------------------------------


def test_the_publisher_withdraws_and_all_goes_back(funded: Market) -> None:
    signed = buy(funded)
    funded.accept(funded.s1(signed))
    result = funded.accept(funded.s2(signed))
    assert told(result) == {HOME}
    assert funded.free_cash("alice") == ALL
    sold = sell(funded)
    funded.accept(funded.s1(sold))
    trade = funded.t1([signed, sold], [Leg(0, 1, 1, 10)])
    funded.refuse(trade, Code.ORDER_CLOSED)


def test_the_owner_withdraws_his_order_himself(funded: Market) -> None:
    signed = sell(funded)
    funded.accept(funded.s1(signed))
    assert told(funded.accept(funded.cancel(signed))) == {MATCHER_A}
    assert funded.holding("bob") == 100


def test_what_is_left_of_a_partly_filled_order_goes_back(funded: Market) -> None:
    bought, sold = buy(funded), sell(funded, quantity=20)
    funded.accept(funded.s1(bought), funded.s1(sold))
    funded.accept(funded.t1([bought, sold], [Leg(0, 1, 20, 10)]), funded.cancel(bought))
    assert funded.free_cash("alice") == {MARK_A: 800, MARK_B: 500}


def test_only_publisher_and_owner_cancel(funded: Market) -> None:
    signed = broadcast(funded)
    funded.accept(funded.adopt(signed))
    funded.refuse(funded.s2(signed, MATCHER_B), Code.NOT_PUBLISHER)
    # A cancellation names the sender's own order.
    funded.refuse(funded.cancel(signed, sender=address("bob")), Code.ORDER_UNKNOWN)
    funded.refuse(funded.s2(signed, MATCHER_A, sender=BANK_A), Code.ROLE_NOT_ALLOWED)


def test_an_order_is_cancelled_once(funded: Market) -> None:
    signed = buy(funded)
    funded.refuse(funded.s2(signed), Code.ORDER_UNKNOWN)
    funded.accept(funded.s1(signed), funded.s2(signed))
    funded.refuse(funded.s2(signed), Code.ORDER_CLOSED)
    funded.refuse(funded.cancel(signed), Code.ORDER_CLOSED)
    assert funded.free_cash("alice") == ALL


def test_a_filled_order_is_not_cancelled(funded: Market) -> None:
    bought, sold = buy(funded), sell(funded)
    funded.accept(funded.s1(bought), funded.s1(sold))
    funded.accept(funded.t1([bought, sold], [Leg(0, 1, 50, 10)]))
    funded.refuse(funded.s2(bought), Code.ORDER_USED_UP)
    funded.refuse(funded.cancel(sold), Code.ORDER_USED_UP)


@pytest.mark.parametrize(
    "changes", [{"asset": TENTHS}, {"asset_class": "BOND"}, {"side": Side.SELL}]
)
def test_a_cancellation_describes_the_order(funded: Market, changes: dict[str, Any]) -> None:
    signed = buy(funded)
    funded.accept(funded.s1(signed))
    funded.refuse(replace(funded.s2(signed), **changes), Code.ORDER_MISMATCH)
    funded.refuse(replace(funded.cancel(signed), **changes), Code.ORDER_MISMATCH)


def test_in_a_halt_and_from_a_frozen_address_orders_are_cancelled(funded: Market) -> None:
    first, second = buy(funded), sell(funded)
    funded.accept(funded.s1(first), funded.s1(second))
    funded.set_status("NETWORK", funded.network, "HALTED")
    funded.set_status("ASSET", WHOLE, "FROZEN")
    funded.set_status("ADDRESS", HOME, "FROZEN")
    funded.accept(funded.cancel(first), funded.s2(second))
    assert funded.free_cash("alice") == ALL


def test_an_order_past_its_time_may_be_cancelled_instead_of_expired(funded: Market) -> None:
    signed = buy(funded)
    funded.accept(funded.s1(signed))
    funded.advance(DAY_MS + 1)
    funded.accept(funded.cancel(signed))
    funded.refuse(funded.expire_order(signed), Code.ORDER_CLOSED)


def test_all_who_had_a_broadcast_order_hear_of_its_end(funded: Market) -> None:
    funded.admit_party(MATCHER_C, "MATCHER", MARKET)
    funded.accept(funded.s3(MATCHER_B), funded.s3(MATCHER_C))
    signed = broadcast(funded)
    funded.accept(funded.adopt(signed))
    result = funded.accept(funded.cancel(signed))
    assert told(result) == {MATCHER_A, MATCHER_B, MATCHER_C}


def test_a_matcher_answers_that_it_took_it_down(funded: Market) -> None:
    signed = broadcast(funded)
    funded.accept(funded.adopt(signed))
    s2 = funded.s2(signed)
    funded.accept(s2)
    funded.accept(funded.removed(signed, MATCHER_A, MATCHER_B, s2.tx))
    cancelled = funded.order("alice", Side.SELL, WHOLE, 1, 1)
    funded.accept(funded.s1(cancelled), funded.cancel(cancelled))
    funded.accept(funded.removed(cancelled, HOME, MATCHER_B))


def test_only_a_cancelled_order_is_taken_down(funded: Market) -> None:
    signed = broadcast(funded)
    funded.refuse(funded.removed(buy(funded), MATCHER_A, MATCHER_B), Code.ORDER_UNKNOWN)
    funded.refuse(funded.removed(signed, MATCHER_A, MATCHER_B), Code.NOT_PENDING)
    funded.advance(DAY_MS + 1)
    funded.accept(funded.expire_order(signed))
    funded.refuse(funded.removed(signed, MATCHER_A, MATCHER_B), Code.NOT_PENDING)


@pytest.mark.parametrize("by", [MATCHER_B, BANK_A, address("bob")])
def test_the_answer_goes_to_who_can_have_cancelled(funded: Market, by: str) -> None:
    """UFMI forwards it to `by`: to nobody who has nothing to do with the order."""
    signed = broadcast(funded)
    funded.accept(funded.s2(signed))
    funded.refuse(funded.removed(signed, by, MATCHER_B), Code.ORDER_MISMATCH)


# -- following --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "hears"),
    [
        ({}, True),
        ({"asset_class": "STOCK"}, True),
        ({"asset": WHOLE}, True),
        ({"side": "BUY"}, True),
        ({"asset_class": "STOCK", "asset": WHOLE, "side": "BUY"}, True),
        ({"asset_class": "BOND"}, False),
        ({"asset": TENTHS}, False),
        ({"side": "SELL"}, False),
        ({"asset": WHOLE, "side": "SELL"}, False),
    ],
)
def test_a_broadcast_goes_to_who_follows_its_kind(
    funded: Market, kind: dict[str, str], hears: bool
) -> None:
    funded.accept(funded.s3(MATCHER_B, **kind))
    result = funded.accept(funded.s1(buy(funded, broadcast=True)))
    assert told(result) == ({MATCHER_B} if hears else set())


def test_nobody_hears_what_the_owner_keeps_to_his_matcher(funded: Market) -> None:
    funded.accept(funded.s3(MATCHER_B))
    assert told(funded.accept(funded.s1(buy(funded)))) == set()
    to_one = buy(funded, broadcast=True, matchers=(MATCHER_A,))
    assert told(funded.accept(funded.s1(to_one))) == set()
    assert told(funded.accept(funded.s2(to_one))) == {HOME}


def test_the_publisher_does_not_hear_itself(funded: Market) -> None:
    funded.accept(funded.s3(MATCHER_A), funded.s3(MATCHER_B))
    assert told(funded.accept(funded.s1(buy(funded, broadcast=True)))) == {MATCHER_B}


def test_a_subscription_ends(funded: Market) -> None:
    funded.accept(funded.s3(MATCHER_B, asset=WHOLE), funded.s3(MATCHER_B, side="SELL"))
    funded.accept(funded.s3(MATCHER_B, False, asset=WHOLE))
    assert told(funded.accept(funded.s1(buy(funded, broadcast=True)))) == set()
    funded.accept(funded.s3(MATCHER_B, False, side="SELL"), funded.s3(MATCHER_B, False))
    assert funded.record("subscriptions")["matchers"] == {}


def test_a_subscription_made_twice_is_one(funded: Market) -> None:
    funded.accept(funded.s3(), funded.s3())
    funded.accept(funded.s3(MATCHER_B, False))
    assert told(funded.accept(funded.s1(buy(funded, broadcast=True)))) == set()


def test_a_matcher_subscribes_for_itself(market: Market) -> None:
    market.refuse(market.s3(MATCHER_B, manager=MATCHER_A), Code.SENDER_MISMATCH)
    market.refuse(market.s3(BANK_A), Code.ROLE_NOT_ALLOWED)


def test_a_matcher_has_at_most_sixteen_subscriptions(market: Market) -> None:
    for at in range(16):
        market.accept(market.s3(MATCHER_B, asset_class=f"CLASS{at}"))
    market.refuse(market.s3(MATCHER_B), Code.TOO_MANY)
    market.accept(market.s3(MATCHER_B, asset_class="CLASS3"), market.s3(MATCHER_A))
    market.accept(market.s3(MATCHER_B, False, asset_class="CLASS3"), market.s3(MATCHER_B))


def test_at_most_sixty_four_matchers_follow(market: Market) -> None:
    empty = {"asset_class": "", "asset": "", "side": ""}
    market.accept(market.s3(MATCHER_A))
    market.change("subscriptions", matchers={f"NMX{at:02}CNBJXXX": [empty] for at in range(64)})
    market.refuse(market.s3(MATCHER_B), Code.TOO_MANY)


# -- adopting ---------------------------------------------------------------------------------


def test_an_adopter_settles_like_the_publisher(funded: Market) -> None:
    signed, sold = broadcast(funded), sell(funded)
    funded.accept(funded.s1(sold, MATCHER_B))
    trade = funded.t1([signed, sold], [Leg(0, 1, 20, 10)], MATCHER_B)
    funded.refuse(trade, Code.NOT_ADOPTED)
    result = funded.accept(funded.adopt(signed))
    assert result.data["adopters"] == [MATCHER_B]
    trade = funded.t1([signed, sold], [Leg(0, 1, 20, 10)], MATCHER_B)
    assert told(funded.accept(trade)) == {MATCHER_A, BROKER_A}
    # The publisher of one order has not adopted the other.
    trade = funded.t1([signed, sold], [Leg(0, 1, 20, 10)], MATCHER_A)
    funded.refuse(trade, Code.NOT_ADOPTED)


def test_a_matcher_that_does_not_adopt_settles_nothing(funded: Market) -> None:
    signed, sold = broadcast(funded), sell(funded)
    funded.accept(funded.s1(sold, MATCHER_B), funded.adopt(signed, adopted=False))
    trade = funded.t1([signed, sold], [Leg(0, 1, 20, 10)], MATCHER_B)
    funded.refuse(trade, Code.NOT_ADOPTED)


def test_only_what_its_owner_allows_is_adopted(funded: Market) -> None:
    kept = buy(funded, 1, 1)
    limited = buy(funded, 1, 1, broadcast=True, matchers=(MATCHER_A,))
    funded.accept(funded.s1(kept), funded.s1(limited))
    funded.refuse(funded.adopt(kept), Code.MATCHER_NOT_ALLOWED)
    funded.refuse(funded.adopt(limited), Code.MATCHER_NOT_ALLOWED)


def test_an_adoption_names_order_and_publisher(funded: Market) -> None:
    signed = broadcast(funded)
    funded.refuse(funded.adopt(buy(funded)), Code.ORDER_UNKNOWN)
    funded.refuse(funded.adopt(signed, publisher=MATCHER_B), Code.ORDER_MISMATCH)
    funded.refuse(funded.adopt(signed, BANK_A), Code.ROLE_NOT_ALLOWED)


def test_what_has_ended_is_not_adopted(funded: Market) -> None:
    cancelled, filled, sold = broadcast(funded), broadcast(funded), sell(funded)
    funded.accept(funded.s2(cancelled), funded.s1(sold))
    funded.refuse(funded.adopt(cancelled), Code.ORDER_CLOSED)
    funded.accept(funded.t1([filled, sold], [Leg(0, 1, 50, 10)]))
    funded.refuse(funded.adopt(filled), Code.ORDER_USED_UP)
    late = broadcast(funded, sell(funded, quantity=1, broadcast=True))
    funded.advance(DAY_MS + 1)
    funded.refuse(funded.adopt(late), Code.ORDER_EXPIRED)


def test_at_most_eight_matchers_adopt_an_order(funded: Market) -> None:
    signed = broadcast(funded)
    for letter in "CDEFGHIJK":
        funded.admit_party(f"NMAT{letter}CNBJXXX", "MATCHER", MARKET)
    for letter in "CDEFGHIJ":
        funded.accept(funded.adopt(signed, f"NMAT{letter}CNBJXXX"))
    funded.refuse(funded.adopt(signed, "NMATKCNBJXXX"), Code.TOO_MANY)
    # Who has adopted it says so again, and the publisher has it anyway.
    funded.accept(funded.adopt(signed, MATCHER_C), funded.adopt(signed, MATCHER_A))


# -- transfers --------------------------------------------------------------------------------


def settle(market: Market) -> Result:
    bought, sold = buy(market, quantity=5), sell(market, quantity=5)
    market.accept(market.s1(bought), market.s1(sold))
    return market.accept(market.t1([bought, sold], [Leg(0, 1, 5, 10)]))


def test_a_registry_follows_its_asset(funded: Market) -> None:
    assert "registry" not in settle(funded).data
    funded.accept(funded.z2(WHOLE))
    assert settle(funded).data["registry"] == REGISTRY
    funded.accept(funded.z2(WHOLE, False))
    assert "registry" not in settle(funded).data


def test_only_the_registry_of_an_asset_follows_it(market: Market) -> None:
    market.admit_party(OTHER_REGISTRY, "REGISTRY")
    market.refuse(market.z2(WHOLE, manager=OTHER_REGISTRY), Code.NOT_REGISTRAR)
    market.refuse(market.z2(WHOLE, sender=OTHER_REGISTRY), Code.SENDER_MISMATCH)
    market.refuse(market.z2(asset_code(REGISTRY, "600009")), Code.ASSET_UNKNOWN)
    market.refuse(market.z2(WHOLE, manager=BANK_A), Code.ROLE_NOT_ALLOWED)
