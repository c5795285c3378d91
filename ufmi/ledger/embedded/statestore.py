"""State, history and indexes of one channel: LMDB behind the block file.

Changes gather in memory and reach LMDB in large synced transactions, so the store may lag behind
the block file; at start it is brought up from there. Being always synced, it is whole after any
crash.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import lmdb

from ufmi.contract.context import KEY_BYTES_MAX
from ufmi.errors import LimitExceeded, StorageFailed, StoreCorrupted
from ufmi.ledger.embedded.rwset import Version
from ufmi.recordlog import Location

_MAP_BYTES = 1 << 38
_FLUSH_ENTRIES = 40_000
_VERSION = struct.Struct(">QI")
_LOCATION = struct.Struct(">IQI")
_NUMBER = struct.Struct(">Q")
# First byte of every key in LMDB.
_STATE, _BLOCK, _TRANSACTION, _META = b"s", b"b", b"t", b"m"
# A key's history is a chain through the blocks: a value has the version that wrote it, and that
# transaction's read set has the version before. Only what breaks the chain is kept here: the
# version of a deletion, and what a write followed that had not read the key.
_DELETED, _BEFORE = b"d", b"p"
_ABSENT: Any = object()
_HEIGHT = _META + b"height"
_COMMIT_HASH = _META + b"commit"

# Namespace, key, place of the transaction, value (None: deleted), what it had read of the key.
Write = tuple[str, str, int, bytes | None, int]
READ_VALUE, READ_NOTHING, NOT_READ = range(3)

# A value with the version that wrote it.
Versioned = tuple[bytes, tuple[int, int]]


def state_key(namespace: str, key: str) -> bytes:
    """The name of a key in the store. Raises LimitExceeded."""
    raw = _STATE + f"{namespace}\0{key}".encode()
    if not key or len(raw) > KEY_BYTES_MAX:
        raise LimitExceeded(f"a key is empty or longer than {KEY_BYTES_MAX} bytes")
    return raw


def key_room(namespace: str) -> int:
    """How many bytes a key of a namespace may have. The bound of a range may have one more."""
    return KEY_BYTES_MAX - len(state_key(namespace, "k")) + 1


class StateStore:
    """What a channel's blocks have come to. `height` is the number of blocks it reflects."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lmdb = lmdb.open(str(folder), map_size=_MAP_BYTES, max_dbs=0, subdir=True)
            self._reader = self._lmdb.begin()
        except lmdb.Error as problem:
            raise StoreCorrupted(
                f"the state store {folder} cannot be opened: {problem}",
                hint="Move the folder `state` away; it is built anew from the blocks",
            ) from problem
        self._pending: dict[bytes, bytes | None] = {}
        self._held = 0  # while above zero nothing reaches LMDB
        raw = self._get(_HEIGHT)
        self.height = _NUMBER.unpack(raw)[0] if raw else 0
        self.commit_hash = self._get(_COMMIT_HASH) or b""
        # Where nothing was ever deleted, a key without a value has no history.
        self._deletions = any(True for _ in self._stored(_DELETED, _DELETED + b"\xff"))

    # -- reading ----------------------------------------------------------------------------

    def _get(self, key: bytes) -> bytes | None:
        found: bytes | None = self._pending.get(key, _ABSENT)
        if found is _ABSENT:
            found = self._reader.get(key)
        return found

    def get(self, namespace: str, key: str) -> Versioned | None:
        """A key's value and version, or None."""
        return self._versioned(self._get(state_key(namespace, key)))

    def get_many(
        self, namespace: str, keys: Sequence[str]
    ) -> tuple[list[bytes | None], list[Version]]:
        """Values and versions of many keys. Raises LimitExceeded."""
        head = _STATE + namespace.encode() + b"\0"
        pending, stored, unpack = self._pending.get, self._reader.get, _VERSION.unpack_from
        values: list[bytes | None] = []
        versions: list[Version] = []
        for key in keys:
            name = head + key.encode()
            if not len(head) < len(name) <= KEY_BYTES_MAX:
                raise LimitExceeded(f"a key is empty or longer than {KEY_BYTES_MAX} bytes")
            raw = pending(name, _ABSENT)
            if raw is _ABSENT:
                raw = stored(name)
            if raw is None:
                values.append(None)
                versions.append(None)
            else:
                values.append(raw[12:])
                versions.append(unpack(raw))
        return values, versions

    @staticmethod
    def _versioned(raw: bytes | None) -> Versioned | None:
        return None if raw is None else (raw[12:], _VERSION.unpack_from(raw))

    def version(self, namespace: str, key: str) -> Version:
        """The version of a key's value, or None if it has none."""
        raw = self._get(state_key(namespace, key))
        return None if raw is None else _VERSION.unpack_from(raw)

    def scan(self, namespace: str, start: str, end: str) -> Iterator[tuple[str, Versioned]]:
        """Keys with start ≤ key < end in order of their UTF-8 bytes; "" for end is no end.

        Raises:
            LimitExceeded: a bound is longer than any key, and one byte more.
        """
        head = _STATE + namespace.encode() + b"\0"
        if max(len(start.encode()), len(end.encode())) > key_room(namespace) + 1:
            raise LimitExceeded(f"the bound of a range is longer than {KEY_BYTES_MAX} bytes")
        last = head + end.encode() if end else head[:-1] + b"\x01"
        for key, raw in self._merged(head + start.encode(), last):
            yield key[len(head) :].decode(), (raw[12:], _VERSION.unpack_from(raw))

    def everything(self) -> Iterator[tuple[str, str, Versioned]]:
        """All keys of all namespaces, for verification."""
        for name, raw in self._merged(_STATE, _STATE + b"\xff"):
            namespace, _, key = name[1:].decode().partition("\0")
            yield namespace, key, (raw[12:], _VERSION.unpack_from(raw))

    def transactions(self) -> Iterator[tuple[str, tuple[int, int, int]]]:
        """All transactions in the index, for verification."""
        for name, raw in self._merged(_TRANSACTION, _TRANSACTION + b"\xff"):
            block, at = _VERSION.unpack_from(raw)
            yield name[1:].decode(), (block, at, raw[12])

    def _merged(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries of LMDB and of what has not reached it yet, the latter winning."""
        fresh = sorted(key for key in self._pending if start <= key < end)
        stored = self._stored(start, end)
        previous = None
        for key, _, raw in heapq.merge(
            [(key, 0, self._pending[key]) for key in fresh],
            ((key, 1, raw) for key, raw in stored),
            key=lambda entry: entry[:2],
        ):
            if key != previous and raw is not None:
                yield key, raw
            previous = key

    def _stored(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        cursor = self._reader.cursor()
        if cursor.set_range(start):
            for key, raw in cursor:
                if key >= end:
                    return
                yield key, raw

    def newest_version(self, namespace: str, key: str) -> Version:
        """The version that last wrote or deleted a key, or None."""
        name = f"{namespace}\0{key}".encode()
        raw = self._get(_STATE + name) or self._get(_DELETED + name)
        return None if raw is None else _VERSION.unpack_from(raw)

    def version_before(self, namespace: str, key: str, version: tuple[int, int]) -> Version:
        """The version before a write that had not read the key's value, or None.

        Of any other write, its transaction's read set says what it followed.
        """
        name = f"{namespace}\0{key}\0".encode() + _VERSION.pack(*version)
        raw = self._get(_BEFORE + name)
        return None if raw is None else _VERSION.unpack(raw)

    def location(self, number: int) -> Location | None:
        """Where a block lies."""
        if not 0 <= number < self.height:
            return None
        raw = self._get(_BLOCK + _NUMBER.pack(number))
        return None if raw is None else _LOCATION.unpack(raw)

    def transaction(self, tx_id: str) -> tuple[int, int, int] | None:
        """Block, place and validation code of a transaction."""
        raw = self._get(_TRANSACTION + tx_id.encode())
        if raw is None:
            return None
        block, at = _VERSION.unpack_from(raw)
        return block, at, raw[12]

    # -- writing ----------------------------------------------------------------------------

    def apply(
        self,
        number: int,
        location: Location,
        transactions: Sequence[tuple[str, int]],
        writes: Iterable[Write],
        commit_hash: bytes,
    ) -> None:
        """Takes in a block: (id, code) of its transactions, and what they wrote."""
        pending = self._pending
        pending[_BLOCK + _NUMBER.pack(number)] = _LOCATION.pack(*location)
        for at, (tx_id, code) in enumerate(transactions):
            name = _TRANSACTION + tx_id.encode()
            # A repeated id is invalid; the first one keeps the name.
            if tx_id and self._get(name) is None:
                pending[name] = _VERSION.pack(number, at) + bytes([code])
        for namespace, key, at, value, read in writes:
            version = _VERSION.pack(number, at)
            name = f"{namespace}\0{key}".encode()
            if read == NOT_READ or (read == READ_NOTHING and self._deletions):
                before = self.newest_version(namespace, key)
                if before is not None:
                    pending[_BEFORE + name + b"\0" + version] = _VERSION.pack(*before)
            if value is None:
                pending[_STATE + name] = None
                pending[_DELETED + name] = version
                self._deletions = True
            else:
                pending[_STATE + name] = version + value
        self.height = number + 1
        self.commit_hash = commit_hash

    def flush_if_full(self) -> None:
        """Flushes where enough has gathered. Raises StorageFailed; nothing is lost then."""
        if len(self._pending) >= _FLUSH_ENTRIES and not self._held:
            self.flush()

    def flush(self) -> None:
        """Brings everything that has gathered into LMDB, durably."""
        if not self._pending:
            return
        self._pending[_HEIGHT] = _NUMBER.pack(self.height)
        self._pending[_COMMIT_HASH] = self.commit_hash
        try:
            with self._lmdb.begin(write=True) as transaction:
                for key, value in sorted(self._pending.items()):
                    if value is None:
                        transaction.delete(key)
                    else:
                        transaction.put(key, value)
        except lmdb.Error as problem:
            # Nothing is lost: the blocks are on the disk, the changes stay in memory.
            raise StorageFailed(f"the state store cannot be written: {problem}") from problem
        self._pending = {}
        self._reader.abort()
        self._reader = self._lmdb.begin()

    def hold(self) -> dict[bytes, bytes | None]:
        """Keeps changes in memory from now on; returns what `revert` needs."""
        self._held += 1
        return dict(self._pending)

    def revert(self, pending: dict[bytes, bytes | None], height: int, commit_hash: bytes) -> None:
        """Goes back to where `hold` was called."""
        self._held -= 1
        self._pending = pending
        self.height = height
        self.commit_hash = commit_hash

    def close(self) -> None:
        """Flushes and closes."""
        try:
            self.flush()
        finally:
            self._reader.abort()
            self._lmdb.close()
