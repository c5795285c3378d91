"""Streams of blocks: whole, filtered, or as a peer without private data gives them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from ufmi.errors import AccessDenied, NotFound
from ufmi.ledger.blocks import Block
from ufmi.ledger.embedded.channel import EmbeddedChannel
from ufmi.ledger.embedded.serve.failures import stream
from ufmi.ledger.embedded.serve.limits import Limit
from ufmi.ledger.embedded.serve.messages import events, events_service
from ufmi.ledger.embedded.serve.places import Place, joined
from ufmi.ledger.embedded.serve.work import Work
from ufmi.ledger.protos import ENDORSER_TRANSACTION, chaincode_event, common, orderer

Status = common.Status
# As in a peer: a request that was signed longer ago, or ahead of time, is taken for a replay.
TIME_WINDOW_SECONDS = 15 * 60


class _Refused(Exception):
    """A request that ends with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Blocks:
    """Answers signed requests for blocks: an organisation's peer, or the orderer ("")."""

    def __init__(self, work: Work, msp: str = "") -> None:
        self._work = work
        self._msp = msp

    async def sought(self, envelope: Any) -> AsyncIterator[Block | int]:
        """The blocks that an envelope asks for, and then the status that ends them."""
        try:
            channel, seek = await self._work.run(self._admit, envelope)
            first = _first(channel, seek.start)
            last = _last(channel, seek, first)
            if first is None:
                raise _Refused(Status.NOT_FOUND)
        except _Refused as problem:
            yield int(problem.status)
            return
        if seek.behavior == orderer.SeekInfo.FAIL_IF_NOT_READY:
            async for block in self._ready(channel, first, last):
                yield block
            if last >= channel.height:
                yield int(Status.NOT_FOUND)
                return
        else:
            async for block in self._work.blocks(channel.name, first):
                yield block
                if block.number == last:
                    break
        yield int(Status.SUCCESS)

    async def _ready(self, channel: EmbeddedChannel, first: int, last: int) -> AsyncIterator[Block]:
        number = first
        while number <= last and number < channel.height:
            yield await self._work.run(channel.block, number)
            number += 1

    def _admit(self, envelope: Any) -> tuple[EmbeddedChannel, Any]:
        """Channel and SeekInfo of a request that a reader signed. Raises _Refused."""
        try:
            payload = common.Payload.FromString(envelope.payload)
            header = common.ChannelHeader.FromString(payload.header.channel_header)
            creator = common.SignatureHeader.FromString(payload.header.signature_header).creator
            seek = orderer.SeekInfo.FromString(payload.data)
        except Exception as problem:
            raise _Refused(Status.BAD_REQUEST) from problem
        if abs(time.time() - header.timestamp.seconds) > TIME_WINDOW_SECONDS:
            raise _Refused(Status.BAD_REQUEST)
        try:
            ledger, name = self._work.ledger, header.channel_id
            channel = joined(ledger, name, self._msp) if self._msp else ledger.channel(name)
        except NotFound as problem:
            raise _Refused(Status.NOT_FOUND) from problem
        try:
            member = channel.membership.member(creator)
            member.verify(envelope.signature, envelope.payload)
        except AccessDenied as problem:
            raise _Refused(Status.FORBIDDEN) from problem
        # The orderer's organisation is in the channel, but not of its application.
        if self._msp and member.msp not in channel.topology.organisations:
            raise _Refused(Status.FORBIDDEN)
        if not seek.HasField("start") or not seek.HasField("stop"):
            raise _Refused(Status.BAD_REQUEST)
        return channel, seek


def _first(channel: EmbeddedChannel, position: Any) -> int | None:
    """The first block's number; None where there is no such place yet."""
    kind = position.WhichOneof("Type")
    if kind == "oldest":
        return 0
    if kind == "newest":
        return channel.height - 1
    if kind == "next_commit":
        return channel.height
    number = int(position.specified.number)
    return None if kind is None or number > channel.height else number


def _last(channel: EmbeddedChannel, seek: Any, first: int | None) -> int:
    begin = first or 0
    kind = seek.stop.WhichOneof("Type")
    if kind == "specified":
        last = int(seek.stop.specified.number)
    elif kind == "oldest":
        last = begin
    elif kind == "newest":
        # The newest alone is one block, even if another has come meanwhile.
        last = begin if seek.start == seek.stop else channel.height - 1
    else:
        raise _Refused(Status.BAD_REQUEST)
    if last < begin:
        raise _Refused(Status.BAD_REQUEST)
    return last


def filtered(block: Block) -> Any:
    """A block without what its transactions hold: their ids, verdicts and events' names."""
    found = events.FilteredBlock(number=block.number)
    codes = block.codes
    for at, raw in enumerate(block.message.data.data):
        try:
            payload = common.Payload.FromString(common.Envelope.FromString(raw).payload)
            header = common.ChannelHeader.FromString(payload.header.channel_header)
        except Exception:  # its validation code says what is wrong with it
            continue
        found.channel_id = header.channel_id
        found.filtered_transactions.add(
            txid=header.tx_id, type=header.type, tx_validation_code=codes[at]
        )
    for at, one in enumerate(block.transactions()):
        if one.endorsed is None or at >= len(found.filtered_transactions):
            continue
        target = found.filtered_transactions[at]
        if target.type != ENDORSER_TRANSACTION:
            continue
        actions = target.transaction_actions
        actions.SetInParent()
        if one.event is not None:
            actions.chaincode_actions.add(
                chaincode_event=chaincode_event.ChaincodeEvent(
                    chaincode_id=one.event.chaincode_id,
                    tx_id=one.event.tx_id,
                    event_name=one.event.event_name,
                )
            )
    return found


def _whole(block: Block) -> Any:
    return events.DeliverResponse(block=block.message)


def _filtered(block: Block) -> Any:
    return events.DeliverResponse(filtered_block=filtered(block))


def _with_private_data(block: Block) -> Any:
    """The ledger has no private data, so there is none to add."""
    whole = events.BlockAndPrivateData(block=block.message)
    return events.DeliverResponse(block_and_private_data=whole)


class Deliver(events_service.DeliverServicer):  # type: ignore[misc]
    """The service `protos.Deliver`."""

    def __init__(self, work: Work, place: Place, limit: Limit) -> None:
        self.limit = limit
        self._blocks = Blocks(work, place.msp)

    async def _answers(self, requests: Any, shown: Callable[[Block], Any]) -> AsyncIterator[Any]:
        async for envelope in requests:
            async for one in self._blocks.sought(envelope):
                if not isinstance(one, int):
                    yield shown(one)
                    continue
                yield events.DeliverResponse(status=one)
                if one != Status.SUCCESS:
                    return

    @stream
    async def Deliver(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for answer in self._answers(requests, _whole):
            yield answer

    @stream
    async def DeliverFiltered(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for answer in self._answers(requests, _filtered):
            yield answer

    @stream
    async def DeliverWithPrivateData(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for answer in self._answers(requests, _with_private_data):
            yield answer
