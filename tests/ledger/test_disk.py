"""A disk that is full or fails: a clear error, nothing half taken, and it goes on afterwards."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb
import pytest

from ufmi.errors import LedgerError, StorageFailed, SubmitError
from ufmi.ledger.embedded import Cut, EmbeddedLedger
from ufmi.recordlog import RecordLog

from .kv import endorsed, found, kv, put, reopen, state, topology, value, verified


def no_space(*_: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


@contextmanager
def full(*calls: str) -> Iterator[None]:
    """Within, these calls of the operating system fail."""
    with pytest.MonkeyPatch.context() as patch:
        for call in calls:
            patch.setattr(os, call, no_space)
        yield


@contextmanager
def half_written() -> Iterator[None]:
    """Within, a write gets the first 100 bytes onto the disk, and then none."""
    write, left = os.pwrite, [100]

    def some(descriptor: int, data: Any, offset: int) -> int:
        if not left[0]:
            no_space()
        whole = b"".join(data) if isinstance(data, list) else bytes(data)
        size = write(descriptor, whole[: left[0]], offset)
        left[0] -= size
        return size

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwrite", some)
        patch.setattr(os, "pwritev", some)
        yield


FAULTS = {
    "write": lambda: full("pwrite", "pwritev"),
    "sync": lambda: full("fdatasync"),
    "half": half_written,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_block_that_cannot_be_written_is_not_taken(tmp_path: Path, fault: str) -> None:
    with found(tmp_path / "l") as ledger:
        client = kv(ledger)
        put(client, "k", "before")
        before = state(ledger)
        for _ in range(2):
            with pytest.raises((StorageFailed, SubmitError)), FAULTS[fault]():
                put(client, "k", "lost")
            assert (state(ledger), ledger.channel("one").height) == (before, 2)
        put(client, "k", "after")
        put(client, "l", "after")
        expected = state(ledger)
        assert verified(ledger).ok
        raw = (tmp_path / "l/channels/one/blocks/000000.blocks").read_bytes()
        # A crash now: only what is in the files counts.
        lost = tmp_path / "crashed"
        os.system(f"cp -r {tmp_path / 'l'} {lost}")
    for folder in (tmp_path / "l", lost):
        with reopen(folder) as ledger:
            assert state(ledger) == expected
            assert verified(ledger).ok
            assert len(raw) == (folder / "channels/one/blocks/000000.blocks").stat().st_size


@pytest.mark.parametrize("fault", FAULTS)
def test_everybody_in_the_block_is_told(tmp_path: Path, fault: str) -> None:
    with found(tmp_path / "l", topology(Cut(count=3, timeout_ms=600_000))) as ledger:
        client = kv(ledger)
        waiting = [endorsed(client, "put", b"k%d" % at, b"v").submit() for at in range(2)]
        last = endorsed(client, "put", b"k2", b"v")
        with FAULTS[fault](), pytest.raises((StorageFailed, SubmitError)):
            last.submit()
        for commit in waiting:
            with pytest.raises(SubmitError):
                commit.status(5)
        assert state(ledger) == {}


def test_everybody_is_told_when_the_block_is_cut_by_time(tmp_path: Path) -> None:
    with (
        found(tmp_path / "l", topology(Cut(count=9, timeout_ms=100))) as ledger,
        full("pwrite", "pwritev"),
    ):
        commit = endorsed(kv(ledger), "put", b"k", b"v").submit()
        with pytest.raises(SubmitError):
            commit.status(30)
        assert state(ledger) == {}


def test_a_log_has_no_hole_after_a_failed_sync(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, ".log")
    log.append([b"first"])
    with full("fdatasync"), pytest.raises(StorageFailed):
        log.append([b"lost", b"lost too"])
    log.append([b"second"])
    log.close()
    log = RecordLog(tmp_path, ".log")
    assert [raw for _, raw in log.scan()] == [b"first", b"second"]
    log.close()


class _Full:
    """An LMDB environment that has no space left to write."""

    def __init__(self, real: Any, problem: type[lmdb.Error]) -> None:
        self._real = real
        self._problem = problem

    def begin(self, write: bool = False) -> Any:
        if write:
            raise self._problem("no space")
        return self._real.begin()

    def close(self) -> None:
        self._real.close()


@contextmanager
def state_store_full(ledger: EmbeddedLedger) -> Iterator[None]:
    """Within, the state wants to be flushed with every block, and cannot."""
    store = ledger.channel("one").store
    real = store._lmdb
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ufmi.ledger.embedded.statestore._FLUSH_ENTRIES", 1)
        patch.setattr(store, "_lmdb", _Full(real, lmdb.MapFullError))
        yield


def test_a_block_that_is_on_the_disk_is_taken_though_the_state_is_not_flushed(
    tmp_path: Path,
) -> None:
    # The block is durable and in memory, so it is committed, whatever becomes of the flush; and
    # the next one has to follow it.
    with found(tmp_path / "l") as ledger:
        client = kv(ledger)
        put(client, "k", "before")
        with state_store_full(ledger):
            transaction = endorsed(client, "put", b"k", b"within")
            try:
                transaction.submit()
                taken = True
            except LedgerError:
                taken = False
            assert (value(client, "k") == "within") == taken, "told the contrary of what happened"
        put(client, "l", "after")
        expected = state(ledger)
        report = verified(ledger)
        assert report.ok, report.problems
        os.system(f"cp -r {tmp_path / 'l'} {tmp_path / 'crashed'}")
    for folder in (tmp_path / "l", tmp_path / "crashed"):
        with reopen(folder) as ledger:
            assert state(ledger) == expected
            assert verified(ledger).ok


def test_a_state_that_cannot_be_flushed_at_the_end_is_built_at_the_next_start(
    tmp_path: Path,
) -> None:
    ledger = found(tmp_path / "l")
    put(kv(ledger), "k", "v")
    ledger.channel("one").store._lmdb = _Full(  # type: ignore[assignment]
        ledger.channel("one").store._lmdb, lmdb.DiskError
    )
    with pytest.raises(StorageFailed):
        ledger.close()
    with reopen(tmp_path / "l") as ledger:
        assert value(kv(ledger), "k") == "v"
        assert verified(ledger).ok
