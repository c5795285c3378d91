"""One contract call against committed state: what it reads and writes, without effect yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from ufmi.contract import Modification
from ufmi.ledger.embedded.rwset import RangeQuery, ReadWriteSet, Version
from ufmi.ledger.embedded.statestore import StateStore, state_key
from ufmi.ledger.proposals import Call
from ufmi.ledger.protos import identities

# A Fabric peer hands a range to its contract in batches of so many, and has read the first of the
# next batch by then. All that it has read becomes part of the range to be validated, so a contract
# that stops early depends on more than it saw. Here likewise.
BATCH = 100

# Gives a key's history, newest first, at most so many.
HistoryReader = Callable[[str, str, int], list[Modification]]


class Simulation:
    """The stub that the contract runtime works on. See `ufmi.contract.Stub`."""

    def __init__(self, call: Call, store: StateStore, read_history: HistoryReader) -> None:
        creator = identities.SerializedIdentity.FromString(call.creator)
        self.channel = call.channel
        self.tx_id = call.tx_id
        self.timestamp_ms = call.time_ms
        self.creator_msp = str(creator.mspid)
        self.creator_certificate = bytes(creator.id_bytes)
        self.event: tuple[str, bytes] | None = None
        self.height = store.height
        self._namespace = call.contract
        self._store = store
        self._read_history = read_history
        self._reads: dict[str, Version] = {}
        self._writes: dict[str, bytes | None] = {}
        self._ranges: dict[tuple[str, str, bool], RangeQuery] = {}

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        values, versions = self._store.get_many(self._namespace, keys)
        self._reads.update(zip(keys, versions, strict=True))
        return values

    def put_many(self, items: Sequence[tuple[str, bytes | None]]) -> None:
        for key, _ in items:
            if key not in self._reads:
                state_key(self._namespace, key)  # refuses a key that is too long
        self._writes.update(items)

    def scan(self, start: str, end: str, limit: int) -> list[tuple[str, bytes]]:
        if limit <= 0:
            return []
        ahead = -(-limit // BATCH) * BATCH + 1
        found = list(islice(self._store.scan(self._namespace, start, end), ahead))
        exhausted = len(found) < ahead
        query = RangeQuery(
            start,
            end if exhausted else found[-1][0],
            exhausted,
            tuple([(key, version) for key, (_, version) in found]),
        )
        self._ranges.setdefault(query[:3], query)
        return [(key, value) for key, (value, _) in found[:limit]]

    def history(self, key: str, limit: int) -> list[Modification]:
        return self._read_history(self._namespace, key, limit)

    def set_event(self, name: str, payload: bytes) -> None:
        self.event = (name, payload)

    def result(self) -> ReadWriteSet:
        """What the call read and wrote."""
        ranges = tuple(self._ranges.values())
        return ReadWriteSet(self._namespace, self._reads, self._writes, ranges)
