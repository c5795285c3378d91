"""The stub of one transaction on a real peer: what the contract runtime asks, the peer answers.

Within one transaction one request is open at a time. Peers from Fabric 3.1 on take many keys in
one message; others take one, so that a batch costs a round trip a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ufmi.contract import Modification
from ufmi.contract.context import KEY_BYTES_MAX, VALUE_BYTES_MAX
from ufmi.errors import LimitExceeded
from ufmi.ledger.fabric.calls import MESSAGE_BYTES_MAX
from ufmi.ledger.proposals import Call
from ufmi.ledger.protos import chaincode_shim, identities, query_result

Message = chaincode_shim.ChaincodeMessage
# No key sorts before this, and peers keep what is below for composite keys.
_FIRST_KEY = "\x01"
# A peer ends the whole stream over a message larger than it takes: so many of the largest values
# fit an answer, and so many bytes of writes go into a request.
READS_MAX = MESSAGE_BYTES_MAX // VALUE_BYTES_MAX - 4
WRITE_BYTES_MAX = 16 * 1024 * 1024

# Sends a request of a type and waits for the peer's answer: the payload of its response.
Ask = Callable[[int, bytes], bytes]


class ManyKeys(NamedTuple):
    """How many keys a peer takes in one message; 1 where it takes them one by one."""

    reads: int = 1
    writes: int = 1


class FabricStub:
    """See `ufmi.contract.Stub`."""

    def __init__(self, channel: str, tx_id: str, call: Call, ask: Ask, many: ManyKeys) -> None:
        member = identities.SerializedIdentity.FromString(call.creator)
        self.channel = channel
        self.tx_id = tx_id
        self.timestamp_ms = call.time_ms
        self._room = KEY_BYTES_MAX - len(call.contract.encode()) - 2
        self.creator_msp = str(member.mspid)
        self.creator_certificate = bytes(member.id_bytes)
        self.event: tuple[str, bytes] | None = None
        self._ask = ask
        self._many = many

    def _check(self, key: str) -> None:
        """Peers would take any key; both ledgers take the same."""
        if not 0 < len(key.encode()) <= self._room:
            raise LimitExceeded(f"a key is empty or longer than {self._room} bytes")

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        for key in keys:
            self._check(key)
        if self._many.reads == 1:
            return [self._get(key) for key in keys]
        found: list[bytes | None] = []
        for at in range(0, len(keys), self._many.reads):
            some = keys[at : at + self._many.reads]
            request = chaincode_shim.GetStateMultiple(keys=some)
            raw = self._ask(Message.GET_STATE_MULTIPLE, request.SerializeToString())
            values = chaincode_shim.GetStateMultipleResult.FromString(raw).values
            found += [value or None for value in values]
        return found

    def _get(self, key: str) -> bytes | None:
        request = chaincode_shim.GetState(key=key)
        # Fabric knows no empty values: what is empty is not there.
        return self._ask(Message.GET_STATE, request.SerializeToString()) or None

    def put_many(self, items: Sequence[tuple[str, bytes | None]]) -> None:
        for key, _ in items:
            self._check(key)
        if self._many.writes == 1:
            for key, value in items:
                self._put(key, value)
            return
        batch = chaincode_shim.WriteBatchState()
        size = 0
        for key, value in items:
            if len(batch.rec) == self._many.writes or size > WRITE_BYTES_MAX:
                self._ask(Message.WRITE_BATCH_STATE, batch.SerializeToString())
                batch, size = chaincode_shim.WriteBatchState(), 0
            if value is None:
                batch.rec.add(key=key, type=chaincode_shim.WriteRecord.DEL_STATE)
            else:
                batch.rec.add(key=key, value=value, type=chaincode_shim.WriteRecord.PUT_STATE)
            size += len(key) + len(value or b"")
        if batch.rec:
            self._ask(Message.WRITE_BATCH_STATE, batch.SerializeToString())

    def _put(self, key: str, value: bytes | None) -> None:
        if value is None:
            request = chaincode_shim.DelState(key=key).SerializeToString()
            self._ask(Message.DEL_STATE, request)
        else:
            request = chaincode_shim.PutState(key=key, value=value).SerializeToString()
            self._ask(Message.PUT_STATE, request)

    def scan(self, start: str, end: str, limit: int) -> list[tuple[str, bytes]]:
        if limit <= 0:
            return []
        request = chaincode_shim.GetStateByRange(startKey=start or _FIRST_KEY, endKey=end)
        found: list[tuple[str, bytes]] = []
        for raw in self._results(Message.GET_STATE_BY_RANGE, request.SerializeToString(), limit):
            entry = query_result.KV.FromString(raw)
            found.append((entry.key, entry.value))
        return found

    def history(self, key: str, limit: int) -> list[Modification]:
        if limit <= 0:
            return []
        request = chaincode_shim.GetHistoryForKey(key=key).SerializeToString()
        found: list[Modification] = []
        for raw in self._results(Message.GET_HISTORY_FOR_KEY, request, limit):
            one = query_result.KeyModification.FromString(raw)
            time_ms = one.timestamp.seconds * 1000 + one.timestamp.nanos // 1_000_000
            value = None if one.is_delete else one.value
            found.append(Modification(one.tx_id, time_ms, value))
        return found

    def _results(self, kind: int, request: bytes, limit: int) -> Iterator[bytes]:
        """Results of a query, page by page, closed where the limit ends it early."""
        page = chaincode_shim.QueryResponse.FromString(self._ask(kind, request))
        count = 0
        while True:
            for one in page.results:
                if count == limit:
                    break
                count += 1
                yield one.resultBytes
            if not page.has_more:
                return
            if count == limit:
                closing = chaincode_shim.QueryStateClose(id=page.id).SerializeToString()
                self._ask(Message.QUERY_STATE_CLOSE, closing)
                return
            following = chaincode_shim.QueryStateNext(id=page.id).SerializeToString()
            page = chaincode_shim.QueryResponse.FromString(
                self._ask(Message.QUERY_STATE_NEXT, following)
            )

    def set_event(self, name: str, payload: bytes) -> None:
        self.event = (name, payload)


def many_keys(payload: Any) -> ManyKeys:
    """What the payload of REGISTERED or READY offers: `ChaincodeAdditionalParams` from 3.1 on.

    The published protobufs do not have this message yet. Its fields are numbers: 1 and 3 whether
    batches of writes and reads are taken, 2 and 4 how large.
    """
    fields = dict(_numbers(bytes(payload)))
    writes = fields.get(2, 0) if fields.get(1) else 0
    reads = fields.get(4, 0) if fields.get(3) else 0
    return ManyKeys(min(max(1, reads), READS_MAX), max(1, writes))


def _numbers(raw: bytes) -> Iterator[tuple[int, int]]:
    """The fields of a message that has only numbers."""
    at = 0

    def varint() -> int:
        nonlocal at
        number = shift = 0
        while at < len(raw):
            byte = raw[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number
        return number

    while at < len(raw):
        tag = varint()
        if tag & 7:
            return  # not a number: a message that we do not know
        yield tag >> 3, varint()
