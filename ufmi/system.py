"""The seams to the world: clock, randomness, files. Everything else reaches them through here.

So a test can control time, make randomness repeatable and let a disk fail.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ufmi.errors import LedgerInUse, StorageFailed

_PARTS_MAX = 512  # the system takes 1024 at once
RandomBytes = Callable[[int], bytes]


class Clock(Protocol):
    """Tells the time."""

    mode: str

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00:00Z; never goes back."""
        ...

    def not_before(self, moment_ms: int) -> None:
        """From now on tells no time before this one."""
        ...


class SystemClock:
    """The machine's clock, held so that it never goes back."""

    mode = "system"

    def __init__(self) -> None:
        self._last = 0

    def now_ms(self) -> int:
        self._last = max(self._last, time.time_ns() // 1_000_000)
        return self._last

    def not_before(self, moment_ms: int) -> None:
        self._last = max(self._last, moment_ms)


class ControlledClock:
    """A clock that stands still until it is told to go on."""

    mode = "controlled"

    def __init__(self, start_ms: int) -> None:
        self._now = start_ms

    def now_ms(self) -> int:
        return self._now

    def advance(self, milliseconds: int) -> None:
        """Goes forward; there is no way back."""
        self._now += max(0, milliseconds)

    def not_before(self, moment_ms: int) -> None:
        self._now = max(self._now, moment_ms)


class AppendFile:
    """A file that only grows, synced when asked. The one way in which UFMI writes logs to disk.

    Raises StorageFailed where the disk refuses; the file is then cut back to what was whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            self.size = os.fstat(self._descriptor).st_size
        except OSError as problem:
            raise StorageFailed(f"{path} cannot be opened: {problem}") from problem

    def append(self, parts: Sequence[bytes]) -> int:
        """Writes parts at the end; returns where. Not durable before `sync`."""
        start = at = self.size
        try:
            rest = [memoryview(part) for part in parts]
            while rest:
                written = os.pwritev(self._descriptor, rest[:_PARTS_MAX], at)
                at += written
                while rest and written >= len(rest[0]):
                    written -= len(rest.pop(0))
                if rest:
                    rest[0] = rest[0][written:]
        except OSError as problem:
            self.truncate(start)
            raise StorageFailed(f"{self.path} cannot be written: {problem}") from problem
        self.size = at
        return start

    def sync(self) -> None:
        """Returns when everything written is on the disk."""
        try:
            os.fdatasync(self._descriptor)
        except OSError as problem:
            raise StorageFailed(f"{self.path} cannot be synced: {problem}") from problem

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`."""
        parts = []
        while length and (part := os.pread(self._descriptor, length, offset)):
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def truncate(self, size: int) -> None:
        """Cuts off what follows `size`. Raises StorageFailed."""
        try:
            os.ftruncate(self._descriptor, size)
        except OSError as problem:
            raise StorageFailed(f"{self.path} cannot be cut: {problem}") from problem
        self.size = size

    def close(self) -> None:
        """Closes. The number may then be another file's, so it is forgotten."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class FolderLock:
    """Makes one process the owner of a folder until it ends or releases it."""

    def __init__(self, folder: Path) -> None:
        path = folder / "LOCK"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            owner = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise LedgerInUse(f"{folder} is in use by process {owner or '?'}") from problem
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)


def write_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Writes a whole file so that it is there entirely or not at all, even after a crash."""
    temporary = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as problem:
        raise StorageFailed(f"{path} cannot be written: {problem}") from problem


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
