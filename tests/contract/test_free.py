"""A function that declares nothing: keys when they are asked for, ranges, the same limits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ufmi.contract import Context
from ufmi.contract import context as module
from ufmi.errors import ContractFailure, LimitExceeded

from .test_context import context, undone


def test_a_free_key_is_read_when_it_is_asked_for_and_once() -> None:
    one, stub = context(a=b"1")
    assert stub.reads == []
    assert [one.get("a", int), one.get("b", int), one.get("a", int)] == [1, None, 1]
    assert stub.reads == [["a"], ["b"]]
    one.put("a", 2)
    one.put("b", None)
    assert one.get("a", int) == 2
    one.finish()
    assert stub.written == [("a", b"2")]


def test_a_free_write_reads_nothing() -> None:
    one, stub = context(a=b"1")
    one.put("a", 1)
    one.put("b", None)
    assert (one.get("a", int), one.get("b", int)) == (1, None)
    one.finish()
    assert stub.reads == []
    assert stub.written == [("a", b"1"), ("b", None)]


def test_a_free_write_undone_is_read_when_it_is_asked_for() -> None:
    one, stub = context(a=b"1")
    undone(one, lambda: [one.put(key, 2) for key in "ab"])
    assert one.get("a", int) == 1
    one.finish()
    assert (stub.reads, stub.written) == ([["a"]], [])


def test_ranges_do_not_see_what_the_transaction_wrote() -> None:
    one, _ = context(a=b"1")
    one.put("b", 2)
    one.put("a", None)
    assert one.scan("a", "z", 10) == [("a", b"1")]


@pytest.mark.parametrize(
    "act",
    [
        lambda one: one.get("a", int),
        lambda one: one.put("a", 1),
        lambda one: one.scan("a", "b", 1),
    ],
)
def test_who_began_freely_cannot_declare(act: Callable[[Context], object]) -> None:
    one, _ = context(a=b"1")
    act(one)
    with pytest.raises(ContractFailure, match="declare"):
        one.declare(("a",))
    one.put("b", 1)


def test_free_keys_and_what_ranges_give_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEYS_MAX", 6)
    one, _ = context(a=b"1", b=b"2", c=b"3")
    one.put("x", 1)
    one.get("y", int)
    assert len(one.scan("a", "c", 9)) == 2
    one.get("z", int)
    with pytest.raises(LimitExceeded):
        one.get("w", int)
    other, _ = context()
    for _ in range(6):
        other.scan("a", "b", 1)
    with pytest.raises(LimitExceeded):
        other.scan("a", "b", 1)
