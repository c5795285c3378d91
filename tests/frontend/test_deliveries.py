"""Deliveries: what UFMI sends to whom, at once or later, and that a replay changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ufmi.crypto import Signer
from ufmi.frontend import Delivery, deliveries_of
from ufmi.legacy.books import SqliteBook
from ufmi.protocol import decode
from ufmi.protocol.funds import Y1, Y1Result
from ufmi.reconcile import reconcile
from ufmi.sdk import Bank

from .town import BANK, BROKER, Town, signer

Open = Callable[..., Town]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[SqliteBook]:
    """The bank's book: 1000 of each user."""
    one = SqliteBook(tmp_path / "book")
    for user in range(1, 5):
        one.credit(f"b-u{user}", "CNY", 1_000)
    yield one
    one.close()


def bank(town: Town, book: SqliteBook, by: Signer | None = None) -> Bank:
    return Bank(town.node, BANK, by or signer(BANK), book)


def agrees(town: Town, book: SqliteBook, amount: int) -> None:
    """The ledger and the bank's book both have so much, and everything reconciles."""
    assert sum(town.cash(user) for user in range(1, 5)) == amount
    assert book.locked_total("CNY") == amount
    assert sum(book.free(f"b-u{user}", "CNY") for user in range(1, 5)) == 4_000 - amount
    report = reconcile(town.node, {BANK: book})
    assert report.ok, [check.faults for check in report.checks]


def test_a_deposit_is_forwarded_to_the_bank_with_its_senders_signature(town: Town) -> None:
    seen: list[Delivery] = []
    town.node.frontend.connect(BANK, seen.append)
    line = town.line(town.y1(1, 5))
    town.node.frontend.send(line)
    (delivery,) = seen
    assert (delivery.to, delivery.text) == (BANK, line.text)
    assert delivery.line is not None
    assert delivery.line.signature == line.signature
    assert isinstance(decode(delivery.text), Y1)


@pytest.mark.parametrize("in_flight", [0, 2])
def test_the_bank_locks_and_tokens_come(open_town: Open, book: SqliteBook, in_flight: int) -> None:
    town = open_town(in_flight=in_flight)
    bank(town, book)
    told: list[str] = []
    enough = threading.Event()

    def hear(delivery: Delivery) -> None:
        told.append(delivery.text)
        if sum(text.startswith(Y1Result.NAME + "(") for text in told) == 3:
            enough.set()

    town.node.frontend.connect(BROKER, hear)
    for user in (1, 2, 1):
        town.node.frontend.send(town.line(town.y1(user, 10)))
    assert enough.wait(60)
    town = open_town()
    agrees(town, book, 30)
    results = [form for form in map(decode, told) if isinstance(form, Y1Result)]
    assert [(one.code, one.quantity) for one in results] == [("OK", 10)] * 3


def test_what_the_bank_does_not_have_is_neither_locked_nor_minted(
    town: Town, book: SqliteBook
) -> None:
    bank(town, book)
    town.node.frontend.send(town.line(town.y1(1, 1_001)))
    agrees(town, book, 0)


def test_a_bank_that_was_away_catches_up_once(open_town: Open, book: SqliteBook) -> None:
    town = open_town()
    for user in (1, 2, 3):
        town.node.frontend.send(town.line(town.y1(user, 10)))
    assert [town.cash(user) for user in (1, 2, 3)] == [0, 0, 0]
    town = open_town()
    away = bank(town, book)
    away.catch_up()
    agrees(town, book, 30)
    for _ in range(2):
        away.catch_up()
        agrees(town, book, 30)


def test_a_replay_changes_nothing(town: Town, book: SqliteBook) -> None:
    start = town.node.ledger.channel("udl").height
    there = bank(town, book)
    for user in (1, 2, 3):
        town.node.frontend.send(town.line(town.y1(user, 10)))
    agrees(town, book, 30)
    height = town.node.ledger.channel("udl").height
    for block in town.node.channel.past_blocks(start):
        for delivery in deliveries_of(block) * 2:
            if delivery.to == BANK:
                there.receive(delivery)
    agrees(town, book, 30)
    assert town.node.ledger.channel("udl").height == height


def test_a_bank_that_crashed_after_locking_answers_the_same_again(
    open_town: Open, book: SqliteBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = open_town()
    with monkeypatch.context() as patch:

        def crash(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(Bank, "send_line", crash)
        bank(town, book)
        with pytest.raises(KeyboardInterrupt):
            town.node.frontend.send(town.line(town.y1(1, 10)))
    assert book.free("b-u1", "CNY") == 990
    town = open_town()
    bank(town, book).catch_up()
    agrees(town, book, 10)


def test_a_deposit_sent_twice_is_forwarded_once(town: Town) -> None:
    seen: list[Delivery] = []
    town.node.frontend.connect(BANK, seen.append)
    line = town.line(town.y1(1, 5))
    town.node.frontend.send(line)
    town.node.frontend.send(line)
    assert len(seen) == 1


def test_what_was_sent_is_what_follows_from_the_blocks(town: Town, book: SqliteBook) -> None:
    seen: list[Delivery] = []
    start = town.node.ledger.channel("udl").height
    town.node.frontend.connect("", seen.append)
    bank(town, book)
    for amount in (10, 2_000, 30):
        town.node.frontend.send(town.line(town.y1(1, amount)))
    derived = [
        delivery
        for block in town.node.channel.past_blocks(start)
        for delivery in deliveries_of(block)
    ]
    assert sorted(map(repr, seen)) == sorted(map(repr, derived))


@pytest.mark.parametrize("in_flight", [0, 2])
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_party_that_fails_is_its_own_trouble(open_town: Open, in_flight: int) -> None:
    # Whatever it raises: the sender gets his result, the others get what is theirs.
    town = open_town(in_flight=in_flight)
    seen: list[Delivery] = []

    def fail(delivery: Delivery) -> None:
        raise ValueError("a defect of a party's own")

    town.node.frontend.connect(BANK, fail)
    town.node.frontend.connect(BANK, seen.append)
    for _ in range(3):
        assert town.node.frontend.send(town.line(town.y1(1, 5))).result.accepted
    open_town()  # closing delivers what waits
    assert len(seen) == 3


def test_whoever_disconnects_gets_no_more(town: Town) -> None:
    seen: list[Delivery] = []
    town.node.frontend.connect(BANK, seen.append)
    town.node.frontend.disconnect(BANK, seen.append)
    town.node.frontend.send(town.line(town.y1(1, 5)))
    assert seen == []
