"""The flows of the guide's chapters 10 to 12, whole, as in `test_guide`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ufmi.errors import Refused
from ufmi.protocol import Code, Side
from ufmi.protocol.codes import asset_code
from ufmi.protocol.holdings import Z3
from ufmi.protocol.orders import S4, S1Result, S2Cancelled
from ufmi.protocol.settlement import T1Settled
from ufmi.sdk import reference

from .drafts import BROKER_A, MATCHER_A, MATCHER_B, REGISTRY
from .guide import assert_reconciled, forget, forms, names, publish
from .market import WHOLE
from .node_market import SHARES, NodeMarket


@pytest.fixture
def market(tmp_path: Path) -> Iterator[NodeMarket]:
    founded = NodeMarket.found(tmp_path)
    try:
        yield founded
    finally:
        founded.close()


# -- chapter 10 -----------------------------------------------------------------------------------


def test_z1_tells_broker_registry_and_user_of_lock_and_tokens(market: NodeMarket) -> None:
    wallet = market.register("bob")
    forget(market)
    wallet.bring_onchain(
        unified=market.users["bob"],
        broker=BROKER_A,
        broker_user="bob",
        registry=REGISTRY,
        registry_asset="600001",
        quantity=100,
        tx="z1",
    )
    assert names(market, REGISTRY) == ["Z1", "Z1.result"]
    assert names(market, BROKER_A) == ["Z1.locked", "Z1.result"]
    expected = f"Z1.result(z1,OK,{WHOLE},100,{wallet.address})"
    assert [market.told(party)[-1] for party in (REGISTRY, BROKER_A, wallet.address)] == [
        expected
    ] * 3
    assert market.node.holdings(wallet.address) == {WHOLE: 100}
    assert market.books[REGISTRY].free("bob at registry", "600001") == SHARES - 100


def traded(market: NodeMarket) -> None:
    market.register("alice")
    market.register("bob")
    market.deposit("alice", 1_000)
    market.bring("bob", 100)
    sell = publish(market, "bob", Side.SELL, 10, 60)
    buy = publish(market, "alice", Side.BUY, 10, 60)
    market.matcher.settle(buy, sell, 60, 10, tx="t1")


def test_z2_allows_a_registry_its_own_assets_and_z3_tells_it_of_every_transfer(
    market: NodeMarket,
) -> None:
    market.registry.follow(WHOLE, tx="z2")
    assert market.told(REGISTRY)[-1] == "Z2.result(z2,Y,OK)"
    traded(market)
    (told,) = forms(market, REGISTRY, "Z3")
    assert isinstance(told, Z3)
    source, target = market.wallet("bob").address, market.wallet("alice").address
    assert (told.tx, told.asset, told.quantity) == ("t1", WHOLE, 60)
    assert (told.source, told.target) == (source, target)
    assert market.books[REGISTRY].owners(WHOLE) == {source: 40, target: 60}
    with pytest.raises(Refused) as refused:
        market.registry.follow(asset_code(REGISTRY, "none"), tx="z2-b")
    assert refused.value.result_code == Code.ASSET_UNKNOWN
    assert market.told(REGISTRY)[-1] == "Z2.result(z2-b,N,ASSET_UNKNOWN)"


def test_z3_is_not_sent_without_a_subscription(market: NodeMarket) -> None:
    traded(market)
    assert forms(market, REGISTRY, "Z3") == []


# -- chapters 11 and 12 ---------------------------------------------------------------------------


def test_s1_says_whether_an_order_is_legal_and_broadcast(market: NodeMarket) -> None:
    market.register("bob")
    market.bring("bob", 100)
    with pytest.raises(Refused):
        publish(market, "bob", Side.SELL, 10, 101)
    assert market.told(MATCHER_A)[-1].startswith("S1.result(s1-bob,N,N,,")
    signed = market.wallet("bob").order(
        side=Side.SELL, asset=WHOLE, asset_class="STOCK", price=10, quantity=100, currency="CNY"
    )
    market.matcher.publish(signed, tx="s1")
    assert market.told(MATCHER_A)[-1] == f"S1.result(s1,Y,N,,{signed.order.number},OK)"


def test_s4_goes_to_those_who_follow_and_who_adopts_may_settle(market: NodeMarket) -> None:
    market.matcher_b.subscribe(asset=WHOLE, tx="s3")
    assert market.told(MATCHER_B)[-1] == "S3.result(s3,Y,OK)"
    market.register("alice")
    market.register("bob")
    market.deposit("alice", 1_000)
    market.bring("bob", 100)
    sell = publish(market, "bob", Side.SELL, 10, 60, broadcast=True)
    buy = publish(market, "alice", Side.BUY, 10, 60, broadcast=True)
    broadcast = [one for one in forms(market, MATCHER_B, "S4") if isinstance(one, S4)]
    assert [one.number for one in broadcast] == [sell.order.number, buy.order.number]
    with pytest.raises(Refused) as refused:
        market.matcher_b.settle(buy, sell, 60, 10)
    assert refused.value.result_code == Code.NOT_ADOPTED
    for one in broadcast:
        market.matcher_b.adopt(one)
    told = forms(market, MATCHER_A, "S1.result")[-1]
    assert isinstance(told, S1Result)
    assert (told.broadcast, told.adopters) == (True, (MATCHER_B,))
    market.matcher_b.settle(buy, sell, 60, 10, tx="t1")
    for party in (MATCHER_A, buy.order.address, sell.order.address):
        (settled,) = forms(market, party, "T1.settled")
        assert isinstance(settled, T1Settled)
        assert (settled.tx, settled.quantity, settled.price) == ("t1", 60, 10)
    assert_reconciled(market)


def test_s2_unlocks_tells_the_followers_and_ends_settlement(market: NodeMarket) -> None:
    market.matcher_b.subscribe(side="SELL")
    wallet = market.register("bob")
    market.register("alice")
    market.deposit("alice", 1_000)
    market.bring("bob", 100)
    sell = publish(market, "bob", Side.SELL, 10, 60, broadcast=True)
    buy = publish(market, "alice", Side.BUY, 10, 60)
    with pytest.raises(Refused) as refused:
        market.matcher_b.cancel(reference(sell))
    assert refused.value.result_code == Code.NOT_PUBLISHER
    market.matcher.cancel(reference(sell), tx="s2")
    assert market.told(MATCHER_A)[-1] == f"S2.result(s2,{sell.order.number},OK)"
    assert market.node.holdings(wallet.address) == {WHOLE: 100}
    (cancelled,) = forms(market, MATCHER_B, "S2.cancelled")
    assert isinstance(cancelled, S2Cancelled)
    market.matcher_b.removed(cancelled)
    assert names(market, MATCHER_A)[-1] == "S2.removed"
    with pytest.raises(Refused) as refused:
        market.matcher.settle(buy, sell, 60, 10)
    assert refused.value.result_code == Code.ORDER_CLOSED


def test_an_owner_withdraws_his_order_without_his_matcher(market: NodeMarket) -> None:
    wallet = market.register("bob")
    market.bring("bob", 100)
    sell = publish(market, "bob", Side.SELL, 10, 60)
    wallet.cancel(sell.order, tx="c1")
    assert market.node.holdings(wallet.address) == {WHOLE: 100}
    assert market.told(wallet.address)[-1] == f"S2.result(c1,{sell.order.number},OK)"
    assert names(market, MATCHER_A)[-1] == "S2.cancelled"


def test_t1_that_comes_too_late_is_rejected(market: NodeMarket) -> None:
    market.register("alice")
    market.register("bob")
    market.deposit("alice", 1_000)
    market.bring("bob", 100)
    sell = publish(market, "bob", Side.SELL, 10, 60)
    buy = publish(market, "alice", Side.BUY, 10, 60)
    market.matcher.settle(buy, sell, 60, 10, tx="first")
    with pytest.raises(Refused) as refused:
        market.matcher.settle(buy, sell, 1, 10, tx="second")
    assert refused.value.result_code == Code.ORDER_USED_UP
    first, second = market.told(MATCHER_A)[-2:]
    assert first == "T1.result(first,OK,60,)"
    assert second.startswith("T1.result(second,ORDER_USED_UP,0,")
    assert_reconciled(market)
