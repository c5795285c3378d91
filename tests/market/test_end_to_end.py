"""The same market through the front-end on the embedded ledger, with the institutions' books."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from ufmi.crypto import sm3_hex
from ufmi.errors import Refused
from ufmi.protocol import Code, Line, Role, Side
from ufmi.protocol.assets import P1
from ufmi.protocol.records import Deposit, OrderRecord, Outcome
from ufmi.sdk import SignedOrder

from .drafts import BANK_A, BROKER_A, DAY_MS, ELSEWHERE, MATCHER_A, REGISTRY, signer
from .market import MARK_A, WHOLE
from .node_market import CASH, SHARES, NodeMarket


@pytest.fixture
def market(tmp_path: Path) -> Iterator[NodeMarket]:
    founded = NodeMarket.found(tmp_path)
    try:
        founded.register("alice")
        founded.register("bob")
        yield founded
    finally:
        founded.close()


def order(market: NodeMarket, name: str, side: Side, price: int, quantity: int) -> SignedOrder:
    signed: SignedOrder = market.wallet(name).order(
        side=side, asset=WHOLE, asset_class="STOCK", price=price, quantity=quantity, currency="CNY"
    )
    market.matcher.publish(signed)
    return signed


def assert_reconciled(market: NodeMarket) -> None:
    found = market.reconcile()
    assert found.ok, [check for check in found.checks if not check.ok]


def test_a_first_trade_leaves_all_books_in_agreement(market: NodeMarket) -> None:
    market.deposit("alice", 5_000)
    market.bring("bob", 100)
    buy = order(market, "alice", Side.BUY, 16, 100)
    sell = order(market, "bob", Side.SELL, 15, 100)
    executed = market.matcher.settle(buy, sell, 60, 15)
    assert executed.result.data == {"quantity": 60, "paid": 900, "told": [BROKER_A]}
    assert [one.split("(")[0] for one in market.told(BROKER_A)][-1] == "T1.settled"
    alice, bob = market.wallet("alice").address, market.wallet("bob").address
    assert market.node.cash(alice) == {MARK_A: 5_000 - 1_600 + 60}
    assert market.node.cash(bob) == {MARK_A: 900}
    assert market.node.holdings(alice) == {WHOLE: 60}
    assert market.bank.locked(MARK_A) == 5_000
    assert market.registry.locked("600001") == 100
    with pytest.raises(Refused) as refused:
        market.matcher.settle(buy, sell, 41, 15)
    assert refused.value.result_code == Code.ORDER_USED_UP
    assert_reconciled(market)


def test_a_bank_without_the_money_mints_nothing(market: NodeMarket) -> None:
    market.deposit("alice", CASH + 1, tx="d1")
    assert market.node.cash(market.wallet("alice").address) == {}
    record = market.node.record(f"deposit/{BROKER_A}/d1", Deposit)
    assert record is not None
    assert record.outcome == Code.INSUFFICIENT
    assert market.told(BROKER_A)[-1] == f"Y1.result(d1,INSUFFICIENT,{MARK_A},0,0,{BROKER_A})"
    assert_reconciled(market)


def test_a_registry_without_the_asset_mints_nothing(market: NodeMarket) -> None:
    market.bring("bob", SHARES + 1)
    assert market.node.holdings(market.wallet("bob").address) == {}
    assert_reconciled(market)


def test_when_ufmi_refuses_a_lock_the_bank_lets_the_cash_go(market: NodeMarket) -> None:
    """A deposit on its way while its wallet's key is revoked."""
    wallet = market.wallet("alice")
    market.node.frontend.disconnect(BANK_A, market.bank.receive)
    market.deposit("alice", 500)
    market.operator.revoke(wallet.address, signer("alice").public_key)
    market.bank.catch_up()
    assert market.books[BANK_A].free("alice at bank", "CNY") == CASH
    assert market.bank.locked(MARK_A) == 0
    assert_reconciled(market)


def test_an_unanswered_deposit_is_ended_by_the_frontend(market: NodeMarket) -> None:
    market.node.frontend.disconnect(BANK_A, market.bank.receive)
    market.deposit("alice", 500, tx="d1")
    market.clock.advance(DAY_MS)
    market.node.frontend.tick()
    key = f"deposit/{BROKER_A}/d1"
    record = market.node.record(key, Deposit)
    assert record is not None and record.open
    market.clock.advance(1)
    market.node.frontend.tick()
    record = market.node.record(key, Deposit)
    assert record is not None
    assert (record.open, record.outcome) == (False, Code.EXPIRED)
    assert market.told(BANK_A)[-1] == f"ENDED(DEPOSIT,{BROKER_A},d1)"
    # The bank comes back late: it locks, is refused, and unlocks.
    market.bank.catch_up()
    assert market.books[BANK_A].free("alice at bank", "CNY") == CASH
    assert_reconciled(market)


def test_an_expired_order_is_ended_by_the_frontend(market: NodeMarket) -> None:
    market.bring("bob", 100)
    sell = order(market, "bob", Side.SELL, 15, 100)
    assert market.node.holdings(market.wallet("bob").address) == {WHOLE: 0}
    market.clock.advance(DAY_MS + 1)
    market.node.frontend.tick()
    record = market.node.order(sell.order.address, sell.order.number)
    assert record is not None
    assert record.status == "EXPIRED"
    assert market.node.holdings(market.wallet("bob").address) == {WHOLE: 100}
    assert market.told(MATCHER_A)[-1].startswith("ENDED(ORDER,")
    assert_reconciled(market)


def test_deadlines_survive_a_restart(tmp_path: Path) -> None:
    market = NodeMarket.found(tmp_path)
    market.register("bob")
    market.bring("bob", 100)
    order(market, "bob", Side.SELL, 15, 100)
    again = market.reopen()
    try:
        again.clock.advance(DAY_MS + 1)
        again.node.frontend.tick()
        orders = again.node.records("order/", OrderRecord)
        assert [record.status for _, record in orders] == ["EXPIRED"]
        assert_reconciled(again)
    finally:
        again.close()


def test_a_message_sent_again_after_a_restart_gives_the_first_result(tmp_path: Path) -> None:
    market = NodeMarket.found(tmp_path)
    form = replace(_asset_request(market), bank="NNOBOCNBJXXX")
    line = market.broker.sign(form)
    with pytest.raises(Refused) as first:
        market.broker.send_line(line)
    recorded = market.node.result(form.identity)
    again = market.reopen()
    try:
        again.operator.admit("NNOBOCNBJXXX", Role.BANK, signer("x").public_key, "late")
        with pytest.raises(Refused) as second:
            again.broker.send_line(line)
        assert first.value.result_code == second.value.result_code == Code.PARTY_UNKNOWN
        assert again.node.result(form.identity) == recorded
        assert_reconciled(again)
    finally:
        again.close()


def test_what_the_frontend_refuses_is_not_recorded_and_may_come_again(market: NodeMarket) -> None:
    broker = market.broker
    good = market.broker.sign(_asset_request(market))
    form = _asset_request(market)
    hostile = {
        Code.WRONG_NETWORK: broker.sign(replace(form, network=ELSEWHERE)),
        Code.EXPIRED: broker.sign(replace(form, valid_until=1)),
        Code.SIGNATURE_INVALID: Line(good.text, market.bank.sign(form).signature),
        Code.SIGNER_UNKNOWN: broker.sign(replace(form, sender="NNOBOCNBJXXX")),
        Code.ROLE_NOT_ALLOWED: market.bank.sign(replace(form, sender=BANK_A)),
        Code.MALFORMED: Line("P1(", good.signature),
        Code.TOO_LONG: Line("P1(" + "x" * 16_384 + ")", good.signature),
        Code.UNKNOWN_MESSAGE: Line("PAY(1)", good.signature),
        Code.FIELD_INVALID: Line(good.text.replace("CNY", "XXX"), good.signature),
    }
    for code, line in hostile.items():
        with pytest.raises(Refused) as refused:
            broker.send_line(line)
        assert refused.value.result_code == code
    assert market.node.result(form.identity) is None
    assert broker.send_line(good).result.code == Code.PENDING
    assert_reconciled(market)


def _asset_request(market: NodeMarket) -> P1:
    return P1(
        tx="p9",
        ag=BROKER_A,
        registry_asset="600009",
        bank=BANK_A,
        network=market.node.network,
        sender=BROKER_A,
        valid_until=market.clock.now_ms() + DAY_MS,
        registry=REGISTRY,
        currency="CNY",
    )


def test_the_same_text_twice_is_executed_once(market: NodeMarket) -> None:
    line = market.broker.sign(_asset_request(market))
    first, again = [ticket.outcome() for ticket in market.node.frontend.submit([line, line])]
    assert (first.result.repeated, again.result.repeated) == (False, True)
    assert_reconciled(market)


def test_a_person_who_is_known_is_not_registered_again(market: NodeMarket) -> None:
    wallet = market.wallet("alice-2")
    with pytest.raises(Refused) as refused:
        market.broker_b.register_user(
            broker_user="a",
            bank=BANK_A,
            bank_user="alice at bank",
            registry=REGISTRY,
            registry_user="alice at registry",
            person=sm3_hex(b"person alice"),
            document=sm3_hex(b"document"),
            proofs=[wallet.bind(broker=market.broker_b.id, tx="x", user="a")],
            tx="x",
        )
    assert refused.value.result_code == Code.PERSON_KNOWN
    outcomes = market.node.records(f"result/X1/{market.broker_b.id}/", Outcome)
    assert [record.data["unified"] for _, record in outcomes] == [market.users["alice"]]
    assert_reconciled(market)


def test_a_user_whom_the_bank_does_not_know_stays_inactive(market: NodeMarket) -> None:
    wallet = market.wallet("emil")
    executed = market.broker.register_user(
        broker_user="emil",
        bank=BANK_A,
        bank_user="nobody",
        registry=REGISTRY,
        registry_user="alice at registry",
        person=sm3_hex(b"person emil"),
        document=sm3_hex(b"document"),
        proofs=[wallet.bind(broker=BROKER_A, tx="x", user="emil")],
        tx="x",
    )
    user = market.node.user(str(executed.result.data["unified"]))
    assert user is not None
    assert user.accounts[0].status == "REFUSED"
    market.users["emil"] = user.id
    with pytest.raises(Refused) as refused:
        market.deposit("emil", 5)
    assert refused.value.result_code == Code.ACCOUNT_INACTIVE
