"""The client of both ledgers: Gateway > Network > Contract > Proposal > Transaction > Commit.

Names and steps are those of Fabric's own client libraries. `ufmi.ledger.aio` has the same for
asyncio.

Signing apart from the connection (off-line): make the gateway with an `Identity` whose signer is
None, take `digest` of a proposal, transaction or commit to whoever has the key, and go on with
`signed(signature)`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import structlog

from ufmi.errors import CommitStatusError, ConnectionLost, NotFound
from ufmi.ledger import requests
from ufmi.ledger.blocks import Block, BlockTransaction
from ufmi.ledger.checkpoint import MemoryCheckpoint, Position
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
from ufmi.ledger.transport import Transport

# How long to wait before the next try to reach a peer that went away, growing to the second.
PAUSES = (0.05, 2.0)

# What is committed is answered at once; what is not is waited for.
_KNOWN_SECONDS = 1.0

_Item = TypeVar("_Item")
_log = structlog.get_logger("ufmi.ledger")


class Gateway:
    """A member of an organisation, connected to a ledger. Closing it closes the connection."""

    def __init__(self, transport: Transport, identity: Identity) -> None:
        self.transport = transport
        self.identity = identity

    def network(self, channel: str) -> Network:
        """A channel."""
        return Network(self, channel)

    def proposal(self, raw: bytes) -> Proposal:
        """A proposal from its bytes, for one that was kept or sent while it was signed."""
        call = read_proposal(raw)
        return Proposal(self, call.channel, call.tx_id, raw)

    def commit(self, channel: str, tx_id: str) -> Commit:
        """A transaction that was submitted before, perhaps by another process."""
        return Commit(self, channel, tx_id)

    def close(self) -> None:
        """Ends the connection. An embedded ledger is closed with it."""
        self.transport.close()

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Network:
    """A channel as a client sees it."""

    def __init__(self, parent: Gateway, channel: str) -> None:
        self.gateway = parent
        self.channel = channel

    def contract(self, name: str) -> Contract:
        """A contract of the channel."""
        return Contract(self, name)

    def block_events(
        self,
        start: int | None = None,
        *,
        checkpoint: MemoryCheckpoint | None = None,
        stop: int | None = None,
    ) -> Iterator[Block]:
        """Committed blocks in order, without end unless `stop` names the last one.

        Where the peer goes away, the stream goes on after the last block once it is back.

        Args:
            start: the first block; the next one to be committed if neither it nor a checkpoint
                is given.
            checkpoint: where to begin instead. It is the caller's to move on.
        """
        if checkpoint is not None:
            start = checkpoint.position.block

        first = self.height() if start is None else start

        def opened(position: Position) -> Iterator[Block]:
            if stop is not None and position.block > stop:
                return iter(())  # lost after the last block: peers refuse to give none
            return self._blocks(requests.seek_blocks, position.block, stop)

        yield from resumed(opened, Position(first), lambda block: Position(block.number + 1))

    def height(self) -> int:
        """How many blocks the channel has."""
        for block in self._blocks(requests.seek_newest):
            return block.number + 1
        raise ConnectionLost(f"the peer gives no block of channel {self.channel}")

    def block(self, number: int) -> Block:
        """A committed block by its number. Raises NotFound."""
        if 0 <= number < self.height():
            for found in self._blocks(requests.seek_blocks, number, number):
                return found
        raise NotFound(f"channel {self.channel} has no block {number}")

    def transaction(self, tx_id: str) -> BlockTransaction:
        """A transaction in a block by its id. Raises NotFound."""
        try:
            status = self.gateway.commit(self.channel, tx_id).status(_KNOWN_SECONDS)
        except CommitStatusError as problem:
            raise NotFound(f"there is no transaction {tx_id} on the ledger") from problem
        for one in self.block(status.block).transactions():
            if one.tx_id == tx_id:
                return one
        raise NotFound(f"block {status.block} does not hold transaction {tx_id}")

    def newest_time(self, contract: str) -> int:
        """The time of a contract's newest transaction, milliseconds; 0 where there is none."""
        for number in range(self.height() - 1, 0, -1):
            times = [
                one.endorsed.time_ms
                for one in self.block(number).transactions()
                if one.endorsed and one.endorsed.action.chaincode_id.name == contract
            ]
            if times:
                return max(times)
        return 0

    def past_blocks(self, start: int = 0) -> Iterator[Block]:
        """The blocks that are there, from `start` to the newest at the time of the call."""
        yield from self._blocks(requests.seek_past_blocks, start)

    def _blocks(self, seek: Callable[..., Any], *places: int | None) -> Iterator[Block]:
        transport = self.gateway.transport
        envelope = seek(
            self.gateway.identity,
            self.channel,
            *places,
            transport.random_bytes(NONCE_BYTES),
            transport.wall_clock.now_ms(),
        )
        for message in transport.deliver(envelope):
            yield Block(message)

    def chaincode_events(
        self,
        contract: str,
        start: int | None = None,
        *,
        checkpoint: MemoryCheckpoint | None = None,
    ) -> Iterator[ChaincodeEvent]:
        """Events of a contract's valid transactions in order, without end.

        Where the peer goes away, the stream goes on after the last event once it is back.

        Args:
            start: the first block; the next one to be committed if neither it nor a checkpoint
                is given.
            checkpoint: where to begin instead, after the transaction that it names.
        """
        if checkpoint is not None:
            begin = checkpoint.position
        else:
            begin = Position(self.height() if start is None else start)

        def opened(position: Position) -> Iterator[ChaincodeEvent]:
            request = requests.events_request(
                self.gateway.identity,
                self.channel,
                contract,
                position.block,
                position.transaction,
            )
            for response in self.gateway.transport.chaincode_events(request):
                yield from requests.events_of(response)

        yield from resumed(opened, begin, lambda event: Position(event.block, event.transaction_id))


def resumed(
    opened: Callable[[Position], Iterator[_Item]],
    position: Position,
    after: Callable[[_Item], Position],
) -> Iterator[_Item]:
    """A stream that is opened again after its last item whenever the connection is lost."""
    pause = PAUSES[0]
    while True:
        try:
            for item in opened(position):
                # Moved on first: whoever takes the item may never come back for the next.
                position, pause = after(item), PAUSES[0]
                yield item
            return
        except ConnectionLost as problem:
            _log.info("stream is opened again", reason=problem.message)
            time.sleep(pause)
            pause = min(2 * pause, PAUSES[1])


class Contract:
    """A contract as a client calls it."""

    def __init__(self, network: Network, name: str) -> None:
        self.network = network
        self.name = name

    def evaluate(self, function: str, *arguments: bytes) -> bytes:
        """Asks a question; nothing is recorded. Raises EvaluateError."""
        return self.new_proposal(function, *arguments).evaluate()

    def submit(self, function: str, *arguments: bytes) -> bytes:
        """Endorses, orders and waits for the commit.

        Raises:
            EndorseError, SubmitError, CommitStatusError: it failed on the way.
            CommitError: it was ordered and found invalid.
        """
        endorsed = self.new_proposal(function, *arguments).endorse()
        endorsed.submit().require_valid()
        return endorsed.result

    def new_proposal(
        self, function: str, *arguments: bytes, organisations: Sequence[str] = ()
    ) -> Proposal:
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
        return Proposal(parent, channel, tx_id, raw, organisations)


class Proposal(ProposalStep):
    """A call that can be evaluated or endorsed."""

    def __init__(
        self,
        parent: Gateway,
        channel: str,
        tx_id: str,
        raw: bytes,
        organisations: Sequence[str] = (),
    ) -> None:
        super().__init__(parent.identity, channel, tx_id, raw, organisations)
        self._gateway = parent

    def evaluate(self) -> bytes:
        """Runs the call on one peer. Raises EvaluateError."""
        response = self._gateway.transport.evaluate(self.evaluate_request())
        return bytes(response.result.payload)

    def endorse(self) -> Transaction:
        """Has the call endorsed. Raises EndorseError."""
        response = self._gateway.transport.endorse(self.endorse_request())
        return Transaction(
            self._gateway, self._channel, self.transaction_id, response.prepared_transaction
        )


class Transaction(TransactionStep):
    """An endorsed call, ready to be ordered."""

    def __init__(self, parent: Gateway, channel: str, tx_id: str, envelope: Any) -> None:
        super().__init__(parent.identity, channel, tx_id, envelope)
        self._gateway = parent

    def submit(self) -> Commit:
        """Signs and orders it. Raises SubmitError."""
        self._gateway.transport.submit(self.submit_request())
        return Commit(self._gateway, self._channel, self.transaction_id)


class Commit(CommitStep):
    """A transaction on its way into a block."""

    def __init__(self, parent: Gateway, channel: str, tx_id: str) -> None:
        super().__init__(parent.identity, channel, tx_id)
        self._gateway = parent

    def status(self, timeout: float | None = 60.0) -> Status:
        """Waits until the transaction is in a block. Raises CommitStatusError after `timeout` s."""
        response = self._gateway.transport.commit_status(self.status_request(), timeout)
        return status_of(self.transaction_id, response)

    def require_valid(self, timeout: float | None = 60.0) -> Status:
        """The same; raises CommitError unless the transaction is valid."""
        return require_valid(self.status(timeout))
