"""The context: what is declared, read once, undone together, written once."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ufmi.contract import Context, decode_record, encode_record
from ufmi.contract import context as module
from ufmi.errors import ContractFailure, LimitExceeded, UndeclaredKey

from .stub import MemoryStub


class Note(msgspec.Struct, frozen=True):
    """A record."""

    text: str
    marks: dict[str, int] = {}


def context(**state: bytes) -> tuple[Context, MemoryStub]:
    stub = MemoryStub(dict(state))
    return Context(stub), stub


# -- declared keys ----------------------------------------------------------------------------


def test_an_undeclared_read_is_refused() -> None:
    one, stub = context(k=b"1")
    one.declare(("other",))
    with pytest.raises(UndeclaredKey, match="k"):
        one.get("k", int)
    assert stub.reads == [["other"]]


def test_declaring_nothing_is_declaring_too() -> None:
    one, _ = context(k=b"1")
    one.declare(())
    with pytest.raises(UndeclaredKey):
        one.get("k", int)
    with pytest.raises(UndeclaredKey):
        one.put("k", 2)


def test_an_undeclared_write_is_refused() -> None:
    one, stub = context()
    one.declare(("k",), ("other",))
    with pytest.raises(UndeclaredKey, match="k"):
        one.put("k", 1)
    one.finish()
    assert stub.written == []


def test_what_may_be_written_may_be_read() -> None:
    one, _ = context(k=b"1")
    one.declare((), ("k",))
    assert one.get("k", int) == 1


def test_all_keys_are_read_in_one_request_each_once() -> None:
    one, stub = context(a=b"1")
    one.declare(("a", "b", "a"), ("c", "a", "c"))
    assert one.get("a", int) == 1
    assert one.get("b", int) is None
    one.put("c", 2)
    one.finish()
    assert len(stub.reads) == 1
    assert sorted(stub.reads[0]) == ["a", "b", "c"]


def test_a_second_declaration_reads_only_what_is_new() -> None:
    one, stub = context(a=b"1")
    one.declare(("a",))
    one.declare(("a", "b"), ("a",))
    assert stub.reads == [["a"], ["b"]]
    one.put("a", 2)


def test_the_number_of_keys_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEYS_MAX", 3)
    one, _ = context()
    one.declare(("a", "b"), ("c",))
    with pytest.raises(LimitExceeded):
        one.declare(("d",))


# -- writes -----------------------------------------------------------------------------------


def test_each_key_is_written_once_with_its_last_value() -> None:
    one, stub = context()
    one.declare((), ("a", "b"))
    for number in range(3):
        one.put("a", number)
        assert one.get("a", int) == number
        one.put("b", "x")
    one.finish()
    assert sorted(stub.written) == [("a", b"2"), ("b", b'"x"')]


def test_what_is_read_after_a_write_is_what_was_written() -> None:
    one, _ = context(k=b'{"text":"old"}')
    one.declare((), ("k",))
    note = Note("new")
    one.put("k", note)
    assert one.get("k", Note) is note


def test_an_unchanged_value_is_not_written() -> None:
    one, stub = context(k=b'{"text":"old","marks":{}}')
    one.declare((), ("k", "none"))
    one.put("k", Note("new"))
    one.put("k", Note("old"))
    one.put("none", None)
    one.finish()
    assert stub.written == []


def test_a_key_can_be_deleted() -> None:
    one, stub = context(k=b"1")
    one.declare((), ("k",))
    one.put("k", None)
    assert one.get("k", int) is None
    one.finish()
    assert stub.written == [("k", None)]


def test_a_key_can_be_deleted_and_written_anew() -> None:
    one, stub = context(k=b"1")
    one.declare((), ("k",))
    one.put("k", None)
    one.put("k", 2)
    one.finish()
    assert stub.written == [("k", b"2")]


def test_a_value_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VALUE_BYTES_MAX", 10)
    one, stub = context()
    one.declare((), ("k",))
    one.put("k", "x" * 8)
    one.finish()
    one.put("k", "x" * 9)
    with pytest.raises(LimitExceeded, match="k"):
        one.finish()
    assert len(stub.puts) == 1


# -- savepoints ---------------------------------------------------------------------------------


class Undo(Exception):
    """Ends a savepoint."""


def undone(one: Context, act: Callable[[], object]) -> None:
    with pytest.raises(Undo), one.savepoint():
        act()
        raise Undo


def test_a_savepoint_undoes_its_writes_and_no_others() -> None:
    one, stub = context(a=b"1", b=b"2")
    one.declare((), ("a", "b", "c", "d"))
    one.put("a", 10)
    undone(one, lambda: [one.put(key, 99) for key in "abcab"])
    assert [one.get(key, int) for key in "abc"] == [10, 2, None]
    one.put("d", 4)
    one.finish()
    assert sorted(stub.written) == [("a", b"10"), ("d", b"4")]


def test_a_savepoint_does_not_undo_reads() -> None:
    one, stub = context(a=b"1")
    undone(one, lambda: one.declare(("a",)))
    assert one.get("a", int) == 1
    assert stub.reads == [["a"]]


def test_a_savepoint_that_ends_well_keeps_its_writes() -> None:
    one, stub = context()
    one.declare((), ("a",))
    with one.savepoint():
        one.put("a", 1)
    one.finish()
    assert stub.written == [("a", b"1")]


def test_savepoints_nest() -> None:
    one, stub = context(a=b"0")
    one.declare((), ("a", "b"))
    with one.savepoint():
        one.put("a", 1)
        undone(one, lambda: [one.put("a", 2), one.put("b", 2)])
        assert (one.get("a", int), one.get("b", int)) == (1, None)
        with one.savepoint():
            one.put("b", 3)
    one.finish()
    assert sorted(stub.written) == [("a", b"1"), ("b", b"3")]


def test_an_outer_savepoint_undoes_what_an_inner_one_kept() -> None:
    one, stub = context(a=b"0")
    one.declare((), ("a", "b"))

    def act() -> None:
        with one.savepoint():
            one.put("a", 1)
            one.put("b", None)
        one.put("a", 2)

    undone(one, act)
    assert (one.get("a", int), one.get("b", int)) == (0, None)
    one.finish()
    assert stub.written == []


def test_a_deletion_is_undone_too() -> None:
    one, stub = context(a=b"0")
    one.declare((), ("a",))
    undone(one, lambda: one.put("a", None))
    assert one.get("a", int) == 0
    one.finish()
    assert stub.written == []


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "open", "keep", "undo"]), st.sampled_from("abc"), st.integers(0, 3)
    ),
    max_size=20,
)


@given(STEPS)
def test_savepoints_are_copies_of_a_dict(steps: list[tuple[str, str, int]]) -> None:
    one, stub = context(a=b"7")
    one.declare((), "abc")
    model: list[dict[str, int | None]] = [{"a": 7, "b": None, "c": None}]
    opened = []
    for step, key, number in steps:
        if step == "put":
            one.put(key, number or None)
            model[-1][key] = number or None
        elif step == "open":
            opened.append(one.savepoint())
            opened[-1].__enter__()
            model.append(dict(model[-1]))
        elif opened and step == "keep":
            opened.pop().__exit__(None, None, None)
            model[-2:] = [model[-1]]
        elif opened:
            opened.pop().__exit__(Undo, Undo(), None)
            model.pop()
        assert {key: one.get(key, int) for key in "abc"} == model[-1]
    one.finish()
    expected = {key: value for key, value in model[-1].items() if value != {"a": 7}.get(key)}
    found = {key: None if raw is None else int(raw) for key, raw in stub.written}
    assert found == expected


# -- queries, events, encoding ------------------------------------------------------------------


def test_a_submit_function_cannot_use_history() -> None:
    one, _ = context(a=b"1")
    with pytest.raises(ContractFailure):
        one.history("a")


def test_a_submit_function_that_declares_cannot_use_ranges() -> None:
    one, _ = context(a=b"1")
    one.declare(("a",))
    with pytest.raises(ContractFailure, match="cannot read ranges"):
        one.scan("a", "b", 10)


def test_an_evaluate_function_uses_ranges_besides_declared_keys() -> None:
    one = Context(MemoryStub({"a": b"1", "b": b"2"}), read_only=True)
    assert one.scan("b", "", 10) == []  # the stub knows no open end
    one.declare(("a",))
    assert (one.get("a", int), one.scan("a", "z", 1)) == (1, [("a", b"1")])


def test_an_evaluate_function_uses_ranges_and_history_within_limits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SCAN_MAX", 2)
    one = Context(MemoryStub({"a": b"1", "b": b"2", "c": b"3"}), read_only=True)
    assert one.scan("a", "z", 10) == [("a", b"1"), ("b", b"2")]
    assert one.history("a", 5)[0].value == b"1"


def test_an_evaluate_function_cannot_write() -> None:
    stub = MemoryStub()
    one = Context(stub, read_only=True)
    one.declare((), ("a",))
    one.put("a", 1)
    with pytest.raises(ContractFailure, match="cannot write"):
        one.finish()
    assert stub.puts == []


def test_there_is_one_event_the_last() -> None:
    one, stub = context()
    one.emit("first", b"1")
    one.emit("second", b"2")
    one.finish()
    assert stub.events == [("second", b"2")]


def test_an_event_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENT_BYTES_MAX", 3)
    one, _ = context()
    one.emit("event", b"123")
    with pytest.raises(LimitExceeded):
        one.emit("event", b"1234")


@given(st.dictionaries(st.text(max_size=3), st.integers(), max_size=6), st.randoms())
def test_a_dict_has_one_encoding_whatever_its_order(marks: dict[str, int], chance: object) -> None:
    names = list(marks)
    chance.shuffle(names)  # type: ignore[attr-defined]
    shuffled = {name: marks[name] for name in names}
    assert encode_record(Note("n", marks)) == encode_record(Note("n", shuffled))
    assert decode_record(encode_record(Note("n", shuffled)), Note).marks == marks


def test_a_structure_is_written_in_its_declared_order() -> None:
    assert encode_record(Note("t", {"b": 1, "a": 2})) == b'{"text":"t","marks":{"a":2,"b":1}}'
