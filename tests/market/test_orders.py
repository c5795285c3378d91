"""订单管理 (S1): an order is its owner's will, covered and locked; what expires goes back."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ufmi.protocol import AMOUNT_MAX, Code, Side
from ufmi.protocol.codes import asset_code

from .drafts import (
    BANK_A,
    BROKER_A,
    DAY_MS,
    ELSEWHERE,
    MARKET,
    MATCHER_A,
    MATCHER_B,
    REGISTRY,
    STRANGER,
    SignedOrder,
    address,
    public_key,
)
from .market import MARK_A, MARK_B, TENTHS, WHOLE, Market

HOME = address("alice")


def buy(market: Market, price: int = 10, quantity: int = 5, **changes: Any) -> SignedOrder:
    return market.order("alice", Side.BUY, WHOLE, price, quantity, **changes)


def sell(market: Market, price: int = 10, quantity: int = 5, **changes: Any) -> SignedOrder:
    return market.order("alice", Side.SELL, WHOLE, price, quantity, **changes)


# -- what an order locks ----------------------------------------------------------------------


def test_a_buy_order_locks_price_times_quantity(funded: Market) -> None:
    signed = buy(funded, 10, 5)
    result = funded.accept(funded.s1(signed))
    assert result.data == {"order": f"{HOME}/{signed.order.number}"}
    assert funded.free_cash("alice") == {MARK_A: 950, MARK_B: 500}
    assert funded.record(f"order/{HOME}/{signed.order.number}")["held_cash"] == {MARK_A: 50}


def test_a_sell_order_locks_its_quantity(funded: Market) -> None:
    signed = sell(funded, 10, 5)
    funded.accept(funded.s1(signed))
    assert funded.holding("alice") == 95
    assert funded.record(f"order/{HOME}/{signed.order.number}")["held"] == 5


def test_marks_are_taken_in_order_of_bank_id(funded: Market) -> None:
    signed = buy(funded, 12, 100)
    funded.accept(funded.s1(signed))
    held = funded.record(f"order/{HOME}/{signed.order.number}")["held_cash"]
    assert held == {MARK_A: 1_000, MARK_B: 200}
    assert funded.free_cash("alice") == {MARK_B: 300}


def test_the_price_is_for_a_whole_unit(funded: Market) -> None:
    signed = funded.order("alice", Side.BUY, TENTHS, 10, 25)
    funded.accept(funded.s1(signed))
    assert funded.free_cash("alice")[MARK_A] == 975


def test_an_order_may_take_all(funded: Market) -> None:
    funded.accept(funded.s1(buy(funded, 15, 100)), funded.s1(sell(funded, 1, 100)))
    assert funded.free_cash("alice") == {}
    assert funded.holding("alice") == 0


@pytest.mark.parametrize(("price", "quantity"), [(1, 1_501), (1_501, 1)])
def test_free_money_has_to_cover_it(funded: Market, price: int, quantity: int) -> None:
    funded.refuse(funded.s1(buy(funded, price, quantity)), Code.INSUFFICIENT)


def test_free_assets_have_to_cover_it(funded: Market) -> None:
    funded.refuse(funded.s1(sell(funded, 1, 101)), Code.INSUFFICIENT)
    funded.refuse(funded.s1(funded.order("alice-2", Side.SELL, WHOLE, 1, 1)), Code.INSUFFICIENT)


def test_the_second_order_of_a_batch_sees_what_the_first_locked(funded: Market) -> None:
    lines = [funded.line(funded.s1(sell(funded, 1, 60))) for _ in range(2)]
    codes = [result.code for result in funded.execute(lines)]
    assert codes == [Code.OK, Code.INSUFFICIENT]


def test_price_times_quantity_has_to_divide(funded: Market) -> None:
    draft = funded.s1(funded.order("alice", Side.BUY, TENTHS, 1, 5))
    funded.refuse(draft, Code.NOT_DIVISIBLE)
    funded.refuse(funded.s1(funded.order("alice", Side.SELL, TENTHS, 3, 5)), Code.NOT_DIVISIBLE)


def test_an_amount_beyond_the_greatest_is_refused(funded: Market) -> None:
    funded.refuse(funded.s1(buy(funded, AMOUNT_MAX, 2)), Code.TOO_LARGE)


# -- whose will it is -------------------------------------------------------------------------


def test_an_order_needs_its_owners_signature(funded: Market) -> None:
    funded.refuse(funded.s1(sell(funded, by="bob")), Code.PROOF_INVALID)


@pytest.mark.parametrize(
    "changed",
    [{"quantity": 6}, {"price": 9}, {"valid_until": 9_999_999_999_999}, {"broadcast": True},
     {"matchers": (MATCHER_B,)}, {"currency": "HKD"}],
)  # fmt: skip
def test_nothing_in_a_signed_order_is_changed(funded: Market, changed: dict[str, Any]) -> None:
    signed = sell(funded)
    forged = SignedOrder(replace(signed.order, **changed), signed.signature)
    funded.refuse(funded.s1(forged), Code.PROOF_INVALID)


def test_somebody_elses_key_does_not_sign_for_an_address(funded: Market) -> None:
    forged = sell(funded, key=public_key("bob"), by="bob")
    funded.refuse(funded.s1(forged), Code.ADDRESS_MISMATCH)


def test_an_address_without_an_owner_places_no_order(funded: Market) -> None:
    draft = funded.s1(funded.order("dora", Side.SELL, WHOLE, 1, 1))
    funded.refuse(draft, Code.ADDRESS_UNKNOWN)


def test_a_revoked_wallet_places_no_order(funded: Market) -> None:
    signed = sell(funded)
    funded.accept(funded.revoke(HOME, public_key("alice"), HOME))
    funded.refuse(funded.s1(signed), Code.ADDRESS_REVOKED)


def test_a_frozen_address_places_no_order(funded: Market) -> None:
    funded.set_status("ADDRESS", HOME, "FROZEN")
    funded.refuse(funded.s1(sell(funded)), Code.ADDRESS_FROZEN)


def test_an_order_for_another_network_is_refused(funded: Market) -> None:
    funded.refuse(funded.s1(sell(funded, network=ELSEWHERE)), Code.PROOF_INVALID)


@pytest.mark.parametrize(
    "changes", [{"number": "other"}, {"asset_class": "BOND"}, {"asset": TENTHS}, {"side": Side.BUY}]
)
def test_the_instruction_describes_the_order_that_was_signed(
    funded: Market, changes: dict[str, Any]
) -> None:
    funded.refuse(funded.s1(sell(funded), **changes), Code.ORDER_MISMATCH)


def test_a_number_opens_one_order_ever(funded: Market) -> None:
    first = sell(funded, 10, 5, number="n1")
    funded.accept(funded.s1(first))
    funded.refuse(funded.s1(first), Code.ORDER_EXISTS)
    funded.refuse(funded.s1(first, MATCHER_B), Code.ORDER_EXISTS)
    funded.refuse(funded.s1(buy(funded, number="n1")), Code.ORDER_EXISTS)


def test_a_number_is_not_free_again_after_the_end(funded: Market) -> None:
    signed = sell(funded, number="n1")
    funded.accept(funded.s1(signed))
    funded.advance(DAY_MS + 1)
    funded.accept(funded.expire_order(signed))
    funded.refuse(funded.s1(sell(funded, number="n1")), Code.ORDER_EXISTS)


def test_two_owners_may_use_the_same_number(funded: Market) -> None:
    funded.accept(funded.s1(sell(funded, number="n1")))
    funded.accept(funded.s1(funded.order("bob", Side.SELL, WHOLE, 1, 1, number="n1")))


def test_a_refused_order_may_be_published_later(funded: Market) -> None:
    signed = buy(funded, 16, 100)
    funded.refuse(funded.s1(signed), Code.INSUFFICIENT)
    funded.deposit("alice", 100)
    funded.accept(funded.s1(signed))


# -- where and what ---------------------------------------------------------------------------


def test_only_matchers_that_the_owner_allows_publish(funded: Market) -> None:
    signed = sell(funded, matchers=(MATCHER_B,))
    funded.refuse(funded.s1(signed), Code.MATCHER_NOT_ALLOWED)
    funded.accept(funded.s1(signed, MATCHER_B))


def test_only_matchers_publish(funded: Market) -> None:
    funded.refuse(funded.s1(sell(funded), BROKER_A), Code.ROLE_NOT_ALLOWED)


@pytest.mark.parametrize("market_id", ["MXNEW", "MXOTH"])
def test_a_matcher_publishes_in_its_own_market(funded: Market, market_id: str) -> None:
    funded.admit_party("MXOTH", "MARKET")
    funded.refuse(funded.s1(sell(funded), market=market_id), Code.PARTY_UNKNOWN)


def test_a_matcher_of_all_markets_publishes_in_each(funded: Market) -> None:
    funded.admit_party("NMATCCNBJXXX", "MATCHER")
    funded.admit_party("MXOTH", "MARKET")
    funded.accept(funded.s1(sell(funded), "NMATCCNBJXXX", market="MXOTH"))
    funded.accept(funded.s1(sell(funded), "NMATCCNBJXXX", market=MARKET))


def test_an_unknown_asset_is_not_traded(funded: Market) -> None:
    signed = funded.order("alice", Side.SELL, asset_code(REGISTRY, "600008"), 1, 1)
    funded.refuse(funded.s1(signed), Code.ASSET_UNKNOWN)


def test_class_and_currency_are_the_assets(funded: Market) -> None:
    funded.refuse(funded.s1(sell(funded, asset_class="BOND")), Code.CLASS_MISMATCH)
    funded.refuse(funded.s1(sell(funded, currency="USD")), Code.CURRENCY_MISMATCH)


@pytest.mark.parametrize("flag", ["HALTED", "FROZEN"])
def test_a_halted_asset_is_not_traded(funded: Market, flag: str) -> None:
    funded.set_status("ASSET", WHOLE, flag)
    funded.refuse(funded.s1(sell(funded)), Code.ASSET_INACTIVE)


def test_in_a_halt_nothing_is_published(funded: Market) -> None:
    signed = sell(funded)
    funded.set_status("NETWORK", funded.network, "HALTED")
    funded.refuse(funded.s1(signed), Code.MARKET_HALTED)
    funded.set_status("NETWORK", funded.network, "ACTIVE")
    funded.set_status("PARTY", MARKET, "HALTED")
    funded.refuse(funded.s1(sell(funded)), Code.MARKET_HALTED)
    funded.set_status("PARTY", MARKET, "SUSPENDED")
    assert funded.send(funded.s1(signed)).code in (Code.PARTY_INACTIVE, Code.MARKET_HALTED)


# -- the end ----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", list(Side))
def test_an_expired_order_gives_everything_back(funded: Market, side: Side) -> None:
    before = (funded.free_cash("alice"), funded.holding("alice"))
    signed = funded.order("alice", side, WHOLE, 14, 100)
    funded.accept(funded.s1(signed))
    funded.advance(DAY_MS + 1)
    result = funded.accept(funded.expire_order(signed))
    assert (funded.free_cash("alice"), funded.holding("alice")) == before
    assert result.data["told"] == [HOME, MATCHER_A]


def test_nothing_ends_before_its_time(funded: Market) -> None:
    signed = sell(funded)
    funded.accept(funded.s1(signed))
    funded.advance(DAY_MS)
    funded.refuse(funded.expire_order(signed), Code.NOT_EXPIRED)


def test_anybody_may_end_what_has_expired_once(funded: Market) -> None:
    signed = sell(funded)
    funded.accept(funded.s1(signed))
    funded.advance(DAY_MS + 1)
    funded.accept(funded.expire_order(signed, BANK_A))
    funded.refuse(funded.expire_order(signed), Code.ORDER_CLOSED)


@pytest.mark.parametrize(
    "changes", [{"side": "BUY"}, {"side": ""}, {"asset": TENTHS}, {"asset": ""}]
)
def test_the_expiry_describes_the_order(funded: Market, changes: dict[str, str]) -> None:
    signed = sell(funded)
    funded.accept(funded.s1(signed))
    funded.advance(DAY_MS + 1)
    funded.refuse(replace(funded.expire_order(signed), **changes), Code.ORDER_MISMATCH)


def test_an_order_that_has_expired_is_not_published(funded: Market) -> None:
    signed = sell(funded, valid_until=funded.now)
    funded.advance(1)
    funded.refuse(funded.s1(signed), Code.ORDER_EXPIRED)
    funded.accept(funded.s1(sell(funded, valid_until=funded.now)))


def test_a_stranger_to_the_network_ends_nothing(funded: Market) -> None:
    signed = sell(funded)
    funded.accept(funded.s1(signed))
    funded.advance(DAY_MS + 1)
    funded.refuse(funded.expire_order(signed, STRANGER), Code.SIGNER_UNKNOWN)


@pytest.mark.parametrize("side", list(Side))
def test_an_ended_order_returns_whatever_else_the_owner_was_given(
    funded: Market, side: Side
) -> None:
    """What an order held always goes back, however much bank or registry mint meanwhile."""
    signed = funded.order("alice", side, WHOLE, 10, 100)
    funded.accept(funded.s1(signed))
    if side is Side.BUY:
        funded.deposit("alice", AMOUNT_MAX - funded.free_cash("alice").get(MARK_A, 0))
    else:
        funded.bring("alice", "600001", AMOUNT_MAX - funded.holding("alice"))
    funded.advance(DAY_MS + 1)
    funded.accept(funded.expire_order(signed))
    assert funded.record(f"order/{HOME}/{signed.order.number}")["status"] == "EXPIRED"
