"""Restore: what is damaged, forged or in the way is refused, and nothing is left behind."""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ufmi.backup import MANIFEST, MANIFEST_DIGEST, backup
from ufmi.errors import BackupDamaged, StorageFailed, UsageError
from ufmi.restore import restore


@pytest.fixture(scope="module")
def kept(opened: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good backup; do not write to it."""
    out = tmp_path_factory.mktemp("kept") / "b.tar"
    source = Path(shutil.copytree(opened, out.parent / "data"))
    backup(source, out, keys=True)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refused(file: Path, tmp_path: Path) -> str:
    """Restoring is refused and leaves neither a folder nor a file; why."""
    with pytest.raises(BackupDamaged) as raised:
        restore(file, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    (tmp_path / "empty").mkdir(exist_ok=True)
    with pytest.raises(BackupDamaged):
        restore(file, tmp_path / "empty")
    assert not list((tmp_path / "empty").iterdir())
    return raised.value.message


Members = list[tuple[tarfile.TarInfo, bytes]]


def members(file: Path) -> Members:
    with tarfile.open(file) as tar:
        return [(one, tar.extractfile(one).read()) for one in tar]  # type: ignore[union-attr]


def rewritten(kept: Path, tmp_path: Path, change: Callable[[Members], None]) -> Path:
    """The backup with changed members, its manifest true to them where `change` keeps it so."""
    changed = members(kept)
    change(changed)
    out = tmp_path / "changed.tar"
    with tarfile.open(out, "w") as tar:
        for info, raw in changed:
            if info.isreg():
                info.size = len(raw)
            tar.addfile(info, io.BytesIO(raw))
    return out


def truthful(changed: Members) -> None:
    """Makes the manifest agree with the members: a forger can do that too."""
    changed[:] = [one for one in changed if one[0].name not in (MANIFEST, MANIFEST_DIGEST)]
    files = [
        {"name": info.name, "size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
        for info, raw in changed
    ]
    raw = json.dumps({"time": 1, "files": files}).encode()
    digest = f"{hashlib.sha256(raw).hexdigest()}  {MANIFEST}\n".encode()
    changed += [(tarfile.TarInfo(MANIFEST), raw), (tarfile.TarInfo(MANIFEST_DIGEST), digest)]


def test_a_truthful_manifest_of_unchanged_files_is_taken(kept: Path, tmp_path: Path) -> None:
    restore(rewritten(kept, tmp_path, truthful), tmp_path / "again")
    restore(kept, tmp_path / "other")
    assert contents(tmp_path / "again") == contents(tmp_path / "other")


def test_any_flipped_bit_is_found_or_changes_nothing(kept: Path, tmp_path: Path) -> None:
    restore(kept, tmp_path / "good")
    good = contents(tmp_path / "good")
    raw = bytearray(kept.read_bytes())
    chance = random.Random(7)
    flipped = tmp_path / "flipped.tar"
    found = 0
    for _ in range(60):
        at, bit = chance.randrange(len(raw)), 1 << chance.randrange(8)
        raw[at] ^= bit
        flipped.write_bytes(bytes(raw))
        raw[at] ^= bit
        target = tmp_path / "again"
        try:
            restore(flipped, target)
        except BackupDamaged:
            found += 1
            assert not target.exists()
        else:
            # In the filling between files.
            assert contents(target) == good, f"byte {at}"
            shutil.rmtree(target)
    assert found > 30


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9])
def test_a_file_that_is_cut_off_is_refused(kept: Path, tmp_path: Path, share: float) -> None:
    raw = kept.read_bytes()
    (tmp_path / "cut.tar").write_bytes(raw[: int(len(raw) * share)])
    refused(tmp_path / "cut.tar", tmp_path)


@pytest.mark.parametrize("raw", [b"", b"no tar", b"\0" * 10_240, b"x" * 100_000])
def test_what_is_no_backup_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(raw)
    refused(tmp_path / "x.tar", tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "ledger/../../evil",
        "/tmp/ufmi-evil",
        "ledger//evil",
        "ledger/./evil",
        "evil",
        "other/evil",
        "ledger/e\nvil",
        "ledger/" + "x/" * 600 + "evil",
    ],
)
def test_names_that_lead_elsewhere_are_refused(kept: Path, tmp_path: Path, name: str) -> None:
    def change(changed: Members) -> None:
        changed.insert(0, (tarfile.TarInfo(name), b"evil"))
        truthful(changed)

    assert "no name" in refused(rewritten(kept, tmp_path, change), tmp_path)
    assert not list(tmp_path.parent.rglob("evil"))
    assert not Path("/tmp/ufmi-evil").exists()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE]
)
def test_what_is_no_plain_file_is_refused(kept: Path, tmp_path: Path, kind: bytes) -> None:
    def change(changed: Members) -> None:
        info = tarfile.TarInfo("ledger/evil")
        info.type, info.linkname = kind, "/etc"
        changed.insert(0, (info, b""))

    assert "plain file" in refused(rewritten(kept, tmp_path, change), tmp_path)


def test_a_file_twice_is_refused(kept: Path, tmp_path: Path) -> None:
    def change(changed: Members) -> None:
        changed.insert(0, changed[0])

    assert "twice" in refused(rewritten(kept, tmp_path, change), tmp_path)


def test_a_changed_missing_or_added_file_is_named(kept: Path, tmp_path: Path) -> None:
    name = "ledger/ledger.json"

    def changes(changed: Members) -> None:
        at = [info.name for info, _ in changed].index(name)
        changed[at] = (changed[at][0], changed[at][1] + b" ")

    def loses(changed: Members) -> None:
        changed[:] = [one for one in changed if one[0].name != name]

    def gains(changed: Members) -> None:
        changed.insert(0, (tarfile.TarInfo("ledger/more"), b""))

    def loses_truthfully(changed: Members) -> None:
        loses(changed)
        truthful(changed)

    assert f"{name} in" in refused(rewritten(kept, tmp_path, changes), tmp_path)
    assert f"lacks {name}" in refused(rewritten(kept, tmp_path, loses), tmp_path)
    assert "ledger/more" in refused(rewritten(kept, tmp_path, gains), tmp_path)
    assert "no ledger" in refused(rewritten(kept, tmp_path, loses_truthfully), tmp_path)


@pytest.mark.parametrize("name", [MANIFEST, MANIFEST_DIGEST])
def test_a_manifest_that_is_missing_or_changed_is_refused(
    kept: Path, tmp_path: Path, name: str
) -> None:
    def loses(changed: Members) -> None:
        changed[:] = [one for one in changed if one[0].name != name]

    def changes(changed: Members) -> None:
        at = [info.name for info, _ in changed].index(name)
        changed[at] = (changed[at][0], changed[at][1].replace(b"0", b"1"))

    assert "manifest" in refused(rewritten(kept, tmp_path, loses), tmp_path)
    assert "manifest" in refused(rewritten(kept, tmp_path, changes), tmp_path)


def test_a_manifest_that_is_none_is_refused(kept: Path, tmp_path: Path) -> None:
    def change(changed: Members) -> None:
        raw = b"[]"
        digest = f"{hashlib.sha256(raw).hexdigest()}  {MANIFEST}\n".encode()
        changed[-2:] = [
            (tarfile.TarInfo(MANIFEST), raw),
            (tarfile.TarInfo(MANIFEST_DIGEST), digest),
        ]

    assert "manifest" in refused(rewritten(kept, tmp_path, change), tmp_path)


def test_a_folder_with_something_in_it_is_left_alone(kept: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("mine")
    with pytest.raises(UsageError, match="not an empty folder"):
        restore(kept, tmp_path / "full")
    assert contents(tmp_path / "full") == {"mine": b"mine"}
    with pytest.raises(UsageError, match="not an empty folder"):
        restore(kept, tmp_path / "full/mine")
    with pytest.raises(UsageError, match="no file"):
        restore(tmp_path / "none", tmp_path / "again")


def test_a_disk_that_refuses_leaves_nothing(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ufmi.restore.shutil.copyfileobj", full)
    with pytest.raises(StorageFailed, match="No space"):
        restore(kept, tmp_path / "again")
    assert not (tmp_path / "again").exists()
