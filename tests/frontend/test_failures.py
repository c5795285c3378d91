"""What fails: one message, one block, the ledger, the disk. Nothing is lost, nothing runs twice."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chaincode.udl.run import EFFECTS
from ufmi.errors import (
    EndorseError,
    FrontendError,
    JournalCorrupted,
    LedgerError,
    SetAside,
    StorageFailed,
    UfmiError,
)
from ufmi.frontend import batches, progress
from ufmi.frontend.journal import Arrival, Journal
from ufmi.frontend.progress import Position, Progress
from ufmi.ledger.embedded.validator import Checked
from ufmi.ledger.gateway import Proposal, Transaction
from ufmi.node import Node
from ufmi.protocol import Line
from ufmi.protocol.governance import Admit
from ufmi.reconcile import reconcile
from ufmi.system import ControlledClock

from .town import Town, executed, found

Open = Callable[..., Town]


def codes(town: Town, lines: list[Line]) -> list[str]:
    found = []
    for ticket in town.node.frontend.submit(lines):
        try:
            found.append(str(ticket.outcome(10).result.code))
        except UfmiError as problem:
            found.append(problem.code)
    return found


def once_each(town: Town) -> list[int]:
    """Asserts that no arrival is missing or doubled; gives those that were set aside."""
    numbers = [one.entry.number for one in executed(town.node)]
    aside = [int(str(entry["number"])) for entry in town.node.frontend.set_aside()]
    whole = sorted(numbers + aside)
    assert whole == list(range(1, len(whole) + 1))
    report = reconcile(town.node)
    assert report.ok, [check.faults for check in report.checks]
    return aside


# -- a message whose execution fails ----------------------------------------------------------


@pytest.fixture
def bad_effect(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Executing an ADMIT of one of these parties raises."""
    parties: list[str] = []
    real = EFFECTS[Admit]

    def effect(run: Any, message: Any) -> Any:
        if message.party in parties:
            raise RuntimeError("a defect")
        return real(run, message)

    monkeypatch.setitem(EFFECTS, Admit, effect)
    return parties


@pytest.mark.parametrize("in_flight", [0, 2])
@pytest.mark.parametrize("bad", [[0], [4], [6], [2, 3], list(range(7))])
def test_a_message_that_cannot_run_is_set_aside_and_the_others_run(
    open_town: Open, bad_effect: list[str], in_flight: int, bad: list[int]
) -> None:
    town = open_town(in_flight=in_flight)
    lines = town.admissions(7)
    bad_effect += [lines[at].text.split(",")[1] for at in bad]
    expected = ["PENDING"] * 7
    for at in bad:
        expected[at] = SetAside.code
    assert codes(town, lines) == expected
    assert codes(town, [town.line(town.y1(1, 5))]) == ["PENDING"]
    aside = once_each(town)
    assert len(aside) == len(bad)
    bad_effect.clear()
    town = open_town()
    assert once_each(town) == aside, "a restart ran it again"
    (first, *_) = town.node.frontend.set_aside()
    assert "RuntimeError" in str(first["reason"])
    assert "ADMIT(" in str(first["line"])


# -- a conflict -------------------------------------------------------------------------------


def meddle(town: Town, monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """Between endorsement and ordering somebody else's transaction changes what was read."""
    real, done = Transaction.submit, [0]

    def submit(self: Transaction) -> Any:
        if done[0] < times:
            done[0] += 1
            channel = town.node.ledger.channel("udl")
            raw = channel.store.get("udl", "network")
            assert raw is not None
            channel.store._pending[b"sudl\0network"] = b"\0" * 7 + bytes([done[0]]) * 5 + raw[0]
        return real(self)

    monkeypatch.setattr(Transaction, "submit", submit)
    # The peer has to look, instead of knowing that nothing came between.
    monkeypatch.setattr(
        "ufmi.ledger.embedded.validator.Validator._check_own",
        lambda self, tx_id, own: _unknown(self, tx_id, own),
    )
    return done


def _unknown(validator: Any, tx_id: str, own: Any) -> Any:
    return Checked(tx_id, 0, [own.sets], own.results)


@pytest.mark.parametrize("times", [1, 3])
def test_a_batch_that_meets_a_conflict_is_tried_again(
    town: Town, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr("ufmi.frontend.runner.PAUSE_SECONDS", 0)
    done = meddle(town, monkeypatch, times)
    assert codes(town, town.admissions(3)) == ["PENDING"] * 3
    assert done == [times]
    statuses = [
        one.status for block in town.node.channel.past_blocks() for one in block.transactions()
    ]
    assert statuses.count("MVCC_READ_CONFLICT") == times
    once_each(town)


def test_a_conflict_without_end_stops_the_front_end(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ufmi.frontend.runner.PAUSE_SECONDS", 0)
    meddle(town, monkeypatch, 100)
    assert codes(town, town.admissions(1)) == ["UFMI-4014"]
    with pytest.raises(LedgerError):
        town.node.frontend.submit(town.admissions(1))


# -- a ledger that does not work ----------------------------------------------------------------


def broken_ledger(patch: pytest.MonkeyPatch) -> None:
    def endorse(self: Proposal) -> Any:
        raise EndorseError("the ledger is away")

    patch.setattr(Proposal, "endorse", endorse)


@pytest.mark.parametrize("in_flight", [0, 1, 2])
def test_when_the_ledger_fails_messages_are_kept_and_run_once_after_reopening(
    open_town: Open, in_flight: int
) -> None:
    town = open_town(in_flight=in_flight)
    with pytest.MonkeyPatch.context() as patch:
        broken_ledger(patch)
        y1 = town.y1(1, 5)
        lines = [town.line(y1), town.line(town.locked(y1)), *town.admissions(3)]
        assert set(codes(town, lines)) == {EndorseError.code}
        with pytest.raises(LedgerError):
            town.node.frontend.submit(town.admissions(1))
    before = len(executed(town.node))
    town = open_town()
    assert len(executed(town.node)) == before + 5
    assert town.cash(1) == 5
    once_each(town)
    town = open_town()
    assert len(executed(town.node)) == before + 5


@pytest.mark.parametrize("in_flight", [0, 1, 2])
def test_when_the_ledger_fails_those_who_wait_for_a_batch_are_told_too(
    open_town: Open, monkeypatch: pytest.MonkeyPatch, in_flight: int
) -> None:
    monkeypatch.setattr(batches, "LINES_MAX", 1)
    town = open_town(in_flight=in_flight)
    with pytest.MonkeyPatch.context() as patch:
        broken_ledger(patch)
        tickets = town.node.frontend.submit(town.admissions(5))
        for ticket in tickets:
            with pytest.raises(LedgerError):
                ticket.outcome(5)


def test_a_block_that_cannot_be_written_is_executed_after_reopening(open_town: Open) -> None:
    town = open_town()
    real = os.pwritev
    journal = (town.node.folder / "frontend/journal/000000.journal").stat().st_ino

    def some(descriptor: int, *arguments: Any) -> int:
        if os.fstat(descriptor).st_ino != journal:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwritev", some)
        assert set(codes(town, town.admissions(3))) <= {StorageFailed.code, "UFMI-4012"}
    town = open_town()
    assert [one.result.code for one in executed(town.node)][-3:] == ["PENDING"] * 3
    once_each(town)


@pytest.mark.parametrize("call", ["pwritev", "fdatasync"])
def test_what_cannot_be_journaled_is_not_taken_and_can_be_sent_again(town: Town, call: str) -> None:
    def fail(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    lines = town.admissions(3)
    before = len(executed(town.node))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(StorageFailed):
            town.node.frontend.submit(lines)
    assert len(executed(town.node)) == before
    assert codes(town, lines) == ["PENDING"] * 3
    once_each(town)
    assert len(town.node.frontend._journal.read()) == before + 3


def test_deadlines_are_not_lost_when_the_journal_fails(data: Path) -> None:
    with Node.open(data) as node:
        now = node.clock.now_ms()
    clock = ControlledClock(now)
    with Node.open(data, clock=clock) as node:
        town = Town(node)
        y1 = town.y1(1, 5, valid_until=now + 1_000)
        node.frontend.send(town.line(y1))
        clock.advance(2_000)

        def fail(*_: Any) -> Any:
            raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "pwritev", fail)
            with pytest.raises(StorageFailed):
                node.frontend.tick()
        node.frontend.tick()
        assert executed(node)[-1].line.text.startswith("EXPIRE(")


def test_what_arrived_later_than_the_newest_block_runs_after_reopening(tmp_path: Path) -> None:
    # On a controlled clock, which stands at the newest block's time when the ledger is opened.
    clock = ControlledClock(1_750_000_000_000)
    with found(tmp_path, clock=clock) as node, pytest.MonkeyPatch.context() as patch:
        clock.advance(60_000)
        broken_ledger(patch)
        (ticket,) = node.frontend.submit(Town(node).admissions(1))
        assert ticket.receipt is not None
    with Node.open(tmp_path) as node:
        assert [one.result.code for one in executed(node)] == ["PENDING"]
        assert codes(Town(node), Town(node).admissions(2))[-1] == "PENDING"


# -- journal and progress -----------------------------------------------------------------------


def test_the_journal_turns_over_and_forgets_what_is_done(
    open_town: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_SAVE_EVERY", 5)
    monkeypatch.setattr(
        "ufmi.frontend.frontend.Journal", lambda folder: Journal(folder, bytes_max=3_000)
    )
    for _ in range(3):
        town = open_town()
        for _ in range(10):
            assert codes(town, [town.line(town.y1(1, 5)) for _ in range(3)]) == ["PENDING"] * 3
        assert len(town.node.frontend._journal._log.files) <= 6
    town = open_town()
    assert len(town.node.frontend._journal.read()) < len(executed(town.node)) / 2
    once_each(town)


def test_a_gap_in_the_journal_is_corruption(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append([Arrival(1, 1, "a", "00")])
    journal.append([Arrival(3, 1, "a", "00")])
    with pytest.raises(JournalCorrupted):
        journal.read()
    journal.close()


def test_damage_in_the_journal_is_corruption_and_is_not_cut_off(data: Path) -> None:
    path = data / "frontend/journal/000000.journal"
    raw = bytearray(path.read_bytes())
    raw[1] ^= 1  # the length of the first record
    path.write_bytes(bytes(raw))
    with pytest.raises(JournalCorrupted):
        Node.open(data).close()
    assert path.read_bytes() == raw


def test_a_torn_end_of_the_journal_is_cut_off(data: Path) -> None:
    path = data / "frontend/journal/000000.journal"
    raw = path.read_bytes()
    path.write_bytes(raw + raw[:100])
    with Node.open(data) as node:
        once_each(Town(node))
    assert path.read_bytes() == raw


def test_damaged_progress_is_corruption(data: Path) -> None:
    (data / "frontend/progress.json").write_bytes(b"{")
    with pytest.raises(JournalCorrupted):
        Node.open(data).close()


def test_lost_progress_costs_time_and_nothing_else(data: Path) -> None:
    (data / "frontend/progress.json").unlink()
    with Node.open(data) as node:
        count = len(executed(node))
        once_each(Town(node))
        assert codes(Town(node), Town(node).admissions(1)) == ["PENDING"]
        assert executed(node)[-1].entry.number == count + 1


def test_progress_finds_what_is_in_a_block_and_not_reported_yet(tmp_path: Path) -> None:
    # Arrival 2 is in block 5, its batch about to report; arrivals 1 and 3 … are reported.
    kept = Progress(tmp_path / "progress.json")
    kept.finish(1, 6)
    kept.finish(3, 60)
    assert kept.save().number == 2
    assert Progress(tmp_path / "progress.json").saved.block <= 5


# -- the end --------------------------------------------------------------------------------------


def test_a_closed_front_end_takes_nothing_and_writes_nothing(data: Path, tmp_path: Path) -> None:
    node = Node.open(data)
    lines = Town(node).admissions(1)
    node.close()
    # Descriptors that were closed now belong to others.
    others = [(tmp_path / f"other-{at}").open("w+b") for at in range(40)]
    with pytest.raises(UfmiError):
        node.frontend.submit(lines)
    for other in others:
        assert other.read() == b""
        other.close()


def test_what_waits_at_the_end_is_told_and_kept(
    open_town: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = open_town()
    monkeypatch.setattr(town.node.frontend._dispatcher, "run_waiting", lambda: None)
    (ticket,) = town.node.frontend.submit(town.admissions(1))
    again = open_town()
    with pytest.raises(FrontendError):
        ticket.outcome(5)
    assert executed(again.node)[-1].line.text.startswith("ADMIT(")


def test_closing_a_node_twice_is_harmless(data: Path) -> None:
    node = Node.open(data)
    node.close()
    node.close()


def test_founding_that_was_interrupted_can_be_repeated(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:

        def interrupt(*_: Any) -> Any:
            raise KeyboardInterrupt

        patch.setattr(Transaction, "submit", interrupt)
        with pytest.raises(KeyboardInterrupt):
            found(tmp_path / "data")
    with found(tmp_path / "data") as node:
        assert codes(Town(node), Town(node).admissions(1)) == ["PENDING"]


def test_progress_after_a_restart_finds_what_ran_out_of_order(tmp_path: Path) -> None:
    """Batches in flight together: 3 ran in block 5 and 1 in block 6, then the process died."""
    kept = Progress(tmp_path / "progress.json")
    for number, block in ((1, 6), (3, 5)):
        kept.finish(number, block)
    position = kept.save()
    assert position.number == 2
    assert position.block <= 5, "a restart would not see that 3 is in a block"
    kept.take_in(4)
    kept.finish(2, 7)
    assert kept.save() == Position(4, 6), "once they are all done, old blocks are not read again"
