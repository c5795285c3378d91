"""Anchors: what happens within is undone, blocks, state and events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ufmi.ledger.embedded import Cut, EmbeddedLedger

from .kv import endorsed, found, kv, network, put, reopen, state, topology, value, verified


def shape(ledger: EmbeddedLedger) -> tuple[Any, ...]:
    channel = ledger.channel("one")
    blocks = [block.hash for block in network(ledger).past_blocks()]
    history = kv(ledger).evaluate("history", b"k")
    return channel.height, channel.tip_hash, state(ledger), blocks, history


def flush(ledger: EmbeddedLedger) -> None:
    channel = ledger.channel("one")
    with channel.lock:
        channel.store.flush()


@pytest.mark.parametrize("flushed", [False, True])
def test_what_happens_within_is_undone(ledger: EmbeddedLedger, flushed: bool) -> None:
    client = kv(ledger)
    put(client, "k", "before")
    put(client, "gone", "before")
    if flushed:
        flush(ledger)
    before = shape(ledger)
    with ledger.anchor():
        put(client, "k", "within")
        put(client, "new", "within")
        client.submit("delete", b"gone")
        assert value(client, "k") == "within"
    assert shape(ledger) == before
    if flushed:
        flush(ledger)
    put(client, "k", "after")
    assert value(client, "k") == "after"
    assert verified(ledger).ok


def test_it_is_undone_after_an_exception_too(ledger: EmbeddedLedger) -> None:
    before = shape(ledger)
    with pytest.raises(RuntimeError), ledger.anchor():
        put(kv(ledger), "k", "within")
        raise RuntimeError
    assert shape(ledger) == before


def test_anchors_nest(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    put(client, "k", "0")
    zero = shape(ledger)
    with ledger.anchor():
        put(client, "k", "1")
        one = shape(ledger)
        for _ in range(2):
            with ledger.anchor():
                put(client, "k", "2")
                put(client, "l", "2")
            assert shape(ledger) == one
        put(client, "l", "1")
    assert shape(ledger) == zero
    assert verified(ledger).ok


def test_within_an_anchor_nothing_is_flushed(
    ledger: EmbeddedLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ufmi.ledger.embedded.statestore._FLUSH_ENTRIES", 1)
    client = kv(ledger)
    put(client, "k", "before")
    before = shape(ledger)
    with ledger.anchor(), ledger.anchor():
        put(client, "k", "within")
    assert shape(ledger) == before
    put(client, "k", "after")
    assert verified(ledger).ok


def test_a_transaction_undone_can_be_ordered_afterwards(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    transaction = endorsed(client, "add", b"n")
    with ledger.anchor():
        transaction.submit().require_valid()
    assert transaction.submit().require_valid().block == 1
    assert value(client, "n") == 1


def test_what_was_endorsed_within_is_stale_afterwards(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    with ledger.anchor():
        client.submit("add", b"n")
        transaction = endorsed(client, "add", b"n")
    put(client, "other", "v")
    assert transaction.submit().status(5).name == "MVCC_READ_CONFLICT"


def test_what_waits_for_a_block_is_undone_too(tmp_path: Path) -> None:
    with found(tmp_path / "l", topology(Cut(count=2, timeout_ms=600_000))) as ledger:
        client = kv(ledger)
        with ledger.anchor():
            endorsed(client, "put", b"within", b"v").submit()
        for at in range(2):
            endorsed(client, "put", b"k%d" % at, b"v").submit()
        assert set(state(ledger)) == {"k0", "k1"}


def test_what_waited_before_is_not_undone(tmp_path: Path) -> None:
    with found(tmp_path / "l", topology(Cut(count=2, timeout_ms=600_000))) as ledger:
        endorsed(kv(ledger), "put", b"before", b"v").submit()
        with ledger.anchor():
            pass
        assert set(state(ledger)) == {"before"}


def test_a_ledger_reopens_as_it_was_before_the_anchor(tmp_path: Path) -> None:
    with found(tmp_path / "l") as ledger:
        put(kv(ledger), "k", "before")
        before = shape(ledger)
        with ledger.anchor():
            put(kv(ledger), "k", "within")
    with reopen(tmp_path / "l") as ledger:
        assert shape(ledger) == before
        assert verified(ledger).ok
