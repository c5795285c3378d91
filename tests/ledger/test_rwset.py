"""Read-write sets by hand are the bytes of Fabric's own protobufs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ufmi.errors import StoreCorrupted
from ufmi.ledger.embedded.rwset import RangeQuery, ReadWriteSet, decode, encode
from ufmi.ledger.protos import kvrwset, rwset

# Fabric has no empty keys.
KEYS = st.text(min_size=1, max_size=40) | st.integers(1, 300).map(lambda size: "k" * size * 20)
NUMBERS = st.integers(0, 200) | st.integers(0, 2**63 - 1)
VERSIONS = st.none() | st.tuples(NUMBERS, NUMBERS)
VALUES = st.none() | st.binary(max_size=50) | st.integers(0, 9_000).map(lambda size: b"v" * size)
BOUNDS = st.just("") | KEYS
RANGES = st.builds(
    RangeQuery,
    BOUNDS,
    BOUNDS,
    st.booleans(),
    st.lists(st.tuples(KEYS, st.tuples(NUMBERS, NUMBERS)), max_size=5).map(tuple),
)
SETS = st.builds(
    ReadWriteSet,
    st.text(min_size=1, max_size=20),
    st.dictionaries(KEYS, VERSIONS, max_size=8),
    st.dictionaries(KEYS, VALUES, max_size=8),
    st.lists(RANGES, max_size=4).map(tuple),
)


def by_protobuf(sets: ReadWriteSet) -> bytes:
    inner = kvrwset.KVRWSet()
    for key in sorted(sets.reads):
        read = inner.reads.add(key=key)
        version = sets.reads[key]
        if version is not None:
            read.version.CopyFrom(kvrwset.Version(block_num=version[0], tx_num=version[1]))
    for query in sets.ranges:
        info = inner.range_queries_info.add(
            start_key=query.start, end_key=query.end, itr_exhausted=query.exhausted
        )
        for key, version in query.reads:
            assert version is not None
            number = kvrwset.Version(block_num=version[0], tx_num=version[1])
            info.raw_reads.kv_reads.add(key=key, version=number)
    for key in sorted(sets.writes):
        value = sets.writes[key]
        inner.writes.add(key=key, is_delete=value is None, value=value or b"")
    whole = rwset.TxReadWriteSet(data_model=rwset.TxReadWriteSet.KV)
    whole.ns_rwset.add(namespace=sets.namespace, rwset=inner.SerializeToString())
    return bytes(whole.SerializeToString(deterministic=True))


@given(SETS)
def test_bytes_are_those_of_protobuf(sets: ReadWriteSet) -> None:
    assert encode(sets) == by_protobuf(sets)


@given(SETS)
def test_what_is_encoded_decodes_back(sets: ReadWriteSet) -> None:
    (found,) = decode(encode(sets))
    assert (found.namespace, dict(found.reads), dict(found.writes), found.ranges) == sets


@pytest.mark.parametrize("size", [1, 126, 127, 128, 4030, 4031, 4032, 4033, 4095, 4096, 4097])
def test_bytes_are_right_around_every_length(size: int) -> None:
    key = "k" * size
    ranges = (RangeQuery(key, key, True, ((key, (1, 2)),)), RangeQuery("", "", False, ()))
    writes = {key: b"v" * size, "gone": None}
    sets = ReadWriteSet("kv", {key: (1, 2), key + "x": None}, writes, ranges)
    assert encode(sets) == by_protobuf(sets)


def test_what_is_written_unread_stands_in_order_too() -> None:
    sets = ReadWriteSet("kv", {"b": None}, {"z": b"", "b": b"1", "a": None})
    assert encode(sets) == by_protobuf(sets)


def test_ranges_as_hashes_cannot_be_read() -> None:
    inner = kvrwset.KVRWSet()
    inner.range_queries_info.add(start_key="a").reads_merkle_hashes.max_degree = 50
    whole = rwset.TxReadWriteSet()
    whole.ns_rwset.add(namespace="kv", rwset=inner.SerializeToString())
    with pytest.raises(StoreCorrupted, match="hashes"):
        decode(whole.SerializeToString())


@given(st.binary(max_size=60))
def test_bytes_that_are_no_set_raise_store_corrupted_or_decode(raw: bytes) -> None:
    try:
        decode(raw)
    except StoreCorrupted:
        return
