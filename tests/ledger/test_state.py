"""State as contracts see it: ranges, history, deletion; the store behind it against a dict."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.errors import EndorseError, LimitExceeded
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.embedded.statestore import StateStore

from .kv import endorsed, keys, kv, put, state, value


def history(ledger: EmbeddedLedger, key: str, limit: int = 100) -> list[Any]:
    raw = kv(ledger).evaluate("history", key.encode(), str(limit).encode())
    found: list[Any] = json.loads(raw)
    return found


def flush(ledger: EmbeddedLedger) -> None:
    channel = ledger.channel("one")
    with channel.lock:
        channel.store.flush()


def test_history_is_newest_first_with_deletions(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    ids = []
    for function, arguments in (
        ("put", (b"k", b"1")),
        ("put", (b"other", b"x")),
        ("put", (b"k", b"2")),
        ("delete", (b"k",)),
        ("put", (b"k", b"3")),
        ("delete", (b"k",)),
        ("put", (b"k", b"4")),
    ):
        transaction = endorsed(client, function, *arguments)
        transaction.submit().require_valid()
        ids.append(transaction.transaction_id)
    del ids[1]
    found = history(ledger, "k")
    assert [one[0] for one in found] == ids[::-1]
    assert [one[1] for one in found] == ['"4"', "null", '"3"', "null", '"2"', '"1"']
    assert [one[2] for one in found] == [False, True, False, True, False, False]
    flush(ledger)
    assert history(ledger, "k") == found
    assert history(ledger, "k", 2) == found[:2]


def test_history_holds_nothing_of_invalid_transactions(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    first, late = endorsed(client, "add", b"n"), endorsed(client, "add", b"n")
    first.submit()
    late.submit()
    assert [one[0] for one in history(ledger, "n")] == [first.transaction_id]


def test_a_key_without_history_has_none(ledger: EmbeddedLedger) -> None:
    assert history(ledger, "k") == []


def test_deleting_removes_the_key_from_ranges(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    for key in "abc":
        put(client, key, "v")
    flush(ledger)
    client.submit("delete", b"b")
    assert keys(client, "a", "z") == ["a", "c"]
    assert value(client, "b") is None
    assert set(state(ledger)) == {"a", "c"}


def test_ranges_are_in_order_of_bytes_from_start_to_before_end(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    for key in ("b", "a", "ab", "B", "é", "z", "日"):
        put(client, key, "v")
        if key in ("ab", "é"):
            flush(ledger)
    assert keys(client, "", "") == ["B", "a", "ab", "b", "z", "é", "日"]
    assert keys(client, "a", "b") == ["a", "ab"]
    assert keys(client, "b", "z") == ["b"]
    assert keys(client, "", "", 3) == ["B", "a", "ab"]
    assert keys(client, "", "", 0) == []


def test_a_contract_does_not_see_the_keys_of_another_namespace(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.apply(0, (0, 0, 1), [], [("kv", "a", 0, b"1", False), ("kv2", "a", 0, b"2", False)], b"")
    for _ in range(2):
        assert [key for key, _ in store.scan("kv", "", "")] == ["a"]
        assert store.get("kv", "a") == (b"1", (0, 0))
        store.flush()
    store.close()


def test_an_empty_key_is_refused(ledger: EmbeddedLedger) -> None:
    # As Fabric's chaincode interface does.
    with pytest.raises(EndorseError):
        put(kv(ledger), "", "v")


def test_a_key_that_is_too_long_is_refused(ledger: EmbeddedLedger) -> None:
    put(kv(ledger), "k" * 390, "v")
    assert value(kv(ledger), "k" * 390) == "v"
    with pytest.raises(EndorseError, match="longer"):
        put(kv(ledger), "k" * 400, "v")
    assert keys(kv(ledger), "", "") == ["k" * 390]


def test_the_longest_key_can_be_deleted_rewritten_and_flushed(ledger: EmbeddedLedger) -> None:
    client, key = kv(ledger), b"k" * 396
    for _ in range(3):
        client.submit("put", key, b"v")
        client.submit("delete", key)
        flush(ledger)
    assert [one[1] for one in history(ledger, key.decode())] == ["null", '"v"'] * 3


def test_the_store_refuses_long_keys(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    with pytest.raises(LimitExceeded):
        store.get("kv", "k" * 500)
    with pytest.raises(LimitExceeded):
        store.get_many("kv", ["k" * 500])
    store.close()


# -- the store against a dict -----------------------------------------------------------------

NAMES = st.sampled_from(["k", "a", "aa", "ab", "b", "\x01", "é", "z"])
WRITES = st.dictionaries(NAMES, st.none() | st.binary(max_size=3), max_size=4)
STEPS = st.lists(WRITES | st.sampled_from(["flush", "reopen"]), max_size=12)


def check(store: StateStore, model: dict[str, Any], start: str, end: str) -> None:
    expected = [
        (key, model[key])
        for key in sorted(model, key=str.encode)
        if key.encode() >= start.encode() and (not end or key.encode() < end.encode())
    ]
    assert list(store.scan("kv", start, end)) == expected
    for key in ("k", "a", "ab", "z", "nothing"):
        assert store.get("kv", key) == model.get(key)
        assert store.version("kv", key) == (model[key][1] if key in model else None)
    values, versions = store.get_many("kv", list(model))
    assert list(zip(values, versions, strict=True)) == list(model.values())


@settings(max_examples=60, deadline=None)
@given(STEPS, st.just("") | NAMES, st.just("") | NAMES)
def test_the_store_is_a_dict_whenever_it_is_flushed(steps: list[Any], start: str, end: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = StateStore(Path(folder))
        model: dict[str, Any] = {}
        height = 0
        for step in steps:
            if step == "flush":
                store.flush()
            elif step == "reopen":
                store.close()
                store = StateStore(Path(folder))
            else:
                writes = [
                    ("kv", key, at, content, key in model)
                    for at, (key, content) in enumerate(step.items())
                ]
                store.apply(height, (0, height, 1), [(f"t{height}", 0)], writes, b"%d" % height)
                for _, key, at, content, _ in writes:
                    model.pop(key, None)
                    if content is not None:
                        model[key] = (content, (height, at))
                height += 1
            assert store.height == height
            assert store.commit_hash == (b"%d" % (height - 1) if height else b"")
            check(store, model, start, end)
            for number in range(height):
                assert store.location(number) == (0, number, 1)
                assert store.transaction(f"t{number}") == (number, 0, 0)
        store.close()
