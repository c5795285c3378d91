"""Restoring a backup: everything is verified before anything is in its place."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from pathlib import Path
from typing import IO

import msgspec

from ufmi.backup import FILES_MAX, MANIFEST, MANIFEST_DIGEST, Copied, Hashing, Manifest
from ufmi.errors import BackupDamaged, StorageFailed, UsageError
from ufmi.system import sync_folder

_TOPS = ("frontend", "keys", "snapshots", "ledger")
_RESTORING = "restoring"
_MANIFEST_BYTES_MAX = 512 * 1024 * 1024
_NAME_MAX = 1_000


def restore(file: Path, data: Path) -> Manifest:
    """Puts a backup into an empty or absent folder; returns what it holds.

    Raises:
        UsageError: the folder is not empty, or there is no such file.
        BackupDamaged: the file is not what `backup` wrote; the folder is left as it was.
        StorageFailed: the disk refuses; the folder is left as it was.
    """
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise UsageError(
            f"{data} is not an empty folder", hint="Restore into a new one and move it afterwards"
        )
    made = not data.exists()
    aside = data / _RESTORING
    try:
        aside.mkdir(parents=True)
        manifest = _extract(file, aside)
        _put(aside, data)
    except OSError as problem:
        _clear(data, made)
        raise StorageFailed(f"{data} cannot be written: {problem}") from problem
    except BaseException:
        _clear(data, made)
        raise
    return manifest


def _put(aside: Path, data: Path) -> None:
    """Moves what is verified into its place. The ledger comes last: with it the folder is one."""
    for top in _TOPS:
        if (aside / top).exists():
            (aside / top).rename(data / top)
    aside.rmdir()
    sync_folder(data)


def _clear(data: Path, made: bool) -> None:
    for name in (_RESTORING, *_TOPS):
        shutil.rmtree(data / name, ignore_errors=True)
    if made and data.exists():
        data.rmdir()


def _extract(file: Path, aside: Path) -> Manifest:
    """Writes all files of a backup into a folder and checks them against its manifest."""
    found: dict[str, Copied] = {}
    texts: dict[str, bytes] = {}
    try:
        with tarfile.open(file, "r:") as tar:
            for member in tar:
                if len(found) > FILES_MAX:
                    raise BackupDamaged(f"{file} has more than {FILES_MAX} files")
                name = _checked_name(member, found)
                source = tar.extractfile(member)
                assert source is not None
                if name in (MANIFEST, MANIFEST_DIGEST):
                    if member.size > _MANIFEST_BYTES_MAX:
                        raise BackupDamaged(f"the manifest of {file} is too long")
                    texts[name] = source.read()
                    found[name] = Copied(name, member.size, "")
                else:
                    found[name] = _write(aside / name, source, name)
    except (tarfile.TarError, EOFError, ValueError) as problem:
        raise BackupDamaged(f"{file} cannot be read: {problem}") from problem
    manifest = _manifest(file, texts)
    _compare(file, manifest, found)
    _sync(aside)
    return manifest


def _checked_name(member: tarfile.TarInfo, found: dict[str, Copied]) -> str:
    """The name of a member that may be written. Raises BackupDamaged."""
    name = member.name
    parts = name.split("/")
    if not member.isreg() or member.issparse():
        raise BackupDamaged(f"{name!r} is not a plain file")
    if name not in (MANIFEST, MANIFEST_DIGEST) and (
        len(parts) < 2
        or parts[0] not in _TOPS
        or any(part in ("", ".", "..") for part in parts)
        or not name.isprintable()
        or len(name) > _NAME_MAX
    ):
        raise BackupDamaged(f"{name!r} is no name of a file in a backup")
    if name in found:
        raise BackupDamaged(f"{name!r} is there twice")
    return name


def _write(path: Path, source: IO[bytes], name: str) -> Copied:
    path.parent.mkdir(parents=True, exist_ok=True)
    hashing = Hashing(source)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        shutil.copyfileobj(hashing, file, 1024 * 1024)
        size = file.tell()
        file.flush()
        os.fsync(file.fileno())
    return Copied(name, size, hashing.digest.hexdigest())


def _manifest(file: Path, texts: dict[str, bytes]) -> Manifest:
    raw = texts.get(MANIFEST)
    if raw is None or MANIFEST_DIGEST not in texts:
        raise BackupDamaged(f"{file} ends before its manifest, or is no backup")
    if texts[MANIFEST_DIGEST] != f"{hashlib.sha256(raw).hexdigest()}  {MANIFEST}\n".encode():
        raise BackupDamaged(f"the manifest of {file} was changed")
    try:
        return msgspec.json.decode(raw, type=Manifest)
    except msgspec.DecodeError as problem:
        raise BackupDamaged(f"the manifest of {file} cannot be read: {problem}") from problem


def _compare(file: Path, manifest: Manifest, found: dict[str, Copied]) -> None:
    expected = {one.name: one for one in manifest.files}
    found = {name: one for name, one in found.items() if one.sha256}
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise BackupDamaged(f"{file} lacks {name}")
        if name not in expected:
            raise BackupDamaged(f"{file} has {name}, of which its manifest does not know")
        if found[name] != expected[name]:
            raise BackupDamaged(f"{name} in {file} is not what was written")
    if "ledger/ledger.json" not in found:
        raise BackupDamaged(f"{file} holds no ledger")


def _sync(folder: Path) -> None:
    for place, _, _ in os.walk(folder):
        sync_folder(Path(place))
