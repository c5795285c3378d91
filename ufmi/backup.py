"""Backup of a data folder while it is in use, and its restore into an empty one.

A backup is a tar file: what the ledger and the front-end cannot do without, then a manifest with
the size and SHA-256 of every file. The state store is left out: it is built from the blocks.
"""

from __future__ import annotations

import hashlib
import io
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote

import msgspec

from ufmi.errors import (
    LedgerError,
    LimitExceeded,
    NotFound,
    StorageFailed,
    StoreCorrupted,
    UsageError,
)
from ufmi.frontend.journal import Arrival
from ufmi.ledger import Block
from ufmi.node import FABRIC_FILE
from ufmi.recordlog import whole_records
from ufmi.system import SystemClock, sync_folder

MANIFEST, MANIFEST_DIGEST = "MANIFEST.json", "MANIFEST.sha256"
FILES_MAX = 1_000_000
_CHUNK = 1024 * 1024
_TRIES = 10
_SQLITE = b"SQLite format 3\0"


class Copied(msgspec.Struct, frozen=True):
    """One file of a backup."""

    name: str  # path within the data folder
    size: int
    sha256: str


class Height(msgspec.Struct, frozen=True):
    """How far a channel is."""

    blocks: int
    hash: str  # of the newest block's header, hex


class Manifest(msgspec.Struct):
    """What a backup holds."""

    time: int  # the moment that it shows, milliseconds since 1970, UTC
    channels: dict[str, Height] = {}
    arrival: int = 0  # the newest message whose receipt it honours
    keys: bool = False
    keys_left_out: list[str] = []
    left_out: list[str] = []  # what could not be read and can be done without, and why
    files: list[Copied] = []
    v: int = 1


class _Pinned:
    """An open file and how much of it is copied, whatever happens to its name meanwhile."""

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self.name = name
        self.file = file
        self.size = 0

    def measure(self) -> None:
        self.size = os.fstat(self.file.fileno()).st_size

    def read(self, offset: int, length: int) -> bytes:
        parts = []
        while length and (part := os.pread(self.file.fileno(), min(length, _CHUNK), offset)):
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return b"".join(parts)


# Pinned files of one log, oldest first.
_Log = list[_Pinned]


class _Moment:
    """The data folder at one moment.

    The order in which things are looked at decides whether anything is lost:

    1. `progress.json`. An older one only makes a restart look further back in the blocks.
    2. The journal's files are opened. A file that the front-end removes from now on stays readable;
       what it removed before had been executed before, so it is in the blocks of step 3.
    3. The blocks are measured. All that they execute was journaled before.
    4. The list of what was set aside is measured: likewise journaled before, and what is missing
       from it is still in the journal.
    5. The journal is measured, with the files begun since step 2.

    So a message that had a receipt before step 5 is in the blocks, set aside, or in the journal;
    and no block holds an arrival above the newest in the journal, which would look like a gap.
    Only measuring is hurried; copying takes its time, because these files only grow.
    """

    def __init__(self, data: Path, channels: list[str], stack: ExitStack) -> None:
        self._data, self._stack = data, stack
        try:
            self.progress = (data / "frontend/progress.json").read_bytes()
        except FileNotFoundError:
            self.progress = b""
        self.journal = self._pin("frontend/journal")
        self.blocks = {name: self._pin(f"ledger/channels/{name}/blocks") for name in channels}
        for log in self.blocks.values():
            _measure(log)
        self.set_aside = self._pin("frontend/set-aside")
        _measure(self.set_aside)
        self.time = SystemClock().now_ms()
        known = {one.name for one in self.journal}
        self.journal += self._pin("frontend/journal", known)
        _measure(self.journal)
        numbers = [int(Path(one.name).stem) for one in self.journal]
        if numbers and numbers != list(range(numbers[0], numbers[-1] + 1)):
            raise _Again("journal files came and went between two looks")

    def _pin(self, folder: str, known: set[str] = frozenset()) -> _Log:  # type: ignore[assignment]
        pinned = []
        place = self._data / folder
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            name = f"{folder}/{path.name}"
            if path.stem.isdigit() and name not in known:
                try:
                    pinned.append(_Pinned(name, self._stack.enter_context(path.open("rb"))))
                except FileNotFoundError as problem:
                    raise _Again("a file went while it was opened") from problem
        return pinned


class _Again(Exception):
    """The front-end was quicker: look again."""


def _measure(log: _Log) -> None:
    for one in log:
        one.measure()


def backup(data: Path, out: Path, *, keys: bool = False) -> Manifest:
    """Writes a backup of a data folder to a file, while another process may be working on it.

    Args:
        keys: include private keys, of the organisations too; whoever has the file has them then.

    Raises:
        NotFound: there is no ledger.
        UsageError: the file exists, or would lie in the data folder.
        LedgerError: the ledger is a Fabric network.
        StoreCorrupted: blocks or journal are damaged; a backup would be, too.
        StorageFailed: the file cannot be written.
    """
    if (data / FABRIC_FILE).exists():
        raise LedgerError(f"the ledger of {data} is a Fabric network, whose peers keep its blocks")
    if not (data / "ledger/ledger.json").exists():
        raise NotFound(f"there is no ledger in {data}", hint="Name its folder with --data")
    if out.exists():
        raise UsageError(f"{out} exists", hint="Name another file; no backup is overwritten")
    if out.absolute().resolve().is_relative_to(data.resolve()):
        raise UsageError(f"{out} lies in the data folder itself", hint="Keep backups elsewhere")
    temporary = out.with_name(out.name + ".new")
    try:
        with _created(temporary) as file, ExitStack() as stack:
            manifest = _Writer(data, file, out.absolute().parent, keys).write(_moment(data, stack))
        temporary.rename(out)
        sync_folder(out.parent)
    except OSError as problem:
        raise StorageFailed(f"{out} cannot be written: {problem}") from problem
    finally:
        temporary.unlink(missing_ok=True)
    return manifest


def _moment(data: Path, stack: ExitStack) -> _Moment:
    channels = sorted(path.name for path in (data / "ledger/channels").iterdir() if path.is_dir())
    for _ in range(_TRIES):
        attempt = ExitStack()
        try:
            moment = _Moment(data, channels, attempt)
        except _Again:
            attempt.close()
            continue
        stack.push(attempt)
        return moment
    raise LedgerError("the front-end's files change too quickly to be copied", retryable=True)


@contextmanager
def _created(path: Path) -> Iterator[IO[bytes]]:
    """A new file that only its owner can read; on the disk at the end."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


class _Writer:
    """Writes the tar file and notes what it holds."""

    def __init__(self, data: Path, file: IO[bytes], scratch: Path, keys: bool) -> None:
        self._data = data
        self._scratch = scratch
        self._keys = keys
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._manifest = Manifest(0, keys=keys)

    def write(self, moment: _Moment) -> Manifest:
        manifest = self._manifest
        manifest.time = moment.time
        for name, log in moment.blocks.items():
            newest, count = self._log(log)
            block = Block.from_bytes(newest) if count else None
            if block is None or block.number != count - 1:
                raise StoreCorrupted(
                    f"the newest block of channel {name} is not number {count - 1}"
                )
            manifest.channels[name] = Height(count, block.hash.hex())
        newest, count = self._log(moment.journal)
        self._log(moment.set_aside)
        if moment.progress:
            self._add("frontend/progress.json", io.BytesIO(moment.progress), len(moment.progress))
        manifest.arrival = self._newest_arrival(newest, moment.progress)
        self._others("ledger", {"channels"})
        # Documents are kept before a message is journaled: these are all, and perhaps some more.
        self._others("frontend", {"journal", "set-aside", "progress.json"})
        # Bodies of report objects are stored before their blocks are: these are all.
        self._others("snapshots", set())
        self._others("keys", set())
        raw = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        digest = f"{hashlib.sha256(raw).hexdigest()}  {MANIFEST}\n".encode()
        for name, content in ((MANIFEST, raw), (MANIFEST_DIGEST, digest)):
            self._tar.addfile(self._info(name, len(content)), io.BytesIO(content))
        self._tar.close()
        return manifest

    @staticmethod
    def _newest_arrival(newest: bytes, progress: bytes) -> int:
        if newest:
            return msgspec.json.decode(newest, type=Arrival).number
        # Everything that ever arrived is done and the journal was emptied.
        return int(msgspec.json.decode(progress)["number"]) - 1 if progress else 0

    # -- files ------------------------------------------------------------------------------

    def _log(self, log: _Log) -> tuple[bytes, int]:
        """Copies the whole records of a log; returns the newest and their number."""
        newest, count = b"", 0
        for at, one in enumerate(log):
            end = 0
            try:
                records = whole_records(one.read, one.size, last=at == len(log) - 1)
                for end, newest in records:  # noqa: B007
                    count += 1
            except StoreCorrupted as problem:
                raise StoreCorrupted(f"{self._data / one.name}: {problem.message}") from problem
            one.file.seek(0)
            self._add(one.name, one.file, end)
        return newest, count

    def _others(self, top: str, besides: set[str]) -> None:
        """Copies the rest of a folder: what is written whole, once, or is a database."""
        # Links are followed: whoever spreads a folder over disks wants all of it.
        for folder, folders, names in os.walk(self._data / top, followlinks=True):
            place = Path(folder)
            if place == self._data / top:
                folders[:] = [name for name in folders if name not in besides]
                names = [name for name in names if name not in besides]
            folders.sort()
            for name in sorted(names):
                self._other(place / name)

    def _other(self, path: Path) -> None:
        name = path.relative_to(self._data).as_posix()
        passing = path.name == "LOCK" or path.name.endswith((".new", "-wal", "-shm", "-journal"))
        if passing or not path.is_file():
            return
        secret = path.name.endswith("-key.pem") or name.startswith("keys/")
        if secret and not self._keys:
            self._manifest.keys_left_out.append(name)
            return
        try:
            with path.open("rb") as file:
                if file.read(len(_SQLITE)) == _SQLITE:
                    self._database(name, path)
                    return
                file.seek(0)
                self._add(name, file, os.fstat(file.fileno()).st_size)
        except FileNotFoundError:
            pass  # erased meanwhile

    def _database(self, name: str, path: Path) -> None:
        """Copies a SQLite database as of one moment."""
        with tempfile.NamedTemporaryFile(dir=self._scratch) as copy:
            try:
                source = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
                with closing(source), closing(sqlite3.connect(copy.name)) as target:
                    source.backup(target)
            except sqlite3.Error as problem:
                self._manifest.left_out.append(f"{name}: {problem}")
                return
            with Path(copy.name).open("rb") as file:
                self._add(name, file, os.fstat(file.fileno()).st_size)

    def _add(self, name: str, file: IO[bytes], size: int) -> None:
        if len(self._manifest.files) >= FILES_MAX:
            raise LimitExceeded(f"more than {FILES_MAX} files", hint="Copy the folder as a whole")
        hashing = Hashing(file)
        self._tar.addfile(self._info(name, size), hashing)
        self._manifest.files.append(Copied(name, size, hashing.digest.hexdigest()))

    def _info(self, name: str, size: int) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, self._manifest.time // 1000
        return info


class Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        part = self._file.read(size)
        self.digest.update(part)
        return part
