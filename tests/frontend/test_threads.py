"""The front-end with batches in flight on threads, and many clients at once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ufmi.errors import UfmiError
from ufmi.frontend import Ticket, batches
from ufmi.protocol import Line
from ufmi.reconcile import reconcile

from .town import BANK, USERS, Town, executed

Open = Callable[..., Town]
CLIENTS, GROUPS = 4, 12


def client(town: Town, seed: int) -> list[tuple[Line, Ticket]]:
    """Submits groups of deposits and registrations, not waiting for results."""
    chance = random.Random(seed)
    sent: list[tuple[Line, Ticket]] = []
    for group in range(GROUPS):
        lines = []
        for _ in range(chance.randint(1, 4)):
            y1 = town.y1(chance.randint(1, USERS), chance.randint(1, 9))
            lines += [town.line(y1), town.line(town.locked(y1))]
        lines.append(town.line(town.x1(f"client {seed} group {group}")))
        sent += zip(lines, town.node.frontend.submit(lines), strict=True)
    return sent


def in_parallel(town: Town) -> list[tuple[Line, Ticket]]:
    with ThreadPoolExecutor(CLIENTS) as pool:
        parts = pool.map(lambda at: client(town, at), range(CLIENTS))
        return [one for sent in parts for one in sent]


@pytest.mark.parametrize("in_flight", [1, 2, 4])
@pytest.mark.parametrize("lines_max", [3, 500])
def test_many_clients_get_every_result_in_order(
    open_town: Open, monkeypatch: pytest.MonkeyPatch, in_flight: int, lines_max: int
) -> None:
    monkeypatch.setattr(batches, "LINES_MAX", lines_max)
    town = open_town(in_flight=in_flight)
    sent = in_parallel(town)
    for line, ticket in sent:
        assert ticket.receipt is not None
        assert ticket.outcome(60).result.accepted
        ticket.receipt.verify(line.text, town.node.frontend_key)
    numbers = [one.entry.number for one in executed(town.node)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    report = reconcile(town.node)
    assert report.ok, [check.faults for check in report.checks]
    users = {one.entry.user for one in executed(town.node) if one.entry.user}
    assert len(users) == USERS + CLIENTS * GROUPS, "an id was allotted twice"


def test_conflicting_messages_run_in_order_of_arrival(
    open_town: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "LINES_MAX", 2)
    town = open_town(in_flight=4)
    in_parallel(town)
    town = open_town()  # closing lets everything end
    order: dict[str, list[int]] = {}
    for one in executed(town.node):
        if one.line.text.startswith("Y1.locked("):
            address = one.line.text.split(",")[6]
            order.setdefault(address, []).append(one.entry.number)
    assert len(order) == USERS
    assert all(numbers == sorted(numbers) for numbers in order.values())


def test_closing_amid_traffic_loses_nothing(open_town: Open) -> None:
    town = open_town(in_flight=2)
    receipts: dict[int, str] = {}
    going = threading.Event()

    def work(seed: int) -> None:
        chance = random.Random(seed)
        while True:
            line = town.line(town.y1(chance.randint(1, USERS), 1))
            try:
                (ticket,) = town.node.frontend.submit([line])
            except UfmiError:
                return
            assert ticket.receipt is not None
            receipts[ticket.receipt.number] = line.digest
            if len(receipts) > 20:
                going.set()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    assert going.wait(60)
    again = open_town()  # closes the one that is busy
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    digests = {one.entry.number: one.line.digest for one in executed(again.node)}
    assert receipts.items() <= digests.items()
    assert reconcile(again.node).ok


def test_a_handler_that_sends_does_not_hold_up_the_end(open_town: Open) -> None:
    town = open_town(in_flight=2)
    ended = threading.Event()

    def answer(delivery: object) -> None:
        ended.wait(0.2)  # until the front-end is being closed
        town.node.frontend.send(town.line(town.y1(1, 1)), timeout=30)

    town.node.frontend.connect(BANK, answer)
    town.node.frontend.send(town.line(town.y1(1, 1)))
    thread = threading.Thread(target=open_town)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "close waits for what cannot come any more"


def test_what_a_handler_sends_while_the_front_end_closes_is_kept(open_town: Open) -> None:
    town = open_town(in_flight=2)
    lines = [town.line(town.y1(1, 1)) for _ in range(20)]
    tickets = town.node.frontend.submit(lines)
    numbers = {ticket.receipt.number for ticket in tickets if ticket.receipt}
    town = open_town()
    assert numbers <= {one.entry.number for one in executed(town.node)}
