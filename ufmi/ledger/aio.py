"""The client for asyncio: the same steps and names as `ufmi.ledger.gateway`, to be awaited.

async with connect_async("connection", "OperatorMSP") as gateway:
    contract = gateway.network("udl").contract("udl")
    await contract.evaluate("describe")
    async for event in gateway.network("udl").chaincode_events("udl", start=0): ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol, TypeVar

import structlog

from ufmi.errors import ConnectionLost, NotFound
from ufmi.ledger import requests
from ufmi.ledger.blocks import Block
from ufmi.ledger.checkpoint import MemoryCheckpoint, Position
from ufmi.ledger.gateway import PAUSES
from ufmi.ledger.identity import Identity
from ufmi.ledger.proposals import read_proposal
from ufmi.ledger.requests import NONCE_BYTES, ChaincodeEvent, Status, status_of
from ufmi.ledger.steps import (
    CommitStep,
    ProposalStep,
    TransactionStep,
    new_proposal,
    require_valid,
)
from ufmi.system import Clock, RandomBytes

_Item = TypeVar("_Item")
_log = structlog.get_logger("ufmi.ledger")


class AsyncTransport(Protocol):
    """`ufmi.ledger.transport.Transport` for asyncio."""

    clock: Clock
    wall_clock: Clock
    random_bytes: RandomBytes

    async def evaluate(self, request: Any) -> Any: ...

    async def endorse(self, request: Any) -> Any: ...

    async def submit(self, request: Any) -> Any: ...

    async def commit_status(self, request: Any, timeout: float | None) -> Any: ...

    def chaincode_events(self, request: Any) -> AsyncIterator[Any]: ...

    def deliver(self, envelope: Any) -> AsyncIterator[Any]: ...

    async def close(self) -> None: ...


class AsyncGateway:
    """A member of an organisation, connected to a ledger."""

    def __init__(self, transport: AsyncTransport, identity: Identity) -> None:
        self.transport = transport
        self.identity = identity

    def network(self, channel: str) -> AsyncNetwork:
        """A channel."""
        return AsyncNetwork(self, channel)

    def proposal(self, raw: bytes) -> AsyncProposal:
        """A proposal from its bytes, for one that was kept or sent while it was signed."""
        call = read_proposal(raw)
        return AsyncProposal(self, call.channel, call.tx_id, raw)

    def commit(self, channel: str, tx_id: str) -> AsyncCommit:
        """A transaction that was submitted before, perhaps by another process."""
        return AsyncCommit(self, channel, tx_id)

    async def close(self) -> None:
        """Ends the connection."""
        await self.transport.close()

    async def __aenter__(self) -> AsyncGateway:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncNetwork:
    """A channel as a client sees it. See `ufmi.ledger.gateway.Network`."""

    def __init__(self, parent: AsyncGateway, channel: str) -> None:
        self.gateway = parent
        self.channel = channel

    def contract(self, name: str) -> AsyncContract:
        """A contract of the channel."""
        return AsyncContract(self, name)

    async def height(self) -> int:
        """How many blocks the channel has."""
        async for block in self._blocks(requests.seek_newest):
            return block.number + 1
        raise ConnectionLost(f"the peer gives no block of channel {self.channel}")

    async def block(self, number: int) -> Block:
        """A committed block by its number. Raises NotFound."""
        if 0 <= number < await self.height():
            async for found in self._blocks(requests.seek_blocks, number, number):
                return found
        raise NotFound(f"channel {self.channel} has no block {number}")

    async def past_blocks(self, start: int = 0) -> AsyncIterator[Block]:
        """The blocks that are there, from `start` to the newest at the time of the call."""
        async for block in self._blocks(requests.seek_past_blocks, start):
            yield block

    async def _blocks(self, seek: Callable[..., Any], *places: int | None) -> AsyncIterator[Block]:
        transport = self.gateway.transport
        envelope = seek(
            self.gateway.identity,
            self.channel,
            *places,
            transport.random_bytes(NONCE_BYTES),
            transport.wall_clock.now_ms(),
        )
        async for message in transport.deliver(envelope):
            yield Block(message)

    async def block_events(
        self,
        start: int | None = None,
        *,
        checkpoint: MemoryCheckpoint | None = None,
        stop: int | None = None,
    ) -> AsyncIterator[Block]:
        """Committed blocks in order; goes on after the last one where the peer goes away."""
        if checkpoint is not None:
            start = checkpoint.position.block
        first = await self.height() if start is None else start

        async def opened(position: Position) -> AsyncIterator[Block]:
            if stop is not None and position.block > stop:
                return  # lost after the last block: peers refuse to give none
            async for block in self._blocks(requests.seek_blocks, position.block, stop):
                yield block

        async for block in _resumed(
            opened, Position(first), lambda block: Position(block.number + 1)
        ):
            yield block

    async def chaincode_events(
        self,
        contract: str,
        start: int | None = None,
        *,
        checkpoint: MemoryCheckpoint | None = None,
    ) -> AsyncIterator[ChaincodeEvent]:
        """Events of a contract's valid transactions; goes on where the peer goes away."""
        if checkpoint is not None:
            begin = checkpoint.position
        else:
            begin = Position(await self.height() if start is None else start)

        async def opened(position: Position) -> AsyncIterator[ChaincodeEvent]:
            request = requests.events_request(
                self.gateway.identity,
                self.channel,
                contract,
                position.block,
                position.transaction,
            )
            async for response in self.gateway.transport.chaincode_events(request):
                for event in requests.events_of(response):
                    yield event

        async for event in _resumed(
            opened, begin, lambda event: Position(event.block, event.transaction_id)
        ):
            yield event


async def _resumed(
    opened: Callable[[Position], AsyncIterator[_Item]],
    position: Position,
    after: Callable[[_Item], Position],
) -> AsyncIterator[_Item]:
    """A stream that is opened again after its last item whenever the connection is lost."""
    pause = PAUSES[0]
    while True:
        try:
            async for item in opened(position):
                position, pause = after(item), PAUSES[0]
                yield item
            return
        except ConnectionLost as problem:
            _log.info("stream is opened again", reason=problem.message)
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSES[1])


class AsyncContract:
    """A contract as a client calls it."""

    def __init__(self, network: AsyncNetwork, name: str) -> None:
        self.network = network
        self.name = name

    async def evaluate(self, function: str, *arguments: bytes) -> bytes:
        """Asks a question; nothing is recorded. Raises EvaluateError."""
        return await self.new_proposal(function, *arguments).evaluate()

    async def submit(self, function: str, *arguments: bytes) -> bytes:
        """Endorses, orders and waits for the commit.

        Raises:
            EndorseError, SubmitError, CommitStatusError: it failed on the way.
            CommitError: it was ordered and found invalid.
        """
        endorsed = await self.new_proposal(function, *arguments).endorse()
        commit = await endorsed.submit()
        await commit.require_valid()
        return endorsed.result

    def new_proposal(
        self, function: str, *arguments: bytes, organisations: Sequence[str] = ()
    ) -> AsyncProposal:
        """A call, to be endorsed by these organisations (none: whoever the policy needs)."""
        parent, channel = self.network.gateway, self.network.channel
        transport = parent.transport
        tx_id, raw = new_proposal(
            parent.identity,
            channel,
            self.name,
            function,
            arguments,
            transport.random_bytes,
            transport.clock,
        )
        return AsyncProposal(parent, channel, tx_id, raw, organisations)


class AsyncProposal(ProposalStep):
    """A call that can be evaluated or endorsed."""

    def __init__(
        self,
        parent: AsyncGateway,
        channel: str,
        tx_id: str,
        raw: bytes,
        organisations: Sequence[str] = (),
    ) -> None:
        super().__init__(parent.identity, channel, tx_id, raw, organisations)
        self._gateway = parent

    async def evaluate(self) -> bytes:
        """Runs the call on one peer. Raises EvaluateError."""
        response = await self._gateway.transport.evaluate(self.evaluate_request())
        return bytes(response.result.payload)

    async def endorse(self) -> AsyncTransaction:
        """Has the call endorsed. Raises EndorseError."""
        response = await self._gateway.transport.endorse(self.endorse_request())
        return AsyncTransaction(
            self._gateway, self._channel, self.transaction_id, response.prepared_transaction
        )


class AsyncTransaction(TransactionStep):
    """An endorsed call, ready to be ordered."""

    def __init__(self, parent: AsyncGateway, channel: str, tx_id: str, envelope: Any) -> None:
        super().__init__(parent.identity, channel, tx_id, envelope)
        self._gateway = parent

    async def submit(self) -> AsyncCommit:
        """Signs and orders it. Raises SubmitError."""
        await self._gateway.transport.submit(self.submit_request())
        return AsyncCommit(self._gateway, self._channel, self.transaction_id)


class AsyncCommit(CommitStep):
    """A transaction on its way into a block."""

    def __init__(self, parent: AsyncGateway, channel: str, tx_id: str) -> None:
        super().__init__(parent.identity, channel, tx_id)
        self._gateway = parent

    async def status(self, timeout: float | None = 60.0) -> Status:
        """Waits until the transaction is in a block. Raises CommitStatusError after `timeout` s."""
        response = await self._gateway.transport.commit_status(self.status_request(), timeout)
        return status_of(self.transaction_id, response)

    async def require_valid(self, timeout: float | None = 60.0) -> Status:
        """The same; raises CommitError unless the transaction is valid."""
        return require_valid(await self.status(timeout))
