"""The second process of strict mode: runs contracts again, with another hash seed.

It has no ledger. What a contract asks of its stub it asks the first process, over a socket, message
by message; it ends when that socket closes, so it never outlives the first process.
"""

from __future__ import annotations

import os
import pickle
import select
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Any

import msgspec

from ufmi import errors
from ufmi.contract import Contract, Modification, failure_text

_HEAD_BYTES = 4


class Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Base of what the two processes say to each other."""


class Begin(Message, frozen=True):
    """To the second: the contracts by channel and name, pickled: their classes are imported."""

    contracts: dict[str, dict[str, bytes]]


class Run(Message, frozen=True):
    """To the second: run this. It asks until it answers Done or Failed."""

    contract: str
    function: str
    arguments: Sequence[bytes]
    channel: str
    tx_id: str
    timestamp_ms: int
    creator_msp: str
    creator_certificate: bytes


class Done(Message, frozen=True):
    """From the second: it is ready, or the function returned this."""

    payload: bytes = b""


class Failed(Message, frozen=True):
    """From the second: it cannot begin, or the function failed."""

    text: str


class GetMany(Message, frozen=True):
    """As in `Stub`. Answered by Values."""

    keys: Sequence[str]


class PutMany(Message, frozen=True):
    """As in `Stub`. Answered by Values."""

    items: Sequence[tuple[str, bytes | None]]


class Scan(Message, frozen=True):
    """As in `Stub`. Answered by Found."""

    start: str
    end: str
    limit: int


class History(Message, frozen=True):
    """As in `Stub`. Answered by Past."""

    key: str
    limit: int


class SetEvent(Message, frozen=True):
    """As in `Stub`. Answered by Values."""

    name: str
    payload: bytes


class Values(Message, frozen=True):
    """To the second."""

    values: list[bytes | None]


class Found(Message, frozen=True):
    """To the second."""

    items: list[tuple[str, bytes]]


class Past(Message, frozen=True):
    """To the second."""

    entries: list[Modification]


class Refused(Message, frozen=True):
    """To the second: the stub raises this error of ours."""

    kind: str
    text: str


Ask = GetMany | PutMany | Scan | History | SetEvent
FromSecond = Done | Failed | Ask
ToSecond = Begin | Run | Values | Found | Past | Refused


class HungUp(Exception):
    """The other process closed its end of the socket, or does not answer."""


class Wire:
    """Messages over a socket, each after its length."""

    def __init__(self, connection: socket.socket, expected: Any) -> None:
        self._connection = connection
        self._reading = connection.makefile("rb")
        self._decoder = msgspec.msgpack.Decoder(expected)

    def send(self, message: Message) -> None:
        """Raises HungUp."""
        body = msgspec.msgpack.encode(message)
        try:
            self._connection.sendall(len(body).to_bytes(_HEAD_BYTES, "big") + body)
        except OSError as problem:
            raise HungUp(str(problem)) from problem

    def receive(self) -> Any:
        """The next message. Raises HungUp."""
        return self._decoder.decode(self._read(int.from_bytes(self._read(_HEAD_BYTES), "big")))

    def _read(self, size: int) -> bytes:
        try:
            found = self._reading.read(size)
        except OSError as problem:
            raise HungUp(str(problem)) from problem
        if len(found) < size:
            raise HungUp("it closed its end")
        return found

    def close(self) -> None:
        """Closes the socket too."""
        self._reading.close()
        self._connection.close()


class RemoteStub:
    """The stub of one call, as the contract runtime needs it, whose ledger is elsewhere."""

    def __init__(self, call: Run, wire: Wire) -> None:
        self.channel = call.channel
        self.tx_id = call.tx_id
        self.timestamp_ms = call.timestamp_ms
        self.creator_msp = call.creator_msp
        self.creator_certificate = call.creator_certificate
        self._wire = wire

    def _ask(self, question: Message) -> Any:
        self._wire.send(question)
        answer = self._wire.receive()
        if isinstance(answer, Refused):
            raise getattr(errors, answer.kind)(answer.text)
        return answer

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        values: list[bytes | None] = self._ask(GetMany(keys)).values
        return values

    def put_many(self, items: Sequence[tuple[str, bytes | None]]) -> None:
        self._ask(PutMany(items))

    def scan(self, start: str, end: str, limit: int) -> list[tuple[str, bytes]]:
        items: list[tuple[str, bytes]] = self._ask(Scan(start, end, limit)).items
        return items

    def history(self, key: str, limit: int) -> list[Modification]:
        entries: list[Modification] = self._ask(History(key, limit)).entries
        return entries

    def set_event(self, name: str, payload: bytes) -> None:
        self._ask(SetEvent(name, payload))


def serve(wire: Wire) -> None:
    """Runs what it is told to, without end. Raises HungUp when the first process is done."""
    try:
        contracts: dict[str, dict[str, Contract]] = {
            channel: {name: pickle.loads(raw) for name, raw in own.items()}
            for channel, own in wire.receive().contracts.items()
        }
    except HungUp:
        raise
    except Exception as problem:
        wire.send(Failed(f"{type(problem).__name__}: {problem}"))
        return
    wire.send(Done())
    while True:
        call = wire.receive()
        try:
            contract = contracts[call.channel][call.contract]
            payload = contract.invoke(RemoteStub(call, wire), call.function, call.arguments)
        except HungUp:
            raise
        except Exception as problem:
            wire.send(Failed(failure_text(problem)))
        else:
            wire.send(Done(payload))


def _end_with(connection: socket.socket) -> None:
    """Ends this process, whatever it is doing, once the other end of the socket is closed."""
    waiting = select.poll()
    waiting.register(connection, 0)  # nothing but that it hung up
    waiting.poll()
    os._exit(0)


def main() -> None:
    """What the second process does: `python -c … FD`."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    try:
        serve(Wire(connection, ToSecond))
    except HungUp:
        return
