"""The orderer's door: envelopes in, with Fabric's answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import structlog

from ufmi.errors import AccessDenied, LedgerError, NotFound, SubmitError
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.embedded.serve.deliver import Blocks
from ufmi.ledger.embedded.serve.failures import stream
from ufmi.ledger.embedded.serve.limits import Limit
from ufmi.ledger.embedded.serve.messages import orderer_service
from ufmi.ledger.embedded.serve.work import Work
from ufmi.ledger.protos import CONFIG, common, gateway, orderer

Status = common.Status
_CONFIG_UPDATE = 2
_log = structlog.get_logger("ufmi.serve")


class Broadcast:
    """Takes envelopes in. Blocks; knows nothing of gRPC."""

    def __init__(self, ledger: EmbeddedLedger) -> None:
        self._ledger = ledger

    def take(self, envelope: Any) -> Any:
        """Envelope → BroadcastResponse."""
        try:
            payload = common.Payload.FromString(envelope.payload)
            header = common.ChannelHeader.FromString(payload.header.channel_header)
        except Exception:  # whatever bytes these are
            return _answer(Status.BAD_REQUEST, "could not determine channel ID")
        try:
            self._ledger.channel(header.channel_id)
        except NotFound:
            return _answer(Status.BAD_REQUEST, "channel does not exist")
        if header.type == _CONFIG_UPDATE:
            return _answer(
                Status.BAD_REQUEST, "the embedded ledger keeps the configuration of its block 0"
            )
        if header.type == CONFIG:
            return _answer(
                Status.BAD_REQUEST, "message is of type that cannot be processed directly"
            )
        request = gateway.SubmitRequest(
            transaction_id=header.tx_id,
            channel_id=header.channel_id,
            prepared_transaction=envelope,
        )
        try:
            self._ledger.submit(request)
        except LedgerError as problem:
            return _answer(_status(problem), problem.message)
        return _answer(Status.SUCCESS, "")


def _status(problem: LedgerError) -> int:
    if not isinstance(problem, SubmitError) or problem.retryable:
        _log.warning("the orderer cannot take a transaction", error=str(problem))
        return int(Status.SERVICE_UNAVAILABLE)
    if isinstance(problem.__cause__, AccessDenied):
        return int(Status.FORBIDDEN)
    return int(Status.BAD_REQUEST)


def _answer(status: int, info: str) -> Any:
    return orderer.BroadcastResponse(status=status, info=info)


class AtomicBroadcast(orderer_service.AtomicBroadcastServicer):  # type: ignore[misc]
    """The service `orderer.AtomicBroadcast`."""

    def __init__(self, work: Work, limit: Limit) -> None:
        self.limit = limit
        self._work = work
        self._broadcast = Broadcast(work.ledger)
        self._blocks = Blocks(work)

    @stream
    async def Broadcast(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for envelope in requests:
            answer = await self._work.run(self._broadcast.take, envelope)
            yield answer
            if answer.status != Status.SUCCESS:
                return

    @stream
    async def Deliver(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for envelope in requests:
            async for one in self._blocks.sought(envelope):
                if isinstance(one, int):
                    yield orderer.DeliverResponse(status=one)
                    if one != Status.SUCCESS:
                        return
                else:
                    yield orderer.DeliverResponse(block=one.message)
