"""The client of both ledgers: Gateway > Network > Contract > Proposal > Transaction > Commit.

Names and steps are those of Fabric's own client libraries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ufmi.errors import CommitError
from ufmi.ledger.blocks import Block
from ufmi.ledger.checkpoint import MemoryCheckpoint
from ufmi.ledger.identity import Identity
from ufmi.ledger.proposals import build_proposal, read_transaction, transaction_id
from ufmi.ledger.protos import VALID, common, gateway, orderer, proposal, validation_name
from ufmi.ledger.transport import Transport

_NONCE_BYTES = 24
_DELIVER_SEEK_INFO = 5
_NEWEST = 2**64 - 1


class Gateway:
    """A member of an organisation, connected to a ledger."""

    def __init__(self, transport: Transport, identity: Identity) -> None:
        self.transport = transport
        self.identity = identity

    def network(self, channel: str) -> Network:
        """A channel."""
        return Network(self, channel)


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

        Args:
            start: the first block; the next one to be committed if neither it nor a checkpoint
                is given.
            checkpoint: where to begin instead. It is the caller's to move on.
        """
        if checkpoint is not None:
            start = checkpoint.position.block
        position = (
            orderer.SeekPosition(next_commit=orderer.SeekNextCommit())
            if start is None
            else _specified(start)
        )
        seek = orderer.SeekInfo(
            start=position,
            stop=_specified(_NEWEST if stop is None else stop),
            behavior=orderer.SeekInfo.BLOCK_UNTIL_READY,
        )
        for message in self.gateway.transport.deliver(self._seek_envelope(seek)):
            yield Block(message)

    def past_blocks(self, start: int = 0) -> Iterator[Block]:
        """The blocks that are there, from `start` to the newest at the time of the call."""
        seek = orderer.SeekInfo(
            start=_specified(start),
            stop=orderer.SeekPosition(newest=orderer.SeekNewest()),
            behavior=orderer.SeekInfo.BLOCK_UNTIL_READY,
        )
        for message in self.gateway.transport.deliver(self._seek_envelope(seek)):
            yield Block(message)

    def _seek_envelope(self, seek: Any) -> Any:
        transport, identity = self.gateway.transport, self.gateway.identity
        nonce = transport.random_bytes(_NONCE_BYTES)
        channel_header = common.ChannelHeader(
            type=_DELIVER_SEEK_INFO,
            channel_id=self.channel,
            tx_id=transaction_id(nonce, identity.serialized),
        )
        channel_header.timestamp.FromMilliseconds(transport.clock.now_ms())
        payload = common.Payload(
            header=common.Header(
                channel_header=channel_header.SerializeToString(),
                signature_header=common.SignatureHeader(
                    creator=identity.serialized, nonce=nonce
                ).SerializeToString(),
            ),
            data=seek.SerializeToString(),
        ).SerializeToString()
        return common.Envelope(payload=payload, signature=identity.sign(payload))

    def chaincode_events(
        self,
        contract: str,
        start: int | None = None,
        *,
        checkpoint: MemoryCheckpoint | None = None,
    ) -> Iterator[ChaincodeEvent]:
        """Events of a contract's valid transactions in order, without end.

        Args:
            start: the first block; the next one to be committed if neither it nor a checkpoint
                is given.
            checkpoint: where to begin instead, after the transaction that it names.
        """
        after = ""
        if checkpoint is not None:
            start, after = checkpoint.position.block, checkpoint.position.transaction
        position = (
            orderer.SeekPosition(next_commit=orderer.SeekNextCommit())
            if start is None
            else _specified(start)
        )
        request = gateway.ChaincodeEventsRequest(
            channel_id=self.channel,
            chaincode_id=contract,
            identity=self.gateway.identity.serialized,
            start_position=position,
            after_transaction_id=after,
        ).SerializeToString()
        signed = gateway.SignedChaincodeEventsRequest(
            request=request, signature=self.gateway.identity.sign(request)
        )
        for response in self.gateway.transport.chaincode_events(signed):
            for event in response.events:
                yield ChaincodeEvent(
                    int(response.block_number), event.tx_id, event.event_name, event.payload
                )


@dataclass(frozen=True)
class ChaincodeEvent:
    """The event of one valid transaction."""

    block: int
    transaction_id: str
    name: str
    payload: bytes


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
        return Proposal(self, function, arguments, organisations)


class Proposal:
    """A call that can be evaluated or endorsed."""

    def __init__(
        self,
        contract: Contract,
        function: str,
        arguments: Sequence[bytes],
        organisations: Sequence[str],
    ) -> None:
        self._gateway = contract.network.gateway
        self._channel = contract.network.channel
        self._organisations = tuple(organisations)
        transport = self._gateway.transport
        self.transaction_id, self.bytes = build_proposal(
            self._gateway.identity,
            self._channel,
            contract.name,
            (function.encode(), *arguments),
            transport.random_bytes(_NONCE_BYTES),
            transport.clock.now_ms(),
        )

    def _signed(self) -> Any:
        return proposal.SignedProposal(
            proposal_bytes=self.bytes, signature=self._gateway.identity.sign(self.bytes)
        )

    def evaluate(self) -> bytes:
        """Runs the call on one peer. Raises EvaluateError."""
        response = self._gateway.transport.evaluate(
            gateway.EvaluateRequest(
                transaction_id=self.transaction_id,
                channel_id=self._channel,
                proposed_transaction=self._signed(),
                target_organizations=self._organisations,
            )
        )
        return bytes(response.result.payload)

    def endorse(self) -> Transaction:
        """Has the call endorsed. Raises EndorseError."""
        response = self._gateway.transport.endorse(
            gateway.EndorseRequest(
                transaction_id=self.transaction_id,
                channel_id=self._channel,
                proposed_transaction=self._signed(),
                endorsing_organizations=self._organisations,
            )
        )
        return Transaction(
            self._gateway, self._channel, self.transaction_id, response.prepared_transaction
        )


class Transaction:
    """An endorsed call, ready to be ordered."""

    def __init__(self, parent: Gateway, channel: str, tx_id: str, envelope: Any) -> None:
        self._gateway = parent
        self._channel = channel
        self.transaction_id = tx_id
        self.envelope = envelope
        # Every access to a field of bytes copies it, and this one is large.
        self._payload: bytes = envelope.payload

    @property
    def result(self) -> bytes:
        """What the function returned."""
        endorsed = read_transaction(common.Payload.FromString(self._payload))
        return bytes(endorsed.action.response.payload)

    def submit(self) -> Commit:
        """Signs and orders it. Raises SubmitError."""
        self.envelope.signature = self._gateway.identity.sign(self._payload)
        self._gateway.transport.submit(
            gateway.SubmitRequest(
                transaction_id=self.transaction_id,
                channel_id=self._channel,
                prepared_transaction=self.envelope,
            )
        )
        return Commit(self._gateway, self._channel, self.transaction_id)


@dataclass(frozen=True)
class Status:
    """What became of a transaction."""

    transaction_id: str
    block: int
    code: int

    @property
    def valid(self) -> bool:
        return self.code == VALID

    @property
    def name(self) -> str:
        """Fabric's validation code by name."""
        return validation_name(self.code)


class Commit:
    """A transaction on its way into a block."""

    def __init__(self, parent: Gateway, channel: str, tx_id: str) -> None:
        self._gateway = parent
        self._channel = channel
        self.transaction_id = tx_id

    def status(self, timeout: float | None = 60.0) -> Status:
        """Waits until the transaction is in a block. Raises CommitStatusError after `timeout` s."""
        request = gateway.CommitStatusRequest(
            transaction_id=self.transaction_id,
            channel_id=self._channel,
            identity=self._gateway.identity.serialized,
        ).SerializeToString()
        signed = gateway.SignedCommitStatusRequest(
            request=request, signature=self._gateway.identity.sign(request)
        )
        response = self._gateway.transport.commit_status(signed, timeout)
        return Status(self.transaction_id, int(response.block_number), int(response.result))

    def require_valid(self, timeout: float | None = 60.0) -> Status:
        """The same; raises CommitError unless the transaction is valid."""
        status = self.status(timeout)
        if not status.valid:
            raise CommitError(status.name, transaction_id=self.transaction_id, block=status.block)
        return status


def _specified(number: int) -> Any:
    return orderer.SeekPosition(specified=orderer.SeekSpecified(number=number))
