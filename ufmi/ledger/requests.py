"""The requests of Fabric's Gateway service, put together and signed: pure, for every client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ufmi.ledger.identity import Identity
from ufmi.ledger.proposals import transaction_id
from ufmi.ledger.protos import (
    VALID,
    common,
    gateway,
    orderer,
    proposal,
    validation_name,
)

NONCE_BYTES = 24
_DELIVER_SEEK_INFO = 5
_NEWEST = 2**64 - 1


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


@dataclass(frozen=True)
class ChaincodeEvent:
    """The event of one valid transaction."""

    block: int
    transaction_id: str
    name: str
    payload: bytes


def evaluate_request(
    tx_id: str, channel: str, raw: bytes, signature: bytes, organisations: Sequence[str]
) -> Any:
    """EvaluateRequest."""
    return gateway.EvaluateRequest(
        transaction_id=tx_id,
        channel_id=channel,
        proposed_transaction=proposal.SignedProposal(proposal_bytes=raw, signature=signature),
        target_organizations=organisations,
    )


def endorse_request(
    tx_id: str, channel: str, raw: bytes, signature: bytes, organisations: Sequence[str]
) -> Any:
    """EndorseRequest."""
    return gateway.EndorseRequest(
        transaction_id=tx_id,
        channel_id=channel,
        proposed_transaction=proposal.SignedProposal(proposal_bytes=raw, signature=signature),
        endorsing_organizations=organisations,
    )


def submit_request(tx_id: str, channel: str, envelope: Any) -> Any:
    """SubmitRequest."""
    return gateway.SubmitRequest(
        transaction_id=tx_id, channel_id=channel, prepared_transaction=envelope
    )


def commit_status_bytes(identity: Identity, channel: str, tx_id: str) -> bytes:
    """What is signed to ask for a transaction's status."""
    return bytes(
        gateway.CommitStatusRequest(
            transaction_id=tx_id, channel_id=channel, identity=identity.serialized
        ).SerializeToString()
    )


def commit_status_request(raw: bytes, signature: bytes) -> Any:
    """SignedCommitStatusRequest."""
    return gateway.SignedCommitStatusRequest(request=raw, signature=signature)


def status_of(tx_id: str, response: Any) -> Status:
    """The status that a CommitStatusResponse tells."""
    return Status(tx_id, int(response.block_number), int(response.result))


def events_request(identity: Identity, channel: str, contract: str, start: int, after: str) -> Any:
    """SignedChaincodeEventsRequest, from a block on and after a transaction of it."""
    raw = gateway.ChaincodeEventsRequest(
        channel_id=channel,
        chaincode_id=contract,
        identity=identity.serialized,
        start_position=_specified(start),
        after_transaction_id=after,
    ).SerializeToString()
    return gateway.SignedChaincodeEventsRequest(request=raw, signature=identity.sign(raw))


def events_of(response: Any) -> list[ChaincodeEvent]:
    """The events that a ChaincodeEventsResponse holds."""
    return [
        ChaincodeEvent(int(response.block_number), event.tx_id, event.event_name, event.payload)
        for event in response.events
    ]


def seek_blocks(
    identity: Identity, channel: str, start: int, stop: int | None, nonce: bytes, now_ms: int
) -> Any:
    """A signed `Envelope` that asks for blocks as they come, without end if there is no stop."""
    return _seek(
        identity,
        channel,
        orderer.SeekInfo(
            start=_specified(start),
            stop=_specified(_NEWEST if stop is None else stop),
            behavior=orderer.SeekInfo.BLOCK_UNTIL_READY,
        ),
        nonce,
        now_ms,
    )


def seek_past_blocks(
    identity: Identity, channel: str, start: int, nonce: bytes, now_ms: int
) -> Any:
    """A signed `Envelope` that asks for the blocks that are there."""
    newest = orderer.SeekPosition(newest=orderer.SeekNewest())
    seek = orderer.SeekInfo(start=_specified(start), stop=newest)
    return _seek(identity, channel, seek, nonce, now_ms)


def seek_newest(identity: Identity, channel: str, nonce: bytes, now_ms: int) -> Any:
    """A signed `Envelope` that asks for the newest block."""
    newest = orderer.SeekPosition(newest=orderer.SeekNewest())
    seek = orderer.SeekInfo(start=newest, stop=newest)
    return _seek(identity, channel, seek, nonce, now_ms)


def _seek(identity: Identity, channel: str, seek: Any, nonce: bytes, now_ms: int) -> Any:
    channel_header = common.ChannelHeader(
        type=_DELIVER_SEEK_INFO,
        channel_id=channel,
        tx_id=transaction_id(nonce, identity.serialized),
    )
    channel_header.timestamp.FromMilliseconds(now_ms)
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


def _specified(number: int) -> Any:
    return orderer.SeekPosition(specified=orderer.SeekSpecified(number=number))
