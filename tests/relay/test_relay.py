"""The relay: everything once and whole, whatever fails and whoever else reports."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from chaincode.csrb.records import Report
from tests.frontend.town import Town
from ufmi.backup import backup
from ufmi.errors import (
    BlockNotProven,
    CommitStatusError,
    ConnectionLost,
    EndorseError,
    LedgerError,
    LedgerInUse,
    NotFound,
    StorageFailed,
)
from ufmi.ledger import Network
from ufmi.ledger.blocks import Block
from ufmi.ledger.embedded import EmbeddedLedger, topology
from ufmi.node import Node
from ufmi.regulatory.store import open_store
from ufmi.relay import csrb as csrb_module
from ufmi.relay import fold, relay
from ufmi.relay.csrb import Csrb
from ufmi.relay.opening import SNAPSHOTS, open_csrb, open_relay
from ufmi.relay.past import Past
from ufmi.relay.queue import Limits
from ufmi.relay.relay import Relay
from ufmi.restore import restore

from .office import assert_ledger, assert_reported, progress, trade

SMALL = Limits(items=3, anchors=2)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits."""
    for name in ("PAUSE_SECONDS", "PAUSE_SECONDS_MAX", "POLL_SECONDS", "STANDBY_SECONDS"):
        monkeypatch.setattr(relay, name, 0.001)
    monkeypatch.setattr(relay, "PATIENCE_SECONDS", 0.05)


def opened(node: Node, name: str = "relay", **options: Any) -> Relay:
    return open_relay(node.folder, node.ledger, folder=node.folder / name, **options)


# -- what is reported -------------------------------------------------------------------------


def test_everything_is_reported_once_and_whole(node: Node) -> None:
    with node.relay() as one:
        assert one.run_once() == 1
        assert_reported(node)
        status = one.status()
        assert (status.lag, status.last_error, status.overtaken) == (0, "", 0)
        assert status.reported.block == status.height == status.folded == node.channel.height()
        assert one.run_once() == 0
        trade(Town(node), 2)
        assert one.run_once() == 1
    assert_reported(node)
    assert_ledger(node)


def test_small_reports_bring_the_same(node: Node) -> None:
    with opened(node, limits=SMALL) as one:
        assert one.run_once() > 5
    assert_reported(node)


def test_reports_are_cut_by_bytes_too(node: Node) -> None:
    with opened(node, limits=Limits(bytes=2_500)) as one:
        assert one.run_once() > 5
    assert_reported(node)


def test_a_relay_without_its_folder_builds_it_again(node: Node) -> None:
    with node.relay() as one:
        one.run_once()
    shutil.rmtree(node.folder / "relay")
    trade(Town(node), 1)
    with node.relay() as one:
        assert one.run_once() == 1
    assert_reported(node)


def test_a_checkpoint_that_is_of_no_use_is_made_anew(node: Node, data: Path) -> None:
    with opened(node, limits=SMALL) as one:
        one.run_once()
    past = Past(data / "relay" / "fold.db")
    place = past.place()
    assert place is not None
    past.save(place._replace(builder=b"{"))
    past.close()
    trade(Town(node), 1)
    with node.relay() as one:
        one.run_once()
    assert_reported(node)


def test_a_relay_goes_on_from_its_checkpoint(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    with node.relay() as one:
        one.run_once()
    trade(Town(node), 1)
    taken: list[int] = []
    monkeypatch.setattr(
        fold.BlockVerifier, "take", _noting(fold.BlockVerifier.take, taken), raising=True
    )
    with node.relay() as one:
        reported = one.status().folded
        one.run_once()
    assert taken and min(taken) > reported
    assert len(taken) == 2
    assert_reported(node)


def _noting(take: Any, taken: list[int]) -> Any:
    def noted(self: Any, block: Block) -> None:
        taken.append(block.number)
        take(self, block)

    return noted


def test_a_backup_has_the_bodies_and_a_relay_goes_on_from_it(node: Node, tmp_path: Path) -> None:
    with node.relay() as one:
        one.run_once()
        trade(Town(node), 1)
        backup(node.folder, tmp_path / "backup", keys=True)
    restore(tmp_path / "backup", tmp_path / "again")
    with Node.open(tmp_path / "again") as other:
        with other.relay() as one:
            assert one.run_once() == 1
        assert_reported(other)


# -- failures ---------------------------------------------------------------------------------


class Failing:
    """A store that refuses some of its calls."""

    def __init__(self, folder: Path, bad: set[int]) -> None:
        self._store = open_store(folder / SNAPSHOTS)
        self._bad = bad
        self.calls = 0

    def put(self, object_id: str, version: int, data: bytes) -> str:
        self.calls += 1
        if self.calls in self._bad:
            raise StorageFailed("the disk is full")
        return self._store.put(object_id, version, data)


def test_what_cannot_be_stored_is_not_reported(node: Node) -> None:
    store = Failing(node.folder, {5, 9})
    with opened(node, store=store, limits=SMALL) as one:
        for _ in range(2):
            with pytest.raises(StorageFailed):
                one.run_once()
            assert "disk is full" in one.status().last_error
        one.run_once()
        assert one.status().last_error == ""
        assert one.status().errors == 2
    assert_reported(node)


@pytest.mark.parametrize("arrived", [True, False], ids=["arrived", "lost"])
@pytest.mark.parametrize(
    "problem", [ConnectionLost("gone"), CommitStatusError("no news")], ids=["gone", "no-news"]
)
def test_without_an_answer_the_contract_is_asked(
    node: Node, monkeypatch: pytest.MonkeyPatch, problem: LedgerError, arrived: bool
) -> None:
    original = Csrb.report
    calls: list[Report] = []

    def report(self: Csrb, one: Report) -> None:
        calls.append(one)
        bad = len(calls) % 2 == 1
        if arrived or not bad:
            original(self, one)
        if bad:
            raise problem

    monkeypatch.setattr(Csrb, "report", report)
    with opened(node, limits=SMALL) as one:
        one.run_once()
        assert one.status().errors > 0
        assert one.status().overtaken == 0
    assert_reported(node)


def test_a_report_that_the_contract_refuses_stops_the_relay_visibly(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(node) as one:
        monkeypatch.setattr(
            Csrb, "report", lambda self, report: _raise(EndorseError("the contract refuses"))
        )
        puts: list[str] = []
        monkeypatch.setattr(
            one._bodies._store, "put", _counted(one._bodies._store.put, puts), raising=False
        )
        for _ in range(3):
            with pytest.raises(EndorseError):
                one.run_once()
        stored = len(puts)
        assert "the contract refuses" in one.status().last_error
        monkeypatch.undo()
        one.run_once()
    assert stored == len(set(puts)), "each body is sealed and stored once only"
    assert_reported(node)


def _raise(problem: Exception) -> None:
    raise problem


def _counted(put: Any, puts: list[str]) -> Any:
    def counted(object_id: str, version: int, data: bytes) -> str:
        puts.append(f"{object_id}/{version}")
        return str(put(object_id, version, data))

    return counted


def test_a_block_that_nobody_signed_is_not_reported(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Network.past_blocks

    def forged(self: Network, start: int = 0) -> Any:
        for block in original(self, start):
            if block.number == 4:
                block.message.data.data[0] = block.message.data.data[0][:-1] + b"!"
            yield block

    monkeypatch.setattr(Network, "past_blocks", forged)
    with opened(node, limits=Limits(anchors=1)) as one:
        with pytest.raises(BlockNotProven, match="block 4"):
            one.run_once()
        assert progress(node).block <= 4
        assert "UFMI-4008" in one.status().last_error
        monkeypatch.undo()
        one.run_once()
    assert_reported(node)


def test_channels_that_do_not_belong_together_are_found_out(node: Node, data: Path) -> None:
    with node.embedded.anchor():
        trade(Town(node), 1)
        with opened(node) as one:
            one.run_once()
        ahead = progress(node)
    assert progress(node).block == 0  # both channels are as they were
    with opened(node) as one:
        one.run_once()  # the fold was ahead: it is made anew
        assert one.status().reported.block < ahead.block
    assert_reported(node)


def test_a_peer_that_is_behind_is_waited_for(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(node) as one:
        one.run_once()
        monkeypatch.setattr(Network, "height", lambda self: 3)
        with pytest.raises(LedgerError, match="it has 3") as caught:
            one.run_once()
        assert caught.value.retryable


# -- two relays -------------------------------------------------------------------------------


def test_two_relays_at_once_report_everything_once(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(node, "one", limits=SMALL) as one, opened(node, "two", limits=Limits(4, 3)) as two:
        original = Csrb.report
        turn: list[int] = []

        def report(self: Csrb, made: Report) -> None:
            # Whoever is about to report finds now and then that the other has just done so.
            if self is one._csrb:
                turn.append(1)
                if len(turn) % 3 == 1:
                    two._stop = _AfterOneReport(two)  # type: ignore[assignment]
                    two.run_once()
            original(self, made)

        monkeypatch.setattr(Csrb, "report", report)
        one.run_once()
        assert one.status().overtaken > 2
        two._stop = one._stop
        two.run_once()
        assert one.status().snapshots + two.status().snapshots == len(
            list(open_csrb(node.ledger).snapshots())
        )
    assert_reported(node)


class _AfterOneReport:
    """An event that is set once a relay has made a report more."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._before = relay.status().reports

    def is_set(self) -> bool:
        return self._relay.status().reports > self._before


def test_two_relays_race_on_threads(node: Node) -> None:
    with (
        relay.Follower(opened(node, "one", limits=SMALL)) as one,
        relay.Follower(opened(node, "two", limits=SMALL)) as two,
    ):
        trade(Town(node), 10)
        height = node.channel.height()
        while progress(node).block < height:
            assert not one.status().last_error and not two.status().last_error
    assert_reported(node)
    assert_ledger(node)


def test_a_second_relay_takes_over(node: Node) -> None:
    two = opened(node, "two", limits=SMALL)
    with relay.Follower(opened(node, "one", limits=SMALL)), relay.Follower(two):
        trade(Town(node), 2)
        height = node.channel.height()
        while progress(node).block < height:
            pass
    with relay.Follower(opened(node, "two", limits=SMALL)):
        trade(Town(node), 2)
        height = node.channel.height()
        while progress(node).block < height:
            pass
    assert_reported(node)


def test_a_relay_stands_by_while_another_reports(node: Node) -> None:
    with opened(node, "one", limits=SMALL) as one, opened(node, "two") as two:
        one.run_once()
        trade(Town(node), 2)
        looks: list[bool] = []

        class Waits:
            """The other relay reports between two looks, until it is dead."""

            def is_set(self) -> bool:
                return False

            def wait(self, seconds: float) -> bool:
                looks.append(two.status().standby)
                if len(looks) == 2:
                    one.run_once()
                    trade(Town(node), 1)
                return False

        two._stop = Waits()  # type: ignore[assignment]
        two._stand_by()
        assert looks == [True] * 3  # the other has reported; again; is gone
        assert not two.status().standby
        assert two.status().folded == two.status().reported.block
        assert two.run_once() == 1
    assert_reported(node)


def test_one_relay_works_in_a_folder(node: Node) -> None:
    with node.relay(), pytest.raises(LedgerInUse):
        node.relay()


# -- ledgers without the channel --------------------------------------------------------------


def test_a_ledger_without_the_channel_works_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = topology.Topology({"udl": topology.DEFAULT.channels["udl"]})
    create = EmbeddedLedger.create
    monkeypatch.setattr(
        EmbeddedLedger, "create", lambda *given, **named: create(*given, topology=old, **named)
    )
    with Node.create(tmp_path / "old") as node:
        monkeypatch.undo()
        assert not csrb_module.has_channel(node.ledger)
        with pytest.raises(NotFound, match="no regulatory channel") as caught:
            node.relay()
        assert "founded anew" in caught.value.hint
        Town(node)
    with Node.open(tmp_path / "old") as node:
        assert node.channel.height() == 2
