"""One peer's stream: each message from the peer gets one answer, and no thread waits for any.

A contract is a plain function that asks for state in its middle. Each transaction runs in a
greenlet: where the contract asks, the greenlet hands the request out and sleeps until the peer's
response is handed in. So many transactions are in flight, and all that runs is one at a time.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import structlog
from greenlet import GreenletExit, getcurrent, greenlet

from ufmi.contract import Contract, failure_text
from ufmi.errors import ContractFailure, LimitExceeded, OutOfTime, UfmiError
from ufmi.ledger.fabric.calls import MESSAGE_BYTES_MAX
from ufmi.ledger.fabric.stub import FabricStub, ManyKeys, many_keys
from ufmi.ledger.proposals import read_proposal
from ufmi.ledger.protos import (
    SUCCESS,
    chaincode,
    chaincode_event,
    chaincode_shim,
    proposal,
    proposal_response,
)

Message = chaincode_shim.ChaincodeMessage
FAILURE = 500
TRANSACTIONS_MAX = 10_000
FAILURE_CHARACTERS_MAX = 100_000

_log = structlog.get_logger("ufmi.chaincode")

# Is told of every transaction that ended: whether well.
Ended = Callable[[bool], None]
# A transaction's id and channel, as messages name it.
_Key = tuple[str, str]


class Session:
    """What one peer and one contract say to each other.

    Args:
        now_ms: the server's clock, or None where any time of a transaction is taken.
        skew_ms: how far a transaction's time may be from that clock.
    """

    def __init__(
        self,
        contract: Contract,
        package_id: str,
        now_ms: Callable[[], int] | None = None,
        skew_ms: int = 60_000,
        ended: Ended = lambda good: None,
        closed: Callable[[Session], None] = lambda session: None,
    ) -> None:
        self._contract = contract
        self._package_id = package_id
        self._now_ms = now_ms
        self._skew_ms = skew_ms
        self._ended = ended
        self._closed = closed
        self._many = ManyKeys()
        self._running: dict[_Key, greenlet] = {}
        self._over = False

    @property
    def in_flight(self) -> int:
        """How many transactions wait for the peer."""
        return len(self._running)

    def opening(self) -> bytes:
        """REGISTER, which says what contract this is."""
        name = chaincode.ChaincodeID(name=self._package_id)
        message = Message(type=Message.REGISTER, payload=name.SerializeToString())
        return bytes(message.SerializeToString())

    def answer(self, raw: bytes) -> bytes | None:
        """What follows from a message of the peer; None if nothing does."""
        said = self._answer(Message.FromString(raw))
        return None if said is None else bytes(said.SerializeToString())

    def _answer(self, message: Any) -> Any | None:
        kind = message.type
        if kind in (Message.RESPONSE, Message.ERROR):
            running = self._running.get((message.channel_id, message.txid))
            # An answer to a transaction that has ended tells nothing any more.
            return None if running is None else self._go_on(running, message)
        if kind == Message.TRANSACTION:
            return self._begin(message)
        if kind == Message.KEEPALIVE:
            return message
        if kind == Message.INIT:
            # Silence would cost whoever deployed it so a timeout without a reason.
            return _completed(message, failure="the contract takes no initialisation")
        if kind in (Message.REGISTERED, Message.READY):
            if message.payload:
                self._many = many_keys(message.payload)
            return None
        _log.warning("unexpected message of a peer", type=kind)
        return None

    def _begin(self, message: Any) -> Any:
        key = (message.channel_id, message.txid)
        if key in self._running:
            return _completed(message, failure=f"transaction {message.txid} is under way already")
        if len(self._running) >= TRANSACTIONS_MAX:
            return _completed(message, failure="the chaincode server has too much under way")
        return self._go_on(greenlet(self._run), message)

    def _go_on(self, running: greenlet, message: Any) -> Any:
        key = (message.channel_id, message.txid)
        self._running[key] = running
        try:
            return running.switch(message)
        finally:
            if running.dead:
                self._running.pop(key, None)

    def _run(self, message: Any) -> Any:
        """A whole transaction, within its greenlet; returns what ends it."""
        hub = getcurrent().parent

        def ask(kind: int, payload: bytes) -> bytes:
            request = Message(
                type=kind, payload=payload, txid=message.txid, channel_id=message.channel_id
            )
            _require_sendable(request)
            if self._over:
                raise ContractFailure("the peer has gone")
            response = hub.switch(request)
            if response.type == Message.ERROR:
                text = response.payload.decode("utf-8", "replace")
                raise ContractFailure(f"the peer refuses: {text}")
            return bytes(response.payload)

        try:
            stub, function, arguments = self._read(message, ask)
            payload = self._contract.invoke(stub, function, arguments)
            said = _completed(message, payload=payload, event=stub.event)
            _require_sendable(said)
        except BaseException as problem:  # whatever it is ends this transaction and no other
            if self._over:
                return None
            if not isinstance(problem, UfmiError):
                _log.error(
                    "contract failed",
                    contract=self._contract.name,
                    traceback=traceback.format_exc(),
                )
            self._ended(False)
            return _completed(message, failure=_failure_text(problem))
        self._ended(True)
        return said

    def _read(self, message: Any, ask: Any) -> tuple[FabricStub, str, tuple[bytes, ...]]:
        signed: Any = message.proposal
        call = read_proposal(
            proposal.SignedProposal.FromString(signed.SerializeToString()).proposal_bytes
        )
        arguments = tuple(chaincode.ChaincodeInput.FromString(message.payload).args)
        if self._now_ms is not None and abs(self._now_ms() - call.time_ms) > self._skew_ms:
            raise OutOfTime(
                f"the transaction's time {call.time_ms} is more than {self._skew_ms} ms"
                f" from this server's clock"
            )
        stub = FabricStub(message.channel_id, message.txid, call, ask, self._many)
        function = arguments[0].decode("utf-8", "replace") if arguments else ""
        return stub, function, arguments[1:]

    def close(self) -> None:
        """Ends what is under way, when the peer has gone."""
        self._over = True
        for running in self._running.values():
            running.throw(GreenletExit)
        self._running.clear()
        self._closed(self)


def _require_sendable(message: Any) -> None:
    """One message that the peer does not take would end all transactions of its stream."""
    size = message.ByteSize()
    if size > MESSAGE_BYTES_MAX:
        raise LimitExceeded(f"a message of {size} bytes is more than the peer takes")


def _failure_text(problem: BaseException) -> str:
    """What the client is told, in characters that a message can hold, whatever was raised."""
    try:
        text = failure_text(problem)
    except Exception:  # its own __str__ fails
        text = f"UFMI-3000: the contract failed: {type(problem).__name__}"
    return text[:FAILURE_CHARACTERS_MAX].encode("utf-8", "replace").decode()


def _completed(
    message: Any,
    payload: bytes = b"",
    event: tuple[str, bytes] | None = None,
    failure: str = "",
) -> Any:
    """COMPLETED with the contract's response, and its event, which is lost otherwise."""
    response = proposal_response.Response(status=SUCCESS, payload=payload)
    if failure:
        response = proposal_response.Response(status=FAILURE, message=failure)
    said = Message(
        type=Message.COMPLETED,
        payload=response.SerializeToString(),
        txid=message.txid,
        channel_id=message.channel_id,
    )
    if event is not None:
        name, content = event
        said.chaincode_event.CopyFrom(
            chaincode_event.ChaincodeEvent(tx_id=message.txid, event_name=name, payload=content)
        )
    return said
