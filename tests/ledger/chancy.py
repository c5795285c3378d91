"""A contract that does, on purpose, what a contract must not; and the ledgers that run it."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

from ufmi.contract import Context, Contract, encode_record, submit
from ufmi.errors import ContractFailure
from ufmi.ledger.embedded import Channel, EmbeddedLedger, Topology

from .kv import A, B, C, Kv

NAMES = [f"name-{at}" for at in range(1_000)]


class Chancy(Contract):
    """Depends on the process, the time and luck."""

    name = "chancy"

    def __init__(self, mark: str = "mark") -> None:
        self.mark = mark

    @submit
    def order(self, context: Context) -> bytes:
        """Set iteration: another order with another hash seed."""
        context.put("order", list(set(NAMES))[:20])
        context.put("marked", self.mark)
        return b"same"

    @submit
    def keys(self, context: Context) -> bytes:
        for name in list(set(NAMES))[:3]:
            context.put(name, 1)
        return b"same"

    @submit
    def hashed(self, context: Context) -> bytes:
        """A dict by hashes."""
        return encode_record(sorted({hash(name): name for name in NAMES}.items())[:3])

    @submit
    def clock(self, context: Context) -> bytes:
        return str(time.time_ns()).encode()

    @submit
    def chance(self, context: Context) -> bytes:
        context.put("drawn", random.getrandbits(64))
        return b"same"

    @submit
    def address(self, context: Context) -> bytes:
        context.emit("address", str(id(object())).encode())
        return b"same"

    @submit
    def process(self, context: Context) -> bytes:
        context.get(f"process/{os.getpid()}", int)
        return b"same"

    @submit
    def ranges(self, context: Context) -> bytes:
        context.scan("", str(os.getpid()), 10)
        return b"same"

    @submit
    def environment(self, context: Context, pid: bytes) -> bytes:
        """Fails in another process, with an error of the kind that pipes have."""
        if os.getpid() != int(pid):
            raise BrokenPipeError("a defect of its own")
        return b"same"

    @submit
    def refuse(self, context: Context, pid: bytes) -> bytes:
        if os.getpid() != int(pid):
            raise ContractFailure("not here")
        return b"same"

    @submit
    def die(self, context: Context, pid: bytes) -> bytes:
        """Ends the process, if it is another."""
        context.get("k", int)
        if os.getpid() != int(pid):
            os._exit(3)
        return b"same"

    @submit
    def hang(self, context: Context, pid: bytes) -> bytes:
        """Never returns, in another process; in this one it says who is there."""
        while os.getpid() != int(pid):
            pass
        return b"same"

    @submit
    def shout(self, context: Context) -> bytes:
        print("to standard output")
        return b"same"

    @submit
    def survive(self, context: Context) -> bytes:
        """The ledger's own refusals are the same in both."""
        try:
            context.scan("k" * 500, "", 1)
        except Exception as problem:
            context.put("problem", f"{type(problem).__name__}: {problem}")
        return b"same"


class Unpickled(Chancy):
    """Cannot reach the second process."""

    def __reduce__(self) -> Any:
        return exit_loudly, ()


def exit_loudly() -> None:
    raise RuntimeError("cannot be made there")


def found_strict(folder: Path, contract: Contract | None = None) -> EmbeddedLedger:
    """A new strict ledger, where two of three organisations endorse."""
    contracts = {"one": {"chancy": contract or Chancy(), "kv": Kv()}}
    policies = dict.fromkeys(contracts["one"], "MAJORITY")
    topology = Topology({"one": Channel((A, B, C), policies)})
    ledger = EmbeddedLedger.create(folder, contracts, topology, strict=True)
    ledger.enrol(A, "client")
    return ledger
