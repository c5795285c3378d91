"""Snapshots in a local folder: durable before `put` returns, whatever ends the process."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ufmi.errors import StorageFailed
from ufmi.regulatory.store import LISTED_MAX, Folder, InvalidSnapshot, SnapshotStore, open_store

ROOT = Path(__file__).parent.parent.parent
ID = "EXPROD0000000001"
KILLS = int(os.environ.get("UFMI_KILLS", "200")) // 20
# Puts snapshots that overlap with those of its like, and says so when each is there.
VICTIM = """
import random, sys
from ufmi.regulatory.store import open_store
store, chance = open_store(sys.argv[1]), random.Random(int(sys.argv[2]))
while True:
    version = chance.randrange(20)
    print(version, store.put("id", version, b"%d" % version * chance.randrange(50_000)), flush=True)
"""


def test_a_url_and_a_path_are_the_same_place(tmp_path: Path) -> None:
    folder = tmp_path / "a folder" / "of %41"
    digest = open_store(folder).put(ID, 0, b"data")
    assert open_store(folder.as_uri()).get(ID, 0, digest) == b"data"
    assert open_store(str(folder)).get(ID, 0, digest) == b"data"
    assert [path.name for path in (tmp_path / "a folder").iterdir()] == ["of %41"]


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    digest = open_store(tmp_path / "store").put(ID, 0, b"data")
    assert (tmp_path / "store").stat().st_mode & 0o077 == 0
    assert (tmp_path / "store" / ID / "0" / digest).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("times", [1, 2])
def test_file_and_folders_are_synced_before_put_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """The second time too: who wrote it may have been killed before it synced the folders."""
    store = open_store(tmp_path / "store")
    synced: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    for _ in range(times):
        monkeypatch.setattr(os, "fsync", note)
        synced.clear()
        digest = store.put(ID, 0, b"data")
        monkeypatch.setattr(os, "fsync", real)
    folders = [tmp_path / "store" / ID / "0", tmp_path / "store" / ID, tmp_path / "store"]
    assert synced[-3:] == [str(folder) for folder in folders]
    if times == 1:
        assert synced[0] == str(folders[0] / f"{digest}.new")


def test_a_disk_that_refuses_is_told_and_nothing_half_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path / "store")
    before = store.put(ID, 0, b"before")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StorageFailed, match="UFMI-4003"):
            store.put(ID, 0, b"data")
    assert [one.digest for one in store.list(ID)] == [before]
    assert store.get(ID, 0, store.put(ID, 0, b"data")) == b"data"


def test_a_place_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageFailed):
            open_store(place)


def test_a_folder_where_a_file_should_be_is_told(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    digest = store.put(ID, 0, b"data")
    (tmp_path / ID / "0" / digest).unlink()
    (tmp_path / ID / "0" / digest).mkdir()
    with pytest.raises(StorageFailed):
        store.get(ID, 0, digest)
    with pytest.raises(StorageFailed):
        store.put(ID, 0, b"data")
    assert store.list(ID) == ()


def test_a_list_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Folder(tmp_path)
    found = [(f"{ID}/{version}/{'0' * 64}", 1) for version in range(LISTED_MAX + 1)]
    monkeypatch.setattr(place, "keys", lambda folder: iter(found[1:]))
    assert len(SnapshotStore(place).list(ID)) == LISTED_MAX
    monkeypatch.setattr(place, "keys", lambda folder: iter(found))
    with pytest.raises(InvalidSnapshot):
        SnapshotStore(place).list(ID)


def test_killed_at_any_moment_nothing_that_was_put_is_lost(tmp_path: Path) -> None:
    """Two processes at a time write the same snapshots and are killed."""
    seed = random.randrange(10**9)
    print("seed", seed)
    chance = random.Random(seed)
    store = open_store(tmp_path / "store")
    for number in range(KILLS):
        notes = [tmp_path / f"{number}-{which}" for which in range(2)]
        command = [sys.executable, "-c", VICTIM, str(tmp_path / "store")]
        victims = []
        for path in notes:
            with path.open("wb") as out:
                victims.append(
                    subprocess.Popen([*command, str(chance.randrange(99))], cwd=ROOT, stdout=out)
                )
        while any(not path.stat().st_size for path in notes):
            assert all(victim.poll() is None for victim in victims)
            time.sleep(0.005)
        time.sleep(chance.random() * 0.05)
        for victim in victims:
            victim.send_signal(signal.SIGKILL)
            victim.wait()
        for path in notes:
            # The last line may be cut.
            for line in path.read_text().split("\n")[:-1]:
                version, digest = line.split()
                store.get("id", int(version), digest)
    for one in store.list("id"):
        assert len(store.get("id", one.version, one.digest)) == one.size
