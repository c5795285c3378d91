"""Backup and restore: of a folder in use, whatever the front-end does meanwhile."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ufmi import backup as backups
from ufmi.backup import Manifest, backup
from ufmi.crypto import sm3_hex
from ufmi.errors import LedgerError, NotFound, StorageFailed, StoreCorrupted, UsageError
from ufmi.frontend import frontend, progress
from ufmi.frontend.journal import Journal
from ufmi.ledger.embedded.verify import verify_channel
from ufmi.node import Node
from ufmi.reconcile import reconcile
from ufmi.restore import restore

from .test_kill import first_receipt
from .town import BANK, Town, executed, found

SEED = int(os.environ.get("UFMI_BACKUP_SEED", str(random.randrange(10**6) * 2 + 1)))


def check(folder: Path, noted: list[tuple[int, str]]) -> int:
    """A restored folder is whole, holds what had a receipt, and goes on; its arrivals."""
    with Node.open(folder) as node:
        lines = executed(node)
        digests = {one.entry.number: one.line.digest for one in lines}
        assert sorted(digests) == list(range(1, len(lines) + 1)), "a gap, or executed twice"
        for number, digest in noted:
            assert digests.get(number) == digest, f"receipt {number} is not kept"
        report = reconcile(node)
        assert report.ok, [one.faults for one in report.checks if not one.ok]
        channel = node.embedded.channel("udl")
        verification = verify_channel(channel, node.embedded.topology.orderer)
        assert verification.ok, verification.problems
        town = Town(node)
        ticket = node.frontend.submit([town.line(town.y1(1, 5))])[0]
        assert ticket.receipt is not None
        assert ticket.receipt.number == len(lines) + 1
        assert ticket.outcome().result.accepted
    return len(lines)


def test_a_closed_folder_comes_back(data: Path, tmp_path: Path) -> None:
    made = backup(data, tmp_path / "b.tar", keys=True)
    with Node.open(data) as node:
        before = executed(node)
        height, tip = node.channel.height(), node.channel.block(node.channel.height() - 1).hash
    put = restore(tmp_path / "b.tar", tmp_path / "again")
    assert put == made
    assert (made.channels["udl"].blocks, made.channels["udl"].hash) == (height, tip.hex())
    assert made.arrival == len(before)
    with Node.open(tmp_path / "again") as node:
        assert executed(node) == before
    assert check(tmp_path / "again", []) == len(before)


def test_the_file_is_its_owners_only(data: Path, tmp_path: Path) -> None:
    backup(data, tmp_path / "b.tar", keys=True)
    assert (tmp_path / "b.tar").stat().st_mode & 0o077 == 0
    restore(tmp_path / "b.tar", tmp_path / "again")
    for path in (tmp_path / "again").rglob("*.pem"):
        assert path.stat().st_mode & 0o077 == 0


def test_keys_are_left_out_unless_asked_for(data: Path, tmp_path: Path) -> None:
    made = backup(data, tmp_path / "b.tar")
    assert "keys/frontend.pem" in made.keys_left_out
    secrets = [path.read_bytes() for path in data.rglob("*key.pem")]
    raw = (tmp_path / "b.tar").read_bytes()
    assert secrets
    assert not any(secret in raw for secret in secrets)
    again = tmp_path / "again"
    restore(tmp_path / "b.tar", again)
    assert not list(again.rglob("*-key.pem"))
    with pytest.raises(LedgerError):
        Node.open(again).close()
    for name in made.keys_left_out:
        (again / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(data / name, again / name)
    check(again, [])


def test_notifications_keep_numbers_and_signatures(town: Town, tmp_path: Path) -> None:
    before = town.node.frontend.notifications(BANK)
    made = backup(town.node.folder, tmp_path / "b.tar", keys=True)
    assert "frontend/notices.sqlite" in [one.name for one in made.files]
    restore(tmp_path / "b.tar", tmp_path / "again")
    with Node.open(tmp_path / "again") as node:
        assert node.frontend.notifications(BANK) == before


def test_documents_come_along(town: Town, tmp_path: Path) -> None:
    town.node.frontend.documents.keep("a document")
    digest = sm3_hex(b"a document")
    backup(town.node.folder, tmp_path / "b.tar", keys=True)
    restore(tmp_path / "b.tar", tmp_path / "again")
    with Node.open(tmp_path / "again") as node:
        assert node.frontend.documents.get(digest) == "a document"


def test_what_lies_behind_links_comes_along(data: Path, tmp_path: Path) -> None:
    (data / "frontend/documents/aa").write_text("a document")
    (data / "frontend/documents").rename(tmp_path / "elsewhere")
    (data / "frontend/documents").symlink_to(tmp_path / "elsewhere")
    (data / "frontend/around").symlink_to(data / "frontend")
    backup(data, tmp_path / "b.tar")
    restore(tmp_path / "b.tar", tmp_path / "again")
    assert (tmp_path / "again/frontend/documents/aa").read_text() == "a document"
    assert not list((tmp_path / "again").rglob("*.sqlite-journal"))


# -- while it is in use ------------------------------------------------------------------------


@pytest.mark.parametrize("in_flight", [0, 2])
def test_a_second_process_submits_meanwhile(tmp_path: Path, in_flight: int) -> None:
    print(f"UFMI_BACKUP_SEED={SEED}")
    folder = tmp_path / "data"
    with found(folder) as node:
        Town(node).open()
    script = Path(__file__).with_name("kill_child.py")
    noted: list[list[tuple[int, str]]] = []
    with (
        (tmp_path / "errors").open("w") as errors,
        subprocess.Popen(
            [sys.executable, str(script), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as parent,
    ):
        assert parent.stdin and parent.stdout
        # An odd seed makes the files small, so that they come and go all the time.
        parent.stdin.write(f"{SEED} {in_flight}\n")
        parent.stdin.flush()
        worker = int(parent.stdout.readline())
        first_receipt(folder)
        for at in range(4):
            noted.append(whole_receipts(folder))
            backup(folder, tmp_path / f"{at}.tar", keys=True)
            while len(whole_receipts(folder)) < len(noted[-1]) + 40:
                os.kill(worker, 0)  # fails once it has ended by itself
                time.sleep(0.002)
        os.kill(worker, signal.SIGKILL)
        parent.stdin.close()
    arrivals = []
    for at in range(4):
        restore(tmp_path / f"{at}.tar", tmp_path / f"again-{at}")
        arrivals.append(check(tmp_path / f"again-{at}", noted[at]))
    assert arrivals == sorted(set(arrivals))


def whole_receipts(folder: Path) -> list[tuple[int, str]]:
    """Number and digest of the receipts that are written down entirely."""
    lines = (folder / "acknowledged").read_text().rpartition("\n")[0].splitlines()
    return [(int(number), digest) for number, digest in map(str.split, lines)]


@pytest.mark.parametrize("phase", range(5))
def test_nothing_is_lost_whatever_happens_between_two_looks(
    open_town: Callable[..., Town],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    phase: int,
) -> None:
    """Between all steps of looking the front-end takes in, executes and forgets messages."""
    monkeypatch.setattr(progress, "_SAVE_EVERY", 3)
    monkeypatch.setattr(frontend, "Journal", partial(Journal, bytes_max=8_000))
    town = open_town()
    pin, measure = backups._Moment._pin, backups._measure
    noted: list[tuple[int, str]] = []
    looks = promised = 0

    def work(count: int) -> None:
        for _ in range(count):
            y1 = town.y1(1, 5)
            for line in (town.line(y1), town.line(town.locked(y1))):
                (ticket,) = town.node.frontend.submit([line])
                assert ticket.receipt is not None
                noted.append((ticket.receipt.number, ticket.receipt.digest))

    def between() -> None:
        # At first so much that whole files come and go unseen: it has to look again.
        nonlocal looks
        looks += 1
        work(8 if looks < 4 else 1)

    def working_pin(self: Any, *arguments: Any) -> Any:
        nonlocal promised
        between()
        promised = noted[-1][0]
        return pin(self, *arguments)

    def working_measure(log: Any) -> None:
        between()
        measure(log)

    work(20 + phase)
    monkeypatch.setattr(backups._Moment, "_pin", working_pin)
    monkeypatch.setattr(backups, "_measure", working_measure)
    made = backup(data, tmp_path / "b.tar", keys=True)
    assert looks > 7, "it did not look again"
    assert (data / "frontend/journal").exists()
    assert not (data / "frontend/journal/000000.journal").exists(), "nothing was forgotten"
    # The last look is for the journal's files: all that had a receipt then is there.
    assert made.arrival >= promised
    monkeypatch.undo()
    restore(tmp_path / "b.tar", tmp_path / "again")
    check(tmp_path / "again", [one for one in noted if one[0] <= promised])


def test_a_journal_that_turns_over_too_often_is_given_up(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(self: Any, folder: str, known: Any = frozenset()) -> Any:
        raise backups._Again("a file went while it was opened")

    monkeypatch.setattr(backups._Moment, "_pin", gone)
    with pytest.raises(LedgerError, match="too quickly") as raised:
        backup(data, tmp_path / "b.tar")
    assert raised.value.retryable
    assert not list(tmp_path.glob("b.tar*"))


@pytest.mark.parametrize("cut", [1, 5, 13, 100])
def test_a_block_that_is_being_written_is_left_out(data: Path, tmp_path: Path, cut: int) -> None:
    whole = backup(data, tmp_path / "whole.tar", keys=True)
    blocks = data / "ledger/channels/udl/blocks/000000.blocks"
    raw = blocks.read_bytes()
    # As if the process had been killed while it wrote the last block.
    shutil.rmtree(data / "ledger/channels/udl/state")
    (data / "frontend/progress.json").unlink()
    blocks.write_bytes(raw[:-cut])
    torn = backup(data, tmp_path / "torn.tar", keys=True)
    assert torn.channels["udl"].blocks == whole.channels["udl"].blocks - 1
    blocks.write_bytes(raw + b"\0" * cut)
    zeros = backup(data, tmp_path / "zeros.tar", keys=True)
    assert zeros.channels == whole.channels
    for name in ("torn", "zeros"):
        restore(tmp_path / f"{name}.tar", tmp_path / name)
        check(tmp_path / name, [])


@pytest.mark.parametrize(
    "name", ["ledger/channels/udl/blocks/000000.blocks", "frontend/journal/000000.journal"]
)
@pytest.mark.parametrize("place", [0.0, 0.3, 0.8])
def test_a_damaged_source_is_named_and_not_backed_up(
    data: Path, tmp_path: Path, name: str, place: float
) -> None:
    raw = bytearray((data / name).read_bytes())
    raw[int(len(raw) * place)] ^= 1
    (data / name).write_bytes(bytes(raw))
    with pytest.raises(StoreCorrupted, match=Path(name).name):
        backup(data, tmp_path / "b.tar")
    assert not list(tmp_path.glob("b.tar*"))


def test_an_index_that_cannot_be_read_is_left_out_and_named(town: Town, tmp_path: Path) -> None:
    place = town.node.folder / "frontend/other.sqlite"
    place.write_bytes(b"SQLite format 3\0" + b"x" * 5_000)
    made = backup(town.node.folder, tmp_path / "b.tar", keys=True)
    assert [one.split(":")[0] for one in made.left_out] == ["frontend/other.sqlite"]


def test_a_database_in_use_is_copied_as_of_one_moment(town: Town, tmp_path: Path) -> None:
    place = town.node.folder / "frontend/other.sqlite"
    with sqlite3.connect(place) as one:
        one.execute("pragma journal_mode = wal")
        one.execute("create table t (a)")
        one.execute("insert into t values (1)")
        one.commit()
        one.execute("insert into t values (2)")
        made = backup(town.node.folder, tmp_path / "b.tar", keys=True)
        one.rollback()
    one.close()
    assert made.left_out == []
    restore(tmp_path / "b.tar", tmp_path / "again")
    with sqlite3.connect(tmp_path / "again/frontend/other.sqlite") as copy:
        assert copy.execute("select a from t").fetchall() == [(1,)]
    copy.close()


# -- wrong use ---------------------------------------------------------------------------------


def test_what_is_wrong_is_said(data: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no ledger"):
        backup(tmp_path / "none", tmp_path / "b.tar")
    with pytest.raises(UsageError, match="data folder itself"):
        backup(data, data / "b.tar")
    with pytest.raises(StorageFailed):
        backup(data, tmp_path / "none" / "b.tar")
    (tmp_path / "b.tar").write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        backup(data, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_text() == "mine"
    (data / "fabric.json").write_text("{}")
    with pytest.raises(LedgerError, match="Fabric"):
        backup(data, tmp_path / "c.tar")


def test_a_manifest_tells_every_file(data: Path, tmp_path: Path) -> None:
    made: Manifest = backup(data, tmp_path / "b.tar", keys=True)
    names = {one.name for one in made.files}
    left = {
        path.relative_to(data).as_posix()
        for path in data.rglob("*")
        if path.is_file() and path.relative_to(data).as_posix() not in names
    }
    # The state is built from the blocks; a lock is a process's own.
    assert all("/state/" in name or name.endswith("LOCK") for name in left), left
