"""Read-write sets: encoded by hand, because a batch of settlements has thousands of entries.

The bytes are those that Fabric's protobufs give; a test holds them equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ufmi.errors import StoreCorrupted
from ufmi.ledger.protos import kvrwset, rwset

# (block, transaction) that wrote a value; None: the key has none.
Version = tuple[int, int] | None


class ReadWriteSet(NamedTuple):
    """What one contract read and wrote in one transaction."""

    namespace: str
    reads: Mapping[str, Version]
    writes: Mapping[str, bytes | None]  # None: deleted


def _varint(number: int) -> bytes:
    if number < 128:
        return bytes((number,))
    parts = bytearray()
    while number >= 128:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)


# Most lengths are small.
_SMALL = [_varint(number) for number in range(4096)]


def _size(number: int) -> bytes:
    return _SMALL[number] if number < 4096 else _varint(number)


def _version(version: tuple[int, int], known: dict[tuple[int, int], bytes]) -> bytes:
    encoded = known.get(version)
    if encoded is None:
        block, at = version
        inner = (b"\x08" + _varint(block) if block else b"") + (
            b"\x10" + _varint(at) if at else b""
        )
        encoded = known[version] = b"\x12" + _size(len(inner)) + inner
    return encoded


def encode(sets: ReadWriteSet) -> bytes:
    """The bytes of a `TxReadWriteSet` with this one namespace."""
    parts: list[bytes] = []
    known: dict[tuple[int, int], bytes] = {}
    for key, version in sorted(sets.reads.items()):
        name = key.encode()
        inner = b"\x0a" + _size(len(name)) + name
        if version is not None:
            inner += _version(version, known)
        parts.append(b"\x0a" + _size(len(inner)) + inner)
    for key, value in sorted(sets.writes.items()):
        name = key.encode()
        inner = b"\x0a" + _size(len(name)) + name
        if value is None:
            inner += b"\x10\x01"
        elif value:
            inner += b"\x1a" + _size(len(value)) + value
        parts.append(b"\x1a" + _size(len(inner)) + inner)
    body = b"".join(parts)
    namespace = sets.namespace.encode()
    whole = b"\x0a" + _size(len(namespace)) + namespace
    if body:
        whole += b"\x12" + _size(len(body)) + body
    return b"\x12" + _size(len(whole)) + whole


def decode(raw: bytes) -> list[ReadWriteSet]:
    """The sets of all namespaces. Raises StoreCorrupted."""
    try:
        return [
            _decode_one(one.namespace, kvrwset.KVRWSet.FromString(one.rwset))
            for one in rwset.TxReadWriteSet.FromString(raw).ns_rwset
        ]
    except Exception as problem:
        raise StoreCorrupted(f"a read-write set cannot be read: {problem}") from problem


def _decode_one(namespace: str, sets: Any) -> ReadWriteSet:
    reads: dict[str, Version] = {}
    for read in sets.reads:
        version = read.version
        reads[read.key] = (version.block_num, version.tx_num) if read.HasField("version") else None
    writes = {write.key: None if write.is_delete else write.value for write in sets.writes}
    return ReadWriteSet(namespace, reads, writes)
