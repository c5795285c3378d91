"""Closing, crashing and opening again: what was acknowledged is there, and only that."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ufmi.errors import LedgerError, LedgerInUse, NotFound, StoreCorrupted
from ufmi.ledger.embedded import EmbeddedLedger

from .kv import (
    block_file,
    endorsed,
    found,
    kv,
    pack,
    put,
    reopen,
    spans,
    state,
    status_of,
    value,
    verified,
)

VALUES = 5


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger folder with five blocks after the first; do not write to it."""
    folder = tmp_path_factory.mktemp("closed") / "ledger"
    with found(folder) as ledger:
        for at in range(VALUES):
            put(kv(ledger), f"k{at % 2}", str(at))
    return folder


@pytest.fixture
def folder(closed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(closed, tmp_path / "copy"))


def without_state(folder: Path) -> Path:
    """As a crash leaves it that came before the state was ever flushed."""
    shutil.rmtree(folder / "channels" / "one" / "state")
    return folder


def records(folder: Path) -> list[tuple[int, int]]:
    """Begin and end of every record in the block file."""
    return spans(block_file(folder).read_bytes())


def goes_on(folder: Path, height: int) -> None:
    """Opens, finds so many blocks, adds one, verifies, and all that once more."""
    for more in range(2):
        with reopen(folder) as ledger:
            assert ledger.channel("one").height == height + more
            put(kv(ledger), "more", str(more))
            report = verified(ledger)
            assert report.ok, report.problems


def test_reopening_gives_the_same_state_and_goes_on(folder: Path) -> None:
    with reopen(folder) as ledger:
        before = state(ledger), ledger.channel("one").tip_hash
        assert before[0] == {"k0": (b'"4"', (5, 0)), "k1": (b'"3"', (4, 0))}
    with reopen(folder) as ledger:
        assert (state(ledger), ledger.channel("one").tip_hash) == before
    goes_on(folder, VALUES + 1)


def test_state_that_is_gone_is_built_from_the_blocks(folder: Path) -> None:
    with reopen(folder) as ledger:
        before = state(ledger), ledger.channel("one").store.commit_hash
    with reopen(without_state(folder)) as ledger:
        assert (state(ledger), ledger.channel("one").store.commit_hash) == before
        assert kv(ledger).evaluate("history", b"k0").count(b'\\"') == 6
    goes_on(folder, VALUES + 1)


def test_invalid_transactions_stay_invalid_when_the_state_is_built(tmp_path: Path) -> None:
    with found(tmp_path / "l") as ledger:
        client = kv(ledger)
        first, late = endorsed(client, "add", b"n"), endorsed(client, "add", b"n")
        first.submit()
        late.submit()
    with reopen(without_state(tmp_path / "l")) as ledger:
        assert status_of(ledger, first.transaction_id).name == "VALID"
        assert status_of(ledger, late.transaction_id).name == "MVCC_READ_CONFLICT"
        assert value(kv(ledger), "n") == 1


def test_state_that_lags_behind_is_brought_up(folder: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(folder / "channels/one/state", old)
    with reopen(folder) as ledger:
        put(kv(ledger), "k0", "newer")
        client = kv(ledger)
        client.submit("delete", b"k1")
        expected = state(ledger)
    without_state(folder)
    shutil.copytree(old, folder / "channels/one/state")
    with reopen(folder) as ledger:
        assert state(ledger) == expected
    goes_on(folder, VALUES + 3)


def test_state_that_is_ahead_of_the_blocks_is_corrupt(folder: Path) -> None:
    path, (_, end) = block_file(folder), records(folder)[-2]
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(StoreCorrupted):
        reopen(folder)


def test_a_torn_tail_is_cut_off_wherever_it_was_torn(folder: Path) -> None:
    without_state(folder)
    path = block_file(folder)
    raw, (start, end) = path.read_bytes(), records(folder)[-1]
    # Every place is tried in the log alone; see test_recordlog.
    for cut in (*range(start, start + 14, 3), *range(start + 14, end, 499), end - 1):
        path.write_bytes(raw[:cut])
        shutil.rmtree(folder / "channels/one/state", ignore_errors=True)
        with reopen(folder) as ledger:
            assert ledger.channel("one").height == VALUES
        assert path.stat().st_size == start, cut
    goes_on(folder, VALUES)


@pytest.mark.parametrize("kept", [0, 3, 8, 100, -1])
@pytest.mark.parametrize("zeros", [1, 8, 5_000])
def test_a_tail_of_zeros_is_cut_off(folder: Path, kept: int, zeros: int) -> None:
    without_state(folder)
    path = block_file(folder)
    raw, (start, end) = path.read_bytes(), records(folder)[-1]
    if kept < 0:
        path.write_bytes(raw + b"\0" * zeros)
        goes_on(folder, VALUES + 1)
        return
    path.write_bytes(raw[: start + kept] + b"\0" * (end - start - kept))
    goes_on(folder, VALUES)


def damage_byte(folder: Path, at: int) -> None:
    path = block_file(folder)
    raw = bytearray(path.read_bytes())
    raw[at] ^= 0x40
    path.write_bytes(bytes(raw))


@pytest.mark.parametrize("part", ["content", "checksum"])
@pytest.mark.parametrize("block", [0, 1, VALUES - 1])
def test_damage_in_the_middle_is_not_taken_for_a_crash(folder: Path, block: int, part: str) -> None:
    without_state(folder)
    start, end = records(folder)[block]
    damage_byte(folder, start + 4 if part == "checksum" else (start + end) // 2)
    size = block_file(folder).stat().st_size
    with pytest.raises(StoreCorrupted):
        reopen(folder)
    assert block_file(folder).stat().st_size == size, "what was damaged was cut off"


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize("block", [1, VALUES - 1])
def test_a_damaged_length_in_the_middle_is_not_taken_for_a_crash(
    folder: Path, block: int, place: int
) -> None:
    # The record then seems to reach beyond the end of the file. Blocks follow that were
    # acknowledged; no crash explains that.
    without_state(folder)
    damage_byte(folder, records(folder)[block][0] + place)
    size = block_file(folder).stat().st_size
    with pytest.raises(StoreCorrupted):
        reopen(folder)
    assert block_file(folder).stat().st_size == size, "what was damaged was cut off"


def test_verifying_never_writes_to_the_block_file(folder: Path) -> None:
    with reopen(folder) as ledger:
        path, (start, _) = block_file(folder), records(folder)[2]
        damage_byte(folder, start + 1)
        raw = path.read_bytes()
        try:
            ok = verified(ledger).ok
        except StoreCorrupted:
            ok = False
        assert not ok
        assert path.read_bytes() == raw


def test_a_block_whose_place_was_exchanged_is_corrupt(folder: Path) -> None:
    without_state(folder)
    raw = block_file(folder).read_bytes()
    parts = [raw[start:end] for start, end in records(folder)]
    parts[2], parts[3] = parts[3], parts[2]
    block_file(folder).write_bytes(b"".join(parts))
    with pytest.raises(StoreCorrupted, match="does not follow"):
        reopen(folder)


def test_a_record_that_is_no_block_is_corrupt(folder: Path) -> None:
    without_state(folder)
    junk = b"\xff" * 20
    with block_file(folder).open("ab") as file:
        file.write(pack(junk))
    with pytest.raises(StoreCorrupted):
        reopen(folder)


def spoil_lmdb(folder: Path) -> None:
    (folder / "channels/one/state/data.mdb").write_bytes(b"x" * 8192)


def spoil_topology(folder: Path) -> None:
    (folder / "ledger.json").write_bytes(b"{")


@pytest.mark.parametrize("spoil", [spoil_lmdb, spoil_topology])
def test_other_files_that_are_damaged_are_said_to_be(
    folder: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(folder)
    with pytest.raises(StoreCorrupted):
        reopen(folder)


def test_a_folder_without_ledger_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        reopen(tmp_path)


def test_a_ledger_is_not_founded_twice(folder: Path) -> None:
    with pytest.raises(LedgerError, match="already"):
        found(folder)


def test_a_second_owner_is_refused_and_told_the_first(folder: Path) -> None:
    with reopen(folder), pytest.raises(LedgerInUse, match=str(folder)):
        reopen(folder)
    goes_on(folder, VALUES + 1)


def test_the_process_that_has_the_folder_is_named(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from ufmi.system import FolderLock;"
        "lock = FolderLock(Path(sys.argv[1])); print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        with pytest.raises(LedgerInUse, match=f"process {other.pid}"):
            reopen(folder)
        other.communicate("")
    reopen(folder).close()


def test_closing_twice_is_harmless(folder: Path) -> None:
    ledger = reopen(folder)
    ledger.close()
    ledger.close()


def test_a_closed_ledger_says_so(folder: Path) -> None:
    ledger: EmbeddedLedger = reopen(folder)
    client = kv(ledger)
    transaction = endorsed(client, "put", b"k", b"v")
    ledger.close()
    size = block_file(folder).stat().st_size
    with pytest.raises(LedgerError):
        transaction.submit()
    with pytest.raises(LedgerError):
        client.evaluate("get", b"k0")
    assert block_file(folder).stat().st_size == size
