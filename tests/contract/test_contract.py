"""Contracts as plain classes: here a registry of bicycles, since the runtime knows no markets."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

import ufmi.contract
from ufmi.contract import (
    Context,
    Contract,
    decode_record,
    encode_record,
    evaluate,
    failure_text,
    submit,
)
from ufmi.contract import contract as module
from ufmi.errors import ContractFailure, LimitExceeded, UnknownFunction

from .stub import MemoryStub


class Bicycle(msgspec.Struct, frozen=True):
    """A bicycle and whose it is."""

    owner: str
    rides: int = 0


class Bicycles(Contract):
    """Who has which bicycle, and how often it was ridden."""

    name = "bicycles"

    @submit
    def buy(self, context: Context, number: bytes, owner: bytes) -> bytes:
        key = f"bicycle/{number.decode()}"
        context.declare((), (key,))
        if context.get(key, Bicycle) is not None:
            raise ContractFailure(f"bicycle {number.decode()} has an owner")
        context.put(key, Bicycle(owner.decode()))
        context.emit("bought", number)
        return b"enjoy"

    @submit
    def ride(self, context: Context, *numbers: bytes) -> bytes:
        """Rides several, each by itself; gives what became of each."""
        keys = [f"bicycle/{number.decode()}" for number in numbers]
        context.declare((), keys)
        answers = []
        for key in keys:
            try:
                with context.savepoint():
                    found = context.get(key, Bicycle) or Bicycle("nobody")
                    context.put(key, Bicycle(found.owner, found.rides + 1))
                    if found.owner == "nobody":
                        raise ContractFailure("nobody's")
                answers.append("ok")
            except ContractFailure as problem:
                answers.append(problem.message)
        return encode_record(answers)

    @evaluate
    def all(self, context: Context, limit: bytes = b"10") -> bytes:
        return encode_record([key for key, _ in context.scan("bicycle/", "bicycle0", int(limit))])

    @evaluate
    def cheat(self, context: Context, number: bytes) -> bytes:
        context.declare((), (number.decode(),))
        context.put(number.decode(), 1)
        return b""

    @submit
    def look_around(self, context: Context) -> bytes:
        return encode_record([key for key, _ in context.scan("", "z", 1)])

    @submit
    def look_behind(self, context: Context, number: bytes) -> bytes:
        context.declare((number.decode(),))
        context.scan("", "z", 1)
        return b""

    @submit
    def stumble(self, context: Context) -> bytes:
        raise TypeError("a defect of its own")

    def helper(self, context: Context) -> bytes:
        return b"not for callers"


def call(state: dict[str, bytes], function: str, *arguments: bytes) -> bytes:
    """One transaction, committed if it succeeds."""
    stub = MemoryStub(state)
    answer = Bicycles().invoke(stub, function, arguments)
    stub.commit()
    return answer


def test_a_contract_keeps_its_records() -> None:
    state: dict[str, bytes] = {}
    assert call(state, "buy", b"1", b"Li") == b"enjoy"
    assert call(state, "buy", b"2", b"Wang") == b"enjoy"
    assert json.loads(call(state, "ride", b"1", b"3", b"1")) == ["ok", "nobody's", "ok"]
    assert decode_record(state["bicycle/1"], Bicycle) == Bicycle("Li", 2)
    assert set(state) == {"bicycle/1", "bicycle/2"}
    assert json.loads(call(state, "all")) == ["bicycle/1", "bicycle/2"]
    assert json.loads(call(state, "all", b"1")) == ["bicycle/1"]


def test_what_fails_writes_nothing() -> None:
    stub = MemoryStub({"bicycle/1": b'{"owner":"Li","rides":0}'})
    with pytest.raises(ContractFailure, match="has an owner"):
        Bicycles().invoke(stub, "buy", [b"1", b"Wang"])
    assert (stub.puts, stub.events) == ([], [])


def test_an_event_leaves_with_its_transaction() -> None:
    stub = MemoryStub()
    Bicycles().invoke(stub, "buy", [b"1", b"Li"])
    assert stub.events == [("bought", b"1")]


def test_functions_are_those_that_are_marked() -> None:
    assert Bicycles().functions() == {
        "all": "evaluate",
        "buy": "submit",
        "cheat": "evaluate",
        "describe": "evaluate",
        "look_around": "submit",
        "look_behind": "submit",
        "ride": "submit",
        "stumble": "submit",
    }


@pytest.mark.parametrize(
    "name", ["", "sell", "helper", "invoke", "functions", "name", "__init__", "__class__"]
)
def test_a_function_that_is_not_marked_cannot_be_called(name: str) -> None:
    with pytest.raises(UnknownFunction) as caught:
        Bicycles().invoke(MemoryStub(), name, [])
    assert "buy" in caught.value.hint


@pytest.mark.parametrize(
    ("function", "arguments"),
    [("buy", []), ("buy", [b"1"]), ("buy", [b"1"] * 3), ("all", [b"1"] * 2), ("cheat", [])],
)
def test_a_wrong_number_of_arguments_is_said_to_be(
    function: str, arguments: Sequence[bytes]
) -> None:
    with pytest.raises(ContractFailure, match=f"does not take {len(arguments)} arguments"):
        Bicycles().invoke(MemoryStub(), function, arguments)


def test_a_type_error_of_the_contract_is_its_own() -> None:
    with pytest.raises(TypeError, match="of its own"):
        Bicycles().invoke(MemoryStub(), "stumble", [])


def test_any_number_of_arguments_is_taken_where_the_function_says_so() -> None:
    for count in (0, 1, 5):
        assert len(json.loads(call({}, "ride", *[b"1"] * count))) == count


def test_an_evaluate_function_cannot_write() -> None:
    with pytest.raises(ContractFailure, match="cannot write"):
        call({}, "cheat", b"k")


def test_a_submit_function_scans_unless_it_declares() -> None:
    assert call({"k": b"1"}, "look_around") == b'["k"]'
    with pytest.raises(ContractFailure, match="cannot read ranges"):
        call({"k": b"1"}, "look_behind", b"k")


def test_arguments_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ARGUMENTS_MAX", 3)
    monkeypatch.setattr(module, "ARGUMENT_BYTES_MAX", 5)
    call({}, "ride", b"1", b"2", b"12345")
    with pytest.raises(LimitExceeded):
        call({}, "ride", b"1", b"2", b"3", b"4")
    with pytest.raises(LimitExceeded):
        call({}, "ride", b"123456")


def test_a_failure_tells_our_errors_whole_and_defects_by_kind() -> None:
    assert failure_text(ContractFailure("no")) == "UFMI-3005: no"
    assert failure_text(RuntimeError("oops")) == (
        "UFMI-3000: the contract failed: RuntimeError: oops"
    )


def test_the_runtime_imports_nothing_of_markets() -> None:
    folder = Path(ufmi.contract.__file__).parent
    names: set[str] = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                names.add(node.module or "")
    ours = {name for name in names if name.startswith(("ufmi", "chaincode"))}
    assert all(name.startswith(("ufmi.contract", "ufmi.errors")) for name in ours)
