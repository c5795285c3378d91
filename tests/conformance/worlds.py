"""The contract `udl` many times over on one channel: each world has keys of its own.

Tests of the market want a ledger of their own each; a channel each would take seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

from chaincode.udl import UdlContract
from ufmi.contract import Context, Contract, Modification, Stub, evaluate, submit


class WorldStub:
    """A stub whose keys all begin with the world's name."""

    def __init__(self, stub: Stub, world: str) -> None:
        self._stub = stub
        self._world = f"{world}:"
        self.channel, self.tx_id, self.timestamp_ms = stub.channel, stub.tx_id, stub.timestamp_ms
        self.creator_msp = stub.creator_msp
        self.creator_certificate = stub.creator_certificate

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return self._stub.get_many([self._world + key for key in keys])

    def put_many(self, items: Sequence[tuple[str, bytes | None]]) -> None:
        self._stub.put_many([(self._world + key, value) for key, value in items])

    def scan(self, start: str, end: str, limit: int) -> list[tuple[str, bytes]]:
        end = self._world + end if end else self._world[:-1] + ";"
        found = self._stub.scan(self._world + start, end, limit)
        return [(key.removeprefix(self._world), value) for key, value in found]

    def history(self, key: str, limit: int) -> list[Modification]:
        return self._stub.history(self._world + key, limit)

    def set_event(self, name: str, payload: bytes) -> None:
        self._stub.set_event(name, payload)


class Worlds(Contract):
    """`udl`, with the world as the first argument of everything."""

    name = "worlds"
    SOURCES = UdlContract.SOURCES

    @submit
    def call(self, context: Context, world: bytes, function: bytes, *arguments: bytes) -> bytes:
        """A function of `udl` in a world."""
        stub = WorldStub(context._stub, world.decode())
        return UdlContract().invoke(stub, function.decode(), arguments)

    @evaluate
    def ask(self, context: Context, world: bytes, function: bytes, *arguments: bytes) -> bytes:
        """The same, without effect."""
        stub = WorldStub(context._stub, world.decode())
        return UdlContract().invoke(stub, function.decode(), arguments)

    @submit
    def remove(self, context: Context, world: bytes, *keys: bytes) -> bytes:
        """Deletes keys."""
        stub = WorldStub(context._stub, world.decode())
        stub.put_many([(key.decode(), None) for key in keys])
        return b""

    @submit
    def seed(self, context: Context, world: bytes, *pairs: bytes) -> bytes:
        """Writes key, value, key, value … as they are."""
        stub = WorldStub(context._stub, world.decode())
        keys = [key.decode() for key in pairs[::2]]
        stub.get_many(keys)
        stub.put_many(list(zip(keys, pairs[1::2], strict=True)))
        return b""
