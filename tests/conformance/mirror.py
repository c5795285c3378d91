"""A market whose every call is executed in memory and on a ledger, and compared key by key."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest

from tests.market.market import Market, MemoryStub
from ufmi.contract import decode_record
from ufmi.contract.context import encode_record
from ufmi.errors import EndorseError, UfmiError
from ufmi.ledger.embedded import rwset
from ufmi.protocol import keys as state
from ufmi.protocol.records import Network

from .backends import OPERATOR, Backend

_AT_ONCE = 500


class _Recorder(MemoryStub):
    """Notes what a call writes."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.written: dict[str, bytes | None] = {}

    def put_many(self, items: Any) -> None:
        super().put_many(items)
        self.written.update(items)


class MirroredMarket(Market):
    """See `tests.market.market.Market`."""

    backend: Backend
    world: str
    synced: dict[str, bytes]

    def copy(self) -> Market:
        return mirrored(super().copy(), self.backend)

    def invoke(self, function: str, *arguments: bytes, **caller: str) -> bytes:
        if caller:  # somebody else's identity, which the ledger does not know
            return super().invoke(function, *arguments, **caller)
        self._sync()
        stub = _Recorder(self.state, self.now)
        stub.creator_certificate = self.backend.identity(OPERATOR, "frontend").certificate
        self.backend.clock.not_before(self.now)
        self.backend.clock._now = self.now  # worlds have times of their own
        try:
            answer = self.contract.invoke(stub, function, arguments)
        except UfmiError as problem:
            with pytest.raises(EndorseError) as refused:
                self._call(function, arguments)
            assert problem.message in str(refused.value)
            raise
        self._compare(function, arguments, stub, answer)
        return answer

    def _call(self, function: str, arguments: tuple[bytes, ...]) -> Any:
        contract = self.backend.contract("worlds", member="frontend")
        return contract.new_proposal(
            "call", self.world.encode(), function.encode(), *arguments
        ).endorse()

    def _compare(
        self, function: str, arguments: tuple[bytes, ...], stub: _Recorder, answer: bytes
    ) -> None:
        endorsed = self._call(function, arguments)
        assert endorsed.result == answer
        status = endorsed.submit().require_valid()
        one = self.backend.network(member="frontend").transaction(endorsed.transaction_id)
        assert one.endorsed is not None and one.block == status.block
        written: dict[str, bytes | None] = {}
        for sets in rwset.decode(one.endorsed.action.results):
            if sets.namespace == "worlds":
                written.update(sets.writes)
        prefix = f"{self.world}:"
        assert {key.removeprefix(prefix): value for key, value in written.items()} == stub.written
        event = one.event
        assert [(event.event_name, event.payload)] == stub.events if event else not stub.events
        self.synced = dict(self.state)

    def _sync(self) -> None:
        """Gives the ledger what came into the state beside messages."""
        changed = {key: value for key, value in self.state.items() if self.synced.get(key) != value}
        contract = self.backend.contract("worlds", member="frontend")
        items = list(changed.items())
        for at in range(0, len(items), _AT_ONCE):
            pairs = [
                part for key, value in items[at : at + _AT_ONCE] for part in (key.encode(), value)
            ]
            contract.submit("seed", self.world.encode(), *pairs)
        gone = sorted(self.synced.keys() - self.state.keys())
        if gone:
            contract.submit("remove", self.world.encode(), *[key.encode() for key in gone])
        self.synced = dict(self.state)


def mirrored(market: Market, backend: Backend) -> MirroredMarket:
    """The same market in a world of its own on a ledger, whose front-end may call it."""
    found = MirroredMarket.__new__(MirroredMarket)
    found.__dict__.update(copy.copy(market).__dict__)
    found.backend = backend
    found.world = backend.fresh("world")
    found.synced = {}
    member = backend.identity(OPERATOR, "frontend")
    record = decode_record(found.state[state.NETWORK], Network)
    changed = msgspec.structs.replace(
        record.parameters, frontend_certificate=member.fingerprint, frontend_msp=OPERATOR
    )
    # The digest stays what the messages were signed for.
    found.state[state.NETWORK] = encode_record(msgspec.structs.replace(record, parameters=changed))
    return found
