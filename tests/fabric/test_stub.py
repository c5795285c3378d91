"""State requests: how many there are, how large, and what their answers mean."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ufmi.ledger.fabric.stub import READS_MAX, WRITE_BYTES_MAX, FabricStub, ManyKeys, many_keys

from .peer import MEMBER, NOW, AnyStub, FakePeer, parameters


def made(peer: FakePeer, reads: int = 1, writes: int = 1) -> FabricStub:
    many = ManyKeys(reads, writes)
    call: Any = SimpleNamespace(contract="trial", time_ms=NOW, creator=MEMBER.serialized)
    return FabricStub("one", "t1", call, AnyStub(peer), many)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 11])
def test_many_keys_go_in_as_few_requests_as_the_peer_takes(size: int) -> None:
    peer = FakePeer()
    stub = made(peer, size, size)
    items = [(f"k{at}", b"v" if at % 3 else None) for at in range(10)]
    stub.put_many(items)
    assert list(peer.writes.items()) == items
    peer.state = {key: value for key, value in items if value}
    assert stub.get_many([key for key, _ in items]) == [value for _, value in items]
    assert len(peer.asked) == 2 * -(-10 // size)
    assert max(peer.counts, default=1) <= size


def test_no_keys_are_no_request() -> None:
    peer = FakePeer()
    for many in (1, 50):
        made(peer, many, many).put_many([])
        assert made(peer, many, many).get_many([]) == []
    assert peer.asked == []


def test_large_writes_are_spread_over_requests() -> None:
    peer = FakePeer()
    value = bytes(1 << 20)
    made(peer, 1000, 1000).put_many([(f"k{at}", value) for at in range(40)])
    assert len(peer.writes) == 40
    assert max(peer.counts) <= WRITE_BYTES_MAX // len(value) + 1


@given(st.sets(st.text("abcxyz\x01é", min_size=1, max_size=3)), st.integers(-1, 12))
def test_ranges_read_page_by_page_and_no_further_than_asked(keys: set[str], limit: int) -> None:
    peer = FakePeer()
    peer.state = {key: key.encode() for key in keys}
    for start, end in (("", ""), ("b", "y"), ("y", "b")):
        found = made(peer).scan(start, end, limit)
        whole = [k for k in sorted(keys) if start <= k and (not end or k < end)]
        assert found == [(key, key.encode()) for key in whole[: max(limit, 0)]]
    assert not peer._queries


@pytest.mark.parametrize("limit", [-1, 0, 1, 3, 4, 7, 8, 100])
def test_histories_end_where_they_should(limit: int) -> None:
    peer = FakePeer()
    peer.past["k"] = [(f"t{at}", b"v" if at % 2 else None) for at in range(7)]
    found = made(peer).history("k", limit)
    assert [one.tx_id for one in found] == [f"t{at}" for at in range(7)][: max(limit, 0)]
    assert all(one.timestamp_ms == NOW for one in found)
    assert [one.value for one in found[:2]] == [None, b"v"][: len(found)]
    assert not peer._queries


def test_what_peers_offer() -> None:
    assert many_keys(b"") == ManyKeys(1, 1)
    assert many_keys(parameters(1000, 200)) == ManyKeys(200, 1000)
    assert many_keys(b"\x10\xe8\x07\x20\xe8\x07") == ManyKeys(1, 1)  # sizes, but not offered
    assert many_keys(b"\x08\x01\x10\xe8\x07") == ManyKeys(1, 1000)
    assert many_keys(b"\x08\x01\x18\x01") == ManyKeys(1, 1)
    assert many_keys(b"\x0a\x03abc") == ManyKeys(1, 1)
    # The largest values of so many keys are all that a message of an answer holds.
    assert many_keys(parameters(5, 100_000)) == ManyKeys(READS_MAX, 5)


@given(st.binary(max_size=100))
def test_no_offer_breaks_anything(raw: bytes) -> None:
    found = many_keys(raw)
    assert 1 <= found.reads <= READS_MAX and found.writes >= 1
