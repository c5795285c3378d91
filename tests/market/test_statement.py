"""Statements: opening + movements = closing, message by message, whatever shared a batch."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ufmi import Auditor, movements
from ufmi.errors import LimitExceeded, NotFound, StoreCorrupted, UfmiError
from ufmi.node import Node
from ufmi.protocol import AMOUNT_MAX, Line, Side
from ufmi.protocol.codes import asset_code, mark_code
from ufmi.protocol.governance import Expire
from ufmi.protocol.records import OrderRecord
from ufmi.sdk.wallet import SignedOrder
from ufmi.statement import Balance, Movement, Statement, statement

from .drafts import BANK_A, BANK_B, BROKER_A, MATCHER_A, REGISTRY
from .node_market import NodeMarket

TEA, MONEY = asset_code(REGISTRY, "600001"), mark_code(BANK_A, "CNY")
NAMES = ("alice", "bob", "carol")
HOUR_MS = 3_600_000


class Trading:
    """Operations on a market; they gather as lines until they are submitted together."""

    def __init__(self, market: NodeMarket, together: bool) -> None:
        self.market = market
        self.together = together
        self.lines: list[Line] = []
        self.orders: list[SignedOrder] = []
        self.count = 0
        for client in (market.matcher, market.broker):
            client.send_line = self.gather  # type: ignore[method-assign, assignment]

    def gather(self, line: Line) -> Any:
        self.lines.append(line)
        if not self.together:
            self.flush()

    def flush(self) -> None:
        lines, self.lines = self.lines, []
        if lines:
            self.market.node.frontend.submit(lines)

    def tx(self) -> str:
        self.count += 1
        return f"op{self.count}"

    def order(self, who: str, buys: bool, quantity: int, hours: int) -> None:
        signed = self.market.wallet(who).order(
            side=Side.BUY if buys else Side.SELL,
            asset=TEA,
            asset_class="STOCK",
            price=3 if buys else 2,
            quantity=quantity,
            currency="CNY",
            number=self.tx(),
            valid_until=self.market.clock.now_ms() + hours * HOUR_MS,
        )
        self.orders.append(signed)
        self.market.matcher.publish(signed, self.tx())

    def settle(self, first: int, second: int, quantity: int) -> None:
        buys = [one for one in self.orders if one.order.side == Side.BUY]
        sells = [one for one in self.orders if one.order.side == Side.SELL]
        if buys and sells:
            buy, sell = buys[first % len(buys)], sells[second % len(sells)]
            self.market.matcher.settle(buy, sell, quantity, 2 + first % 2, self.tx())

    def expire(self, which: int) -> None:
        if self.orders:
            order = self.orders[which % len(self.orders)].order
            broker = self.market.broker
            message = Expire(
                self.tx(),
                "ORDER",
                order.address,
                order.number,
                self.market.node.network,
                broker.id,
                broker.valid_until(),
                order.side,
                order.asset,
            )
            self.gather(broker.sign(message))

    def deposit(self, who: str, amount: int) -> None:
        # On its own: the bank answers after the batch that forwards it.
        self.flush()
        self.market.deposit(who, amount, self.tx())
        self.flush()

    def later(self, hours: int) -> None:
        """Lets time pass; what gathered runs before."""
        self.flush()
        self.market.clock.advance(hours * HOUR_MS + 1)


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed market with funded users; do not write to it."""
    folder = tmp_path_factory.mktemp("statement") / "data"
    market = NodeMarket.found(folder)
    for name in NAMES:
        market.register(name)
        market.deposit(name, 1_000, f"first-{name}")
        market.bring(name, 100)
    market.close()
    return folder


class Opener:
    """Opens copies of the market, and closes them."""

    def __init__(self, founded: Path, folder: Path) -> None:
        self._founded, self._folder = founded, folder
        self._open: list[NodeMarket] = []
        self._count = 0

    def __call__(self, together: bool) -> Trading:
        self._count += 1
        market = NodeMarket(
            shutil.copytree(self._founded, self._folder / f"market-{self._count}"), []
        )
        market.users = {name: f"L{at:09d}" for at, name in enumerate(NAMES, 1)}
        self._open.append(market)
        return Trading(market, together)

    def close(self) -> None:
        while self._open:
            self._open.pop().close()


@pytest.fixture
def opened(founded: Path, tmp_path: Path) -> Iterator[Opener]:
    opener = Opener(founded, tmp_path)
    yield opener
    opener.close()


def subjects(market: NodeMarket) -> list[str]:
    addresses = [market.wallet(name).address for name in NAMES]
    return [*addresses, *market.users.values(), BANK_A, REGISTRY, BROKER_A]


def state_of(node: Node, address: str) -> list[Balance]:
    """What the state says of an address."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for item, amount in (*node.cash(address).items(), *node.holdings(address).items()):
        found[item][0] += amount
    for _, order in node.records(f"order/{address}/", OrderRecord):
        found[order.asset][1] += order.held
        for mark, amount in order.held_cash.items():
            found[mark][1] += amount
    return [Balance(address, item, *both) for item, both in sorted(found.items()) if any(both)]


def row(one: Movement) -> tuple[object, ...]:
    """A movement without what two runs cannot have alike."""
    # The front-end's own messages have transaction ids by chance.
    name = "EXPIRE" if one.message.startswith("EXPIRE/") else one.message
    return name, one.time, one.account, one.item, one.free, one.held, one.free_after, one.held_after


def adds_up(found: Statement) -> None:
    """Opening and movements give every balance on the way, and the closing."""
    totals = {(one.account, one.item): [one.free, one.held] for one in found.opening}
    institution = found.subject[0] == "N" and found.subject != BROKER_A
    for one in found.movements:
        total = totals.setdefault((one.account, one.item), [0, 0])
        total[0] += one.free
        total[1] += one.held
        if institution:
            assert sum(total) == one.free_after + one.held_after
        else:
            assert total == [one.free_after, one.held_after]
    closing = {(one.account, one.item): [one.free, one.held] for one in found.closing}
    if institution:
        assert {key: sum(both) for key, both in totals.items() if any(both)} == {
            key: sum(both) for key, both in closing.items()
        }
    else:
        assert {key: both for key, both in totals.items() if any(both)} == closing


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(
            st.just("order"),
            st.sampled_from(NAMES),
            st.booleans(),
            st.integers(1, 60),
            st.integers(0, 3),
        ),
        st.tuples(st.just("settle"), st.integers(0, 9), st.integers(0, 9), st.integers(1, 20)),
        st.tuples(st.just("expire"), st.integers(0, 9)),
        st.tuples(st.just("deposit"), st.sampled_from(NAMES), st.integers(1, 50)),
        st.tuples(st.just("later"), st.integers(0, 2)),
    ),
    min_size=4,
    max_size=24,
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operations=OPERATIONS)
def test_batches_are_stated_as_if_every_message_had_run_alone(
    opened: Opener, operations: list[tuple[Any, ...]]
) -> None:
    one, other = opened(True), opened(False)
    for trading in (one, other):
        for name, *arguments in operations:
            getattr(trading, name)(*arguments)
        trading.flush()
    for subject in subjects(one.market):
        stated = [statement(trading.market.node, subject) for trading in (one, other)]
        for found in stated:
            adds_up(found)
        assert stated[0].closing == stated[1].closing
        rows = [list(map(row, found.movements)) for found in stated]
        assert rows[0] == rows[1]
    opened.close()


def play(trading: Trading) -> list[int]:
    """A few days; returns moments between them."""
    moments = []
    for day in range(3):
        trading.order("alice", True, 10 + day, 1)
        trading.order("bob", False, 10, 1)
        trading.settle(day, day, 4)
        trading.deposit("alice", 7)
        trading.later(1)
        moments.append(trading.market.clock.now_ms())
        trading.expire(2 * day)
        trading.later(1)
    return moments


@pytest.mark.parametrize("together", [True, False])
def test_a_period_begins_and_ends_where_its_neighbours_do(opened: Opener, together: bool) -> None:
    trading = opened(together)
    moments = play(trading)
    node = trading.market.node
    for subject in subjects(trading.market):
        whole = statement(node, subject)
        adds_up(whole)
        assert whole.opening == []
        bounds = [0, *moments, AMOUNT_MAX]
        parts = [
            statement(node, subject, start, end)
            for start, end in zip(bounds, bounds[1:], strict=False)
        ]
        for part in parts:
            adds_up(part)
        assert [one.opening for one in parts[1:]] == [one.closing for one in parts[:-1]]
        assert parts[-1].closing == whole.closing
        assert [row for part in parts for row in part.movements] == whole.movements


def test_closing_balances_are_those_of_the_state(opened: Opener) -> None:
    trading = opened(True)
    play(trading)
    trading.order("alice", False, 5, 9)
    trading.order("bob", True, 5, 9)
    trading.flush()
    market = trading.market
    for name, unified in market.users.items():
        address = market.wallet(name).address
        expected = state_of(market.node, address)
        assert any(one.held for one in expected) or name == "carol"
        assert statement(market.node, address).closing == expected
        assert statement(market.node, unified).closing == expected


def test_messages_of_one_batch_are_told_apart(opened: Opener) -> None:
    trading = opened(True)
    trading.order("alice", True, 10, 1)  # op1 signed, op2 published
    trading.order("bob", False, 10, 1)
    trading.settle(0, 0, 4)  # op5, at 2
    trading.flush()
    alice = statement(trading.market.node, trading.market.wallet("alice").address)
    rows = {(one.message.split("/")[-1], one.item): one for one in alice.movements}
    placed, money, shares = rows["op2", MONEY], rows["op5", MONEY], rows["op5", TEA]
    assert (placed.free, placed.held) == (-30, 30)
    # 4 at 2, where 3 was locked: 12 leave the order, 4 of them come back.
    assert (money.free, money.held) == (4, -12)
    assert (shares.free, shares.held, shares.free_after) == (4, 0, 104)
    assert placed.transaction == money.transaction
    bob = statement(trading.market.node, trading.market.wallet("bob").address)
    assert [(one.item, one.free, one.held) for one in bob.movements][-2:] == [
        (TEA, 0, -4),
        (MONEY, 8, 0),
    ] or [(one.item, one.free, one.held) for one in bob.movements][-2:] == [
        (MONEY, 8, 0),
        (TEA, 0, -4),
    ]


def test_institutions_see_what_came_into_being(opened: Opener) -> None:
    trading = opened(True)
    play(trading)
    bank = statement(trading.market.node, BANK_A)
    assert sum(one.free + one.held for one in bank.movements) == 3 * 1_000 + 3 * 7
    assert Auditor(trading.market.node).statement(BANK_A) == bank
    assert {one.message.split("/")[0] for one in bank.movements} == {"Y1.locked"}
    registry = statement(trading.market.node, REGISTRY)
    assert [(one.item, one.free) for one in registry.movements] == [(TEA, 100)] * 3
    assert statement(trading.market.node, BANK_B).movements == []


def test_a_broker_sees_the_accounts_of_its_users(opened: Opener) -> None:
    trading = opened(True)
    play(trading)
    node, market = trading.market.node, trading.market
    found = statement(node, BROKER_A)
    each = [statement(node, market.wallet(name).address) for name in NAMES]
    assert sorted(map(repr, found.movements)) == sorted(
        repr(row) for one in each for row in one.movements
    )


@pytest.mark.parametrize(
    "subject", ["", "u", "L999999999", "NNOBODYNBXXX", MATCHER_A, "MXBJE", "x"]
)
def test_who_has_no_account_is_said_to_have_none(opened: Opener, subject: str) -> None:
    with pytest.raises(NotFound):
        statement(opened(True).market.node, subject)


def test_the_sum_is_right_where_the_parts_are_not_certain(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As with blocks that were made under older rules.
    def fails(*_: object) -> None:
        raise UfmiError("the rules have changed")

    trading = opened(True)
    play(trading)
    address = trading.market.wallet("alice").address
    right = statement(trading.market.node, address)
    monkeypatch.setattr(movements, "_execute", fails)
    found = statement(trading.market.node, address)
    adds_up(found)
    assert found.closing == right.closing
    assert any(" + " in one.message for one in found.movements)
    monkeypatch.setattr(movements, "_execute", lambda *_: {})
    found = statement(trading.market.node, address)
    adds_up(found)
    assert found.closing == right.closing


def test_a_state_that_is_not_the_blocks_is_found(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = opened(True).market.node
    monkeypatch.setattr(Node, "cash", lambda self, address: {MONEY: 1})
    with pytest.raises(StoreCorrupted, match="not what the blocks come to"):
        statement(node, BROKER_A)


def test_there_is_a_limit(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ufmi.statement.MOVEMENTS_MAX", 2)
    with pytest.raises(LimitExceeded, match="shorter period"):
        statement(opened(True).market.node, BANK_A)
