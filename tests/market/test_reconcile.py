"""Each check of the reconciliation fires on its own damage, and names what breaks the rule."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import pytest

from ufmi.frontend.deliveries import executed_lines, header
from ufmi.legacy.books import SqliteBook
from ufmi.node import Node
from ufmi.protocol import Entry, Line, Side
from ufmi.protocol.codes import asset_code, mark_code
from ufmi.protocol.records import Onchain
from ufmi.reconcile import FAULTS_MAX, Reconciliation, reconcile

from .drafts import BANK_A, MATCHER_A, REGISTRY, address
from .node_market import NodeMarket

TEA, MONEY = asset_code(REGISTRY, "600001"), mark_code(BANK_A, "CNY")
ALICE, BOB = address("alice"), address("bob")
SUPPLY = "supply = confirmed locks = the institution's own book"
HOLDS = "an order holds exactly what its rest needs"
RESULTS = "every recorded message has exactly one result"
GAPS = "no gap in arrival numbers"
INVERSIONS = "no inversion of messages that conflict"


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed market with open and filled orders; do not write to it."""
    folder = tmp_path_factory.mktemp("reconcile") / "data"
    market = NodeMarket.found(folder)
    for name in ("alice", "bob"):
        market.register(name)
        market.deposit(name, 1_000)
        market.bring(name, 100)
    for number, (name, side) in {
        "buy": ("alice", Side.BUY),
        "sell": ("bob", Side.SELL),
        "done": ("bob", Side.SELL),
    }.items():
        signed = market.wallet(name).order(
            side=side,
            asset=TEA,
            asset_class="STOCK",
            price=2,
            quantity=10,
            currency="CNY",
            number=number,
        )
        market.matcher.publish(signed, number)
        if number == "buy":
            buy = signed
    market.matcher.settle(buy, signed, 10, 2, "trade")
    again = market.wallet("alice").order(
        side=Side.BUY,
        asset=TEA,
        asset_class="STOCK",
        price=2,
        quantity=20,
        currency="CNY",
        number="open",
    )
    market.matcher.publish(again, "open")
    market.close()
    return folder


@pytest.fixture
def data(traded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(traded, tmp_path / "data"))


def change(data: Path, key: str, edit: Callable[[dict[str, Any]], object] | None) -> None:
    """Changes a record in the state store behind the ledger's back; None removes it."""
    name = b"sudl\0" + key.encode()
    with (
        lmdb.open(str(data / "ledger/channels/udl/state")) as store,
        store.begin(write=True) as transaction,
    ):
        raw = transaction.get(name)
        assert raw is not None, key
        if edit is None:
            transaction.delete(name)
            return
        record = json.loads(raw[12:])
        edit(record)
        transaction.put(name, raw[:12] + json.dumps(record).encode())


def add(data: Path, key: str, like: str) -> None:
    """Adds a record to the state that no message made."""
    with (
        lmdb.open(str(data / "ledger/channels/udl/state")) as store,
        store.begin(write=True) as transaction,
    ):
        raw = transaction.get(b"sudl\0" + like.encode())
        transaction.put(b"sudl\0" + key.encode(), raw)


def checked(data: Path) -> Reconciliation:
    books = {id: SqliteBook(data / "books" / id) for id in (BANK_A, REGISTRY)}
    with Node.open(data) as node:
        found = reconcile(node, books)
    for book in books.values():
        book.close()
    return found


def broken(found: Reconciliation) -> dict[tuple[str, str], list[str]]:
    """The checks that fail, by name and subject, with their faults."""
    return {(one.name, one.subject): one.faults for one in found.checks if not one.ok}


def test_the_market_reconciles(data: Path) -> None:
    found = checked(data)
    assert found.ok, broken(found)
    notes = {(one.name, one.subject): one.note for one in found.checks}
    assert notes[SUPPLY, MONEY] == "supply 2000, book 2000"
    assert notes[SUPPLY, TEA] == "supply 200, book 200"


def test_what_has_no_book_is_said_not_to_be_compared(data: Path) -> None:
    with Node.open(data) as node:
        found = reconcile(node)
    assert found.ok
    assert "supply 2000, book not compared" in [one.note for one in found.checks]


def test_negative_cash_names_the_account(data: Path) -> None:
    change(data, f"cash/{ALICE}", lambda record: record["marks"].update({MONEY: -5}))
    found = broken(checked(data))
    assert found["no negative cash", "cash"] == [f"cash/{ALICE} has -5 of {MONEY}"]
    assert (SUPPLY, MONEY) in found


def test_negative_cash_in_an_order_names_the_order(data: Path) -> None:
    change(data, f"order/{ALICE}/open", lambda record: record["held_cash"].update({MONEY: -1}))
    found = broken(checked(data))
    assert found["no negative cash", "cash"] == [f"order/{ALICE}/open holds -1 of {MONEY}"]


def test_negative_holdings_name_account_or_order(data: Path) -> None:
    change(data, f"holding/{ALICE}/{TEA}", lambda record: record.update(quantity=-7))
    change(data, f"order/{BOB}/sell", lambda record: record.update(held=-3))
    found = broken(checked(data))
    assert found["no negative holdings", "holdings"] == [
        f"holding/{ALICE}/{TEA} has -7",
        f"order/{BOB}/sell holds -3",
    ]


def test_money_out_of_nothing_names_the_mark_and_both_books(data: Path) -> None:
    change(data, f"cash/{BOB}", lambda record: record["marks"].update({MONEY: 10**6}))
    (faults,) = broken(checked(data)).values()
    assert len(faults) == 2
    assert "confirmed locks are 2000" in faults[0]
    assert "own book has 2000 locked" in faults[1]
    assert all(fault.startswith(MONEY) for fault in faults)


def test_tokens_out_of_nothing_name_the_asset(data: Path) -> None:
    change(data, f"holding/{ALICE}/{TEA}", lambda record: record.update(quantity=999))
    found = broken(checked(data))
    assert list(found) == [(SUPPLY, TEA)]
    assert all(fault.startswith(TEA) for fault in found[SUPPLY, TEA])


def test_a_lock_that_nobody_confirmed_is_named(data: Path) -> None:
    with Node.open(data) as node:
        (key,) = [key for key, _ in node.records(f"onchain/{ALICE}/", Onchain)]
    change(data, key, lambda record: record.update(outcome="EXPIRED"))
    found = broken(checked(data))
    assert found[SUPPLY, TEA] == [f"{TEA}: free and held are 200, confirmed locks are 100"]


def test_a_book_that_differs_is_named(data: Path) -> None:
    book = SqliteBook(data / "books" / BANK_A)
    book.credit("someone", "CNY", 5)
    assert book.lock(("x", "y"), "someone", "CNY", 5)
    book.confirm(("x", "y"))
    book.close()
    found = broken(checked(data))
    assert found[SUPPLY, MONEY] == [
        f"{MONEY}: supply is 2000, the institution's own book has 2005 locked"
    ]


@pytest.mark.parametrize(
    ("order", "changes", "fault"),
    [
        (f"order/{ALICE}/open", {"rest": 19}, "holds (40, 0), needs (38, 0)"),
        (f"order/{BOB}/sell", {"rest": 9}, "holds (0, 10), needs (0, 9)"),
        (f"order/{BOB}/sell", {"status": "CANCELLED"}, "(CANCELLED) holds (0, 10), needs (0, 0)"),
        (f"order/{BOB}/sell", {"rest": 11, "held": 11}, "has 11 left of 10"),
        (f"order/{BOB}/done", {"rest": -1}, "has -1 left of 10"),
        (f"order/{ALICE}/open", {"asset": "A" + "B" * 18}, "which is not registered"),
    ],
)
def test_an_order_that_holds_something_else_is_named(
    data: Path, order: str, changes: dict[str, Any], fault: str
) -> None:
    change(data, order, lambda record: record.update(changes))
    found = broken(checked(data))
    ((name, faults),) = [(name, each) for (name, _), each in found.items() if name == HOLDS]
    assert len(faults) == 1
    assert faults[0].startswith(order)
    assert fault in faults[0]


RESULT = f"S1/{MATCHER_A}/sell"


def test_a_result_that_was_changed_is_named(data: Path) -> None:
    change(data, f"result/{RESULT}", lambda record: record.update(code="INSUFFICIENT"))
    found = broken(checked(data))
    assert found == {(RESULTS, "results"): [f"{RESULT} is recorded otherwise than executed"]}


def test_a_result_of_another_text_is_named(data: Path) -> None:
    change(data, f"result/{RESULT}", lambda record: record.update(text="00" * 32))
    found = broken(checked(data))
    assert found == {(RESULTS, "results"): [f"{RESULT} is recorded otherwise than executed"]}


def test_a_result_that_is_missing_is_named(data: Path) -> None:
    change(data, f"result/{RESULT}", None)
    found = broken(checked(data))
    assert found == {(RESULTS, "results"): [f"{RESULT} is recorded otherwise than executed"]}


def test_a_result_of_no_message_is_named(data: Path) -> None:
    add(data, "result/S1/NNOBODYNBXXX/x", f"result/{RESULT}")
    found = broken(checked(data))
    assert found == {(RESULTS, "results"): ["result/S1/NNOBODYNBXXX/x follows from no message"]}


def test_a_message_with_two_results_is_named(data: Path) -> None:
    # The first result is removed, so that the contract executes the message once more.
    with Node.open(data) as node:
        line, _ = sent(node, RESULT)
    change(data, f"result/{RESULT}", None)
    with Node.open(data) as node:
        execute(node, 1_000, line)
    found = broken(checked(data))
    assert f"{RESULT} has two results" in found[RESULTS, "results"]


# -- arrivals ----------------------------------------------------------------------------------


def sent(node: Node, identity: str) -> tuple[Line, int]:
    """An executed message and its arrival number."""
    for block in node.channel.past_blocks():
        for one in executed_lines(block):
            if one.result.id == identity:
                return Line(one.line.text, one.line.signature), one.entry.number
    raise AssertionError(identity)


def execute(node: Node, number: int, line: Line) -> None:
    """Executes a line under an arrival number, past the front-end, as only its identity can."""
    entry = Entry(number, node.clock.now_ms())
    node.channel.contract("udl").submit("execute", header([entry]), line.encode())


def orders(data: Path, count: int) -> list[Line]:
    """Published orders of one wallet, which conflict with each other, not yet sent."""
    market = NodeMarket(data, [])
    lines: list[Line] = []
    market.matcher.send_line = lines.append  # type: ignore[method-assign, assignment]
    for at in range(count):
        signed = market.wallet("alice").order(
            side=Side.BUY,
            asset=TEA,
            asset_class="STOCK",
            price=2,
            quantity=1,
            currency="CNY",
            number=f"n{at}",
        )
        market.matcher.publish(signed, f"n{at}")
    market.close()
    return lines


def newest(data: Path) -> int:
    with Node.open(data) as node:
        return sent(node, f"S1/{MATCHER_A}/open")[1]


def test_gaps_are_named(data: Path) -> None:
    first, second, third = orders(data, 3)
    last = newest(data)
    with Node.open(data) as node:
        execute(node, last + 2, first)
        execute(node, last + 6, second)
        # Far away: every number between is one fault, and is found at once.
        execute(node, 2**52, third)
    found = broken(checked(data))
    assert found == {
        (GAPS, "arrivals"): [
            f"arrival {last + 1} was never executed",
            f"arrivals {last + 3} to {last + 5} were never executed",
            f"arrivals {last + 7} to {2**52 - 1} were never executed",
        ]
    }


def test_inversions_are_named_with_the_key(data: Path) -> None:
    first, second = orders(data, 2)
    last = newest(data)
    with Node.open(data) as node:
        execute(node, last + 2, second)
        execute(node, last + 1, first)
    found = broken(checked(data))
    assert list(found) == [(INVERSIONS, "arrivals")]
    (fault,) = found[INVERSIONS, "arrivals"]
    assert fault == f"arrival {last + 1} ran after {last + 2} on cash/{ALICE}"


def test_faults_are_limited(data: Path) -> None:
    for at in range(FAULTS_MAX + 5):
        add(data, f"result/S1/NNOBODYNBXXX/x{at}", f"result/{RESULT}")
    (faults,) = broken(checked(data)).values()
    assert len(faults) == FAULTS_MAX
