"""Which message changed which state key: read from the blocks' write sets, whatever it is called.

A transaction executes a batch and writes each key once. Where only one message of the batch could
write a key (every message declares its keys), the change is that message's. Where several could,
those of the batch that matter are executed again, one by one, on the values that the batch had
read; what comes out must be what the batch wrote.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from chaincode.udl import UdlContract
from ufmi.contract import Modification
from ufmi.errors import ProtocolError, StoreCorrupted, UfmiError
from ufmi.frontend.deliveries import ExecutedLine, header, lines_of
from ufmi.ledger import Block, BlockTransaction
from ufmi.ledger.embedded import rwset
from ufmi.ledger.embedded.rwset import ReadWriteSet
from ufmi.ledger.protos import identities
from ufmi.protocol import UNRECORDED, Keys, Message, decode

_log = structlog.get_logger("ufmi.movements")

NAMESPACE = "udl"
_BLOCKS_KEPT = 64

Values = dict[str, bytes | None]


@dataclass(frozen=True)
class Step:
    """What one message wrote. None: deleted."""

    block: int
    transaction_id: str
    time: int  # contract time, milliseconds since 1970, UTC
    message: str  # its identity; several joined by " + " where they cannot be told apart
    writes: Values


@dataclass
class _Candidate:
    """A message that may have written something, with its declared keys."""

    one: ExecutedLine
    keys: Keys
    changed: Values = field(default_factory=dict)


class Movements:
    """Takes blocks apart into what each message wrote."""

    def __init__(self, block: Callable[[int], Block], relevant: Callable[[str], bool]) -> None:
        """Takes in how to read an earlier block, and which keys are asked for."""
        self._block = block
        self._relevant = relevant
        self._kept: OrderedDict[int, list[Mapping[str, bytes | None]]] = OrderedDict()

    def of(self, transaction: BlockTransaction) -> Iterator[Step]:
        """The steps of one transaction, in order; none if it wrote nothing that is asked for."""
        sets = sets_of(transaction)
        if sets is None or transaction.endorsed is None:
            return
        candidates = [one for one in map(_candidate, lines_of(transaction)) if one is not None]
        writers: dict[str, list[_Candidate]] = {}
        for one in candidates:
            for key in set(one.keys.writes):
                if self._relevant(key):
                    writers.setdefault(key, []).append(one)
        contested = {key for key, found in writers.items() if len(found) > 1}
        whole = self._attribute(transaction, sets, candidates, writers, contested)
        time = transaction.endorsed.time_ms
        for one in candidates:
            if one.changed:
                name = one.one.result.id
                yield Step(transaction.block, transaction.tx_id, time, name, one.changed)
        if whole.writes:
            yield whole

    def _attribute(
        self,
        transaction: BlockTransaction,
        sets: ReadWriteSet,
        candidates: Sequence[_Candidate],
        writers: Mapping[str, Sequence[_Candidate]],
        contested: set[str],
    ) -> Step:
        """Gives each change to its message; returns those that belong to no single one."""
        if contested and not self._execute_again(transaction, sets, candidates, contested):
            unclear = contested
        else:
            unclear = set()
        rest: Values = {}
        names: dict[str, None] = {}
        for key, value in sets.writes.items():
            found = writers.get(key, ())
            if not self._relevant(key) or (key in contested and key not in unclear):
                continue
            if len(found) == 1:
                found[0].changed[key] = value
            else:
                rest[key] = value
                names |= dict.fromkeys([one.one.result.id for one in found])
        time = transaction.endorsed.time_ms if transaction.endorsed else 0
        name = " + ".join(names)
        return Step(transaction.block, transaction.tx_id, time, name, rest)

    # -- executing again --------------------------------------------------------------------

    def _execute_again(
        self,
        transaction: BlockTransaction,
        sets: ReadWriteSet,
        candidates: Sequence[_Candidate],
        contested: set[str],
    ) -> bool:
        """Executes what could have written contested keys; whether it came out as recorded."""
        needed, keys = _closure(candidates, contested)
        values: Values = {key: self._value(key, sets) for key in keys}
        before = dict(values)
        try:
            for one in needed:
                written = _execute(transaction, one.one, values)
                values.update(written)
                one.changed = {key: value for key, value in written.items() if key in contested}
            if all(values[key] == sets.writes.get(key, before[key]) for key in contested):
                return True
        except UfmiError as problem:
            _log.warning("a message is not executed again", reason=str(problem))
        # Other rules were in force then: the sum of the batch is certain, its parts are not.
        for one in needed:
            one.changed = {}
        return False

    def _value(self, key: str, sets: ReadWriteSet) -> bytes | None:
        """What the transaction read under a key: in the block that its read set names."""
        version = sets.reads.get(key)
        if version is None:
            return None
        number, at = version
        try:
            return self._writes(number)[at][key]
        except (KeyError, IndexError) as problem:
            raise StoreCorrupted(f"block {number} does not write {key} as it was read") from problem

    def _writes(self, number: int) -> list[Mapping[str, bytes | None]]:
        known = self._kept.get(number)
        if known is None:
            found = [sets_of(one) for one in self._block(number).transactions()]
            known = self._kept[number] = [sets.writes if sets else {} for sets in found]
            if len(self._kept) > _BLOCKS_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return known


def sets_of(transaction: BlockTransaction) -> ReadWriteSet | None:
    """What a valid transaction read and wrote of the business contract."""
    if not transaction.valid or transaction.endorsed is None:
        return None
    for sets in rwset.decode(transaction.endorsed.action.results):
        if sets.namespace == NAMESPACE:
            return sets
    return None


def _candidate(one: ExecutedLine) -> _Candidate | None:
    if one.result.repeated or one.result.code in UNRECORDED:
        return None
    try:
        message = decode(one.line.text)
    except ProtocolError:
        return None
    return _Candidate(one, message.keys(one.entry)) if isinstance(message, Message) else None


def _closure(
    candidates: Sequence[_Candidate], contested: set[str]
) -> tuple[list[_Candidate], set[str]]:
    """The messages on which contested keys depend, in order, and all keys that these declare."""
    needed: list[_Candidate] = []
    keys = set(contested)
    for one in reversed(candidates):
        if not keys.isdisjoint(one.keys.writes):
            needed.append(one)
            keys.update(one.keys.reads, one.keys.writes)
    return needed[::-1], keys


def _execute(transaction: BlockTransaction, one: ExecutedLine, values: Values) -> Values:
    """What a message writes on these values, at the transaction's time. Raises ContractError."""
    stub = _Stub(transaction, values)
    line = type(one.line)(one.line.text, one.line.signature)
    UdlContract().invoke(stub, "execute", (header([one.entry]), line.encode()))
    return stub.written


class _Stub:
    """One message's transaction over values in memory. See `ufmi.contract.context.Stub`."""

    channel = NAMESPACE

    def __init__(self, transaction: BlockTransaction, values: Values) -> None:
        assert transaction.endorsed is not None
        creator = identities.SerializedIdentity.FromString(transaction.endorsed.creator)
        self.tx_id = transaction.tx_id
        self.timestamp_ms = transaction.endorsed.time_ms
        self.creator_msp = str(creator.mspid)
        self.creator_certificate = bytes(creator.id_bytes)
        self._values = values
        self.written: Values = {}

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return [self._values.get(key) for key in keys]

    def put_many(self, items: Sequence[tuple[str, bytes | None]]) -> None:
        self.written.update(items)

    def scan(self, start: str, end: str, limit: int) -> list[tuple[str, bytes]]:
        return []

    def history(self, key: str, limit: int) -> list[Modification]:
        return []

    def set_event(self, name: str, payload: bytes) -> None:
        pass
