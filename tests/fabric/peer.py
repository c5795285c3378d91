"""A peer in memory that holds contracts to the protocol, and a contract that tries everything."""

from __future__ import annotations

from itertools import count
from typing import Any

from ufmi.contract import Context, Contract, encode_record, evaluate, submit
from ufmi.errors import ContractFailure
from ufmi.ledger.fabric.session import Session
from ufmi.ledger.identity import Identity
from ufmi.ledger.proposals import build_proposal
from ufmi.ledger.protos import (
    chaincode,
    chaincode_shim,
    proposal,
    proposal_response,
    query_result,
)

Message = chaincode_shim.ChaincodeMessage
NOW = 1_750_000_000_123
MEMBER = Identity("AMSP", b"a certificate")
_nonces = count(1)


def parameters(writes: int, reads: int) -> bytes:
    """ChaincodeAdditionalParams as Fabric 3.1 sends it: fields 1 to 4."""

    def varint(value: int) -> bytes:
        head = b""
        while value > 127:
            head += bytes([value & 127 | 128])
            value >>= 7
        return head + bytes([value])

    return b"\x08\x01\x10" + varint(writes) + b"\x18\x01\x20" + varint(reads)


def call(function: str, *arguments: bytes, channel: str = "one", time_ms: int = NOW) -> Any:
    """TRANSACTION, as a peer sends it."""
    everything = (function.encode(), *arguments)
    nonce = next(_nonces).to_bytes(24, "big")
    tx_id, raw = build_proposal(MEMBER, channel, "trial", everything, nonce, time_ms)
    return Message(
        type=Message.TRANSACTION,
        payload=chaincode.ChaincodeInput(args=everything).SerializeToString(),
        txid=tx_id,
        channel_id=channel,
        proposal=proposal.SignedProposal(proposal_bytes=raw),
    )


def outcome(completed: Any) -> Any:
    """The contract's response that COMPLETED carries."""
    assert completed.type == Message.COMPLETED
    return proposal_response.Response.FromString(completed.payload)


class FakePeer:
    """A dictionary as a ledger. Asserts what Fabric's handler demands.

    `refuse` names types of requests that are answered with ERROR; `asked` notes all types.
    """

    PAGE = 3

    def __init__(self) -> None:
        self.state: dict[str, bytes] = {}
        self.past: dict[str, list[tuple[str, bytes | None]]] = {}
        self.refuse: dict[int, bytes] = {}
        self.asked: list[str] = []
        self.counts: list[int] = []  # keys in each request of many
        self.writes: dict[str, bytes | None] = {}
        self._queries: dict[str, list[bytes]] = {}
        self._names = count(1)

    def run(self, session: Session, message: Any) -> Any:
        """A whole transaction; commits what it wrote. Returns COMPLETED."""
        said = self.sent(session, message)
        while said.type != Message.COMPLETED:
            said = self.sent(session, self.response(said))
        assert not self._queries, "every query is read to its end or closed"
        status = outcome(said).status
        for key, value in self.writes.items() if status == 200 else ():
            self.past.setdefault(key, []).insert(0, (message.txid, value))
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        self.writes.clear()
        return said

    @staticmethod
    def sent(session: Session, message: Any) -> Any:
        raw = session.answer(message.SerializeToString())
        assert raw is not None, "an open transaction gets an answer"
        said = Message.FromString(raw)
        assert (said.channel_id, said.txid) == (message.channel_id, message.txid)
        return said

    def response(self, request: Any) -> Any:
        """RESPONSE or ERROR to one request."""
        kind = request.type
        self.asked.append(Message.Type.Name(kind))
        answer = Message(txid=request.txid, channel_id=request.channel_id)
        if kind in self.refuse:
            answer.type, answer.payload = Message.ERROR, self.refuse[kind]
            self._queries.clear()
            return answer
        handler = getattr(self, "_" + Message.Type.Name(kind).lower())
        answer.type, answer.payload = Message.RESPONSE, handler(request.payload) or b""
        return answer

    def _get_state(self, raw: bytes) -> bytes:
        return self.state.get(chaincode_shim.GetState.FromString(raw).key, b"")

    def _get_state_multiple(self, raw: bytes) -> bytes:
        keys = chaincode_shim.GetStateMultiple.FromString(raw).keys
        self.counts.append(len(keys))
        values = [self.state.get(key, b"") for key in keys]
        return bytes(chaincode_shim.GetStateMultipleResult(values=values).SerializeToString())

    def _put_state(self, raw: bytes) -> None:
        one = chaincode_shim.PutState.FromString(raw)
        assert one.key and one.value
        self.writes[one.key] = one.value

    def _del_state(self, raw: bytes) -> None:
        self.writes[chaincode_shim.DelState.FromString(raw).key] = None

    def _write_batch_state(self, raw: bytes) -> None:
        records = chaincode_shim.WriteBatchState.FromString(raw).rec
        self.counts.append(len(records))
        for one in records:
            deleted = one.type == chaincode_shim.WriteRecord.DEL_STATE
            assert deleted or one.type == chaincode_shim.WriteRecord.PUT_STATE
            self.writes[one.key] = None if deleted else one.value

    def _get_state_by_range(self, raw: bytes) -> bytes:
        asked = chaincode_shim.GetStateByRange.FromString(raw)
        assert asked.startKey, "composite keys sort below what may be asked for"
        keys = [k for k in sorted(self.state) if asked.startKey <= k]
        rows = [
            query_result.KV(key=key, value=self.state[key]).SerializeToString()
            for key in keys
            if not asked.endKey or key < asked.endKey
        ]
        return self._page(str(next(self._names)), rows)

    def _get_history_for_key(self, raw: bytes) -> bytes:
        rows = []
        for tx_id, value in self.past.get(chaincode_shim.GetHistoryForKey.FromString(raw).key, []):
            one = query_result.KeyModification(tx_id=tx_id, is_delete=value is None)
            one.value = value or b""
            one.timestamp.seconds, one.timestamp.nanos = NOW // 1000, 123_456_789
            rows.append(one.SerializeToString())
        return self._page(str(next(self._names)), rows)

    def _query_state_next(self, raw: bytes) -> bytes:
        name = chaincode_shim.QueryStateNext.FromString(raw).id
        return self._page(name, self._queries.pop(name))

    def _query_state_close(self, raw: bytes) -> bytes:
        name = chaincode_shim.QueryStateClose.FromString(raw).id
        del self._queries[name]
        return bytes(chaincode_shim.QueryResponse(id=name).SerializeToString())

    def _page(self, name: str, rows: list[bytes]) -> bytes:
        page = chaincode_shim.QueryResponse(id=name, has_more=len(rows) > self.PAGE)
        for row in rows[: self.PAGE]:
            page.results.add(resultBytes=row)
        if page.has_more:
            self._queries[name] = rows[self.PAGE :]
        return bytes(page.SerializeToString())


class Strange(BaseException):
    """Not an Exception."""


class Wordless(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


PROBLEMS: dict[bytes, BaseException] = {
    b"failure": ContractFailure("not today"),
    b"defect": RuntimeError("a defect"),
    b"base": Strange("very"),
    b"exit": SystemExit(3),
    b"interrupt": KeyboardInterrupt(),
    b"surrogate": ContractFailure("half \udc80 a letter"),
    b"wordless": Wordless(),
    b"long": ContractFailure("x" * 10_000_000),
}


class Trial(Contract):
    """What contracts do, well or badly. `cleaned` notes whose `finally` ran."""

    name = "trial"

    def __init__(self) -> None:
        self.cleaned: list[str] = []

    @submit
    def put(self, context: Context, *pairs: bytes) -> bytes:
        keys = [key.decode() for key in pairs[::2]]
        context.declare((), keys)
        for key, value in zip(keys, pairs[1::2], strict=True):
            context.put(key, value.decode() or None)
        context.emit("put", b"|".join(pairs))
        return b"done"

    @evaluate
    def get(self, context: Context, *keys: bytes) -> bytes:
        names = [key.decode() for key in keys]
        context.declare(names)
        return encode_record([context.get(name, str) for name in names])

    @evaluate
    def range(self, context: Context, start: bytes, end: bytes, limit: bytes) -> bytes:
        found = context.scan(start.decode(), end.decode(), int(limit))
        return encode_record([(key, value.decode()) for key, value in found])

    @evaluate
    def past(self, context: Context, key: bytes, limit: bytes) -> bytes:
        found = context.history(key.decode(), int(limit))
        return encode_record([(m.tx_id, m.timestamp_ms, m.value is None) for m in found])

    @submit
    def who(self, context: Context) -> bytes:
        caller = context.caller
        told = (context.channel, context.tx_id, context.timestamp_ms, caller.msp)
        return encode_record([*told, caller.certificate.decode()])

    @submit
    def trouble(self, context: Context, kind: bytes) -> bytes:
        raise PROBLEMS[kind]

    @submit
    def deep(self, context: Context) -> bytes:
        return self.deep(context)

    @submit
    def patient(self, context: Context) -> bytes:
        try:
            context.declare(("refused",))
        except ContractFailure:
            context.declare(("allowed",))
            return b"went on"
        return b"not refused"

    @submit
    def clean(self, context: Context, stubborn: bytes) -> bytes:
        try:
            context.declare(("a",))
        finally:
            if stubborn:
                context.declare(("b",))
            self.cleaned.append(context.tx_id)
        return b""

    @evaluate
    def large(self, context: Context, megabytes: bytes) -> bytes:
        return bytes(int(megabytes) << 20)

    @submit
    def bad_event(self, context: Context) -> bytes:
        context.emit("half \udc80", b"")
        return b""


class AnyStub:
    """A stub's requests, each answered by a function."""

    def __init__(self, peer: FakePeer) -> None:
        self._peer = peer

    def __call__(self, kind: int, payload: bytes) -> bytes:
        answer = self._peer.response(Message(type=kind, payload=payload))
        return bytes(answer.payload)
