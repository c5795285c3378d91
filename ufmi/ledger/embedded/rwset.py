"""Read-write sets: encoded by hand, because a batch of settlements has thousands of entries.

The bytes are those that Fabric's protobufs give; a test holds them equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ufmi.errors import StoreCorrupted
from ufmi.ledger.protos import kvrwset, rwset
from ufmi.ledger.wire import varint

# (block, transaction) that wrote a value; None: the key has none.
Version = tuple[int, int] | None


class RangeQuery(NamedTuple):
    """A range that was read: what stood there.

    If it was not read to its end, `end` is the last key that was read, and part of the range.
    """

    start: str
    end: str
    exhausted: bool
    reads: tuple[tuple[str, Version], ...]


class ReadWriteSet(NamedTuple):
    """What one contract read and wrote in one transaction."""

    namespace: str
    reads: Mapping[str, Version]
    writes: Mapping[str, bytes | None]  # None: deleted
    ranges: tuple[RangeQuery, ...] = ()


# Field tags with the lengths that follow them; most are small.
_LENGTHS = 4096
_SHORT = _LENGTHS - 64  # a name of this length fits with its version
_FIRST = [b"\x0a" + varint(size) for size in range(_LENGTHS)]
_SECOND = [b"\x12" + varint(size) for size in range(_LENGTHS)]
_THIRD = [b"\x1a" + varint(size) for size in range(_LENGTHS)]


def _tagged(tags: list[bytes], body: bytes) -> bytes:
    """A field with its tag and length. All tags of a list begin with the same byte."""
    size = len(body)
    return (tags[size] if size < _LENGTHS else tags[0][:1] + varint(size)) + body


def _version(version: tuple[int, int]) -> bytes:
    block, at = version
    inner = (b"\x08" + varint(block) if block else b"") + (b"\x10" + varint(at) if at else b"")
    return _tagged(_SECOND, inner)


def _reads(reads: Iterable[tuple[str, Version]]) -> list[bytes]:
    """Fields 1 of a `KVRWSet` or of a `QueryReads`."""
    parts: list[bytes] = []
    versions: dict[Version, bytes] = {None: b""}
    for key, version in reads:
        encoded = versions.get(version)
        if encoded is None and version is not None:
            encoded = versions[version] = _version(version)
        name = key.encode()
        if len(name) < _SHORT:
            inner = _FIRST[len(name)] + name + (encoded or b"")
            parts.append(_FIRST[len(inner)] + inner)
        else:
            parts.append(_tagged(_FIRST, _tagged(_FIRST, name) + (encoded or b"")))
    return parts


def _range(query: RangeQuery) -> bytes:
    inner = _tagged(_FIRST, query.start.encode()) if query.start else b""
    if query.end:
        inner += _tagged(_SECOND, query.end.encode())
    if query.exhausted:
        inner += b"\x18\x01"
    if query.reads:  # as in Fabric, where nothing was found there are no raw reads at all
        found = b"".join(_reads(query.reads))
        inner += b"\x22" + varint(len(found)) + found
    return _tagged(_SECOND, inner)


def encode(sets: ReadWriteSet) -> bytes:
    """The bytes of a `TxReadWriteSet` with this one namespace."""
    reads, writes = sets.reads, sets.writes
    order = sorted(reads)
    parts = _reads(zip(order, map(reads.__getitem__, order), strict=True))
    if sets.ranges:
        parts += map(_range, sets.ranges)
    # What is written has mostly been read, so it is sorted already.
    written = [key for key in order if key in writes]
    if len(written) < len(writes):
        written = sorted(writes)
    for key in written:
        value = writes[key]
        inner = _tagged(_FIRST, key.encode())
        if value is None:
            inner += b"\x10\x01"
        elif value:
            inner += _tagged(_THIRD, value)
        parts.append(_tagged(_THIRD, inner))
    whole = _tagged(_FIRST, sets.namespace.encode())
    if parts:
        whole += _tagged(_SECOND, b"".join(parts))
    return _tagged(_SECOND, whole)


def decode(raw: bytes) -> list[ReadWriteSet]:
    """The sets of all namespaces.

    Raises:
        StoreCorrupted: not a read-write set, or one with ranges as hashes, which only peers of
            other make write. Reads as such are valid for every peer.
    """
    try:
        return [
            _decode_one(one.namespace, kvrwset.KVRWSet.FromString(one.rwset))
            for one in rwset.TxReadWriteSet.FromString(raw).ns_rwset
        ]
    except Exception as problem:
        raise StoreCorrupted(f"a read-write set cannot be read: {problem}") from problem


def _decode_one(namespace: str, sets: Any) -> ReadWriteSet:
    reads = dict(_decode_reads(sets.reads))
    writes = {write.key: None if write.is_delete else write.value for write in sets.writes}
    ranges = tuple(_decode_range(query) for query in sets.range_queries_info)
    return ReadWriteSet(namespace, reads, writes, ranges)


def _decode_reads(reads: Any) -> Iterator[tuple[str, Version]]:
    for read in reads:
        version = read.version
        known = (version.block_num, version.tx_num) if read.HasField("version") else None
        yield read.key, known


def _decode_range(query: Any) -> RangeQuery:
    if query.HasField("reads_merkle_hashes"):
        raise StoreCorrupted("the reads of a range are hashes")
    found = tuple(_decode_reads(query.raw_reads.kv_reads))
    return RangeQuery(query.start_key, query.end_key, query.itr_exhausted, found)
