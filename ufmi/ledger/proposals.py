"""Proposals and transactions of Fabric: how they are put together and taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ufmi.errors import LedgerError
from ufmi.ledger.identity import Identity, sha256
from ufmi.ledger.protos import (
    ENDORSER_TRANSACTION,
    chaincode,
    common,
    proposal,
    proposal_response,
    transaction,
)
from ufmi.ledger.wire import field


class Malformed(LedgerError):
    """Bytes that are not what they should be. `status` is Fabric's validation code by name."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


def transaction_id(nonce: bytes, creator: bytes) -> str:
    """Fabric's transaction id."""
    return sha256(nonce + creator).hex()


def build_proposal(
    identity: Identity,
    channel: str,
    contract: str,
    arguments: Sequence[bytes],
    nonce: bytes,
    time_ms: int,
) -> tuple[str, bytes]:
    """Transaction id and bytes of a `Proposal`."""
    tx_id = transaction_id(nonce, identity.serialized)
    name = chaincode.ChaincodeID(name=contract)
    channel_header = common.ChannelHeader(
        type=ENDORSER_TRANSACTION,
        channel_id=channel,
        tx_id=tx_id,
        extension=proposal.ChaincodeHeaderExtension(chaincode_id=name).SerializeToString(),
    )
    channel_header.timestamp.seconds = time_ms // 1000
    channel_header.timestamp.nanos = time_ms % 1000 * 1_000_000
    header = common.Header(
        channel_header=channel_header.SerializeToString(),
        signature_header=common.SignatureHeader(
            creator=identity.serialized, nonce=nonce
        ).SerializeToString(),
    )
    call = chaincode.ChaincodeInvocationSpec(
        chaincode_spec=chaincode.ChaincodeSpec(
            type=chaincode.ChaincodeSpec.NODE,
            chaincode_id=name,
            input=chaincode.ChaincodeInput(args=arguments),
        )
    )
    payload = proposal.ChaincodeProposalPayload(input=call.SerializeToString())
    whole = proposal.Proposal(
        header=header.SerializeToString(), payload=payload.SerializeToString()
    )
    return tx_id, bytes(whole.SerializeToString())


def proposal_hash(header: Any, payload: bytes) -> bytes:
    """Fabric's hash of a proposal: its two headers and what is public of its payload."""
    return sha256(header.channel_header + header.signature_header + payload)


@dataclass(frozen=True)
class Call:
    """What a proposal asks for."""

    channel: str
    tx_id: str
    time_ms: int
    creator: bytes
    contract: str
    function: str
    arguments: tuple[bytes, ...]
    header: Any
    payload: bytes  # ChaincodeProposalPayload

    @property
    def digest(self) -> bytes:
        """Fabric's proposal hash, which every endorsement carries."""
        return proposal_hash(self.header, self.payload)


def read_proposal(raw: bytes) -> Call:
    """Takes a `Proposal` apart. Raises Malformed."""
    try:
        whole = proposal.Proposal.FromString(raw)
        header = common.Header.FromString(whole.header)
        channel_header, signature_header = read_headers(header)
        extension = proposal.ChaincodeHeaderExtension.FromString(channel_header.extension)
        payload = proposal.ChaincodeProposalPayload.FromString(whole.payload)
        call = chaincode.ChaincodeInvocationSpec.FromString(payload.input)
    except Malformed:
        raise
    except Exception as problem:
        raise Malformed("BAD_PAYLOAD", f"the proposal cannot be read: {problem}") from problem
    arguments = tuple(call.chaincode_spec.input.args)
    if not arguments:
        raise Malformed("BAD_PAYLOAD", "the proposal names no function")
    # What stays private never enters a transaction.
    payload.ClearField("TransientMap")
    return Call(
        channel=channel_header.channel_id,
        tx_id=channel_header.tx_id,
        time_ms=_milliseconds(channel_header.timestamp),
        creator=signature_header.creator,
        contract=extension.chaincode_id.name,
        function=arguments[0].decode("utf-8", "replace"),
        arguments=arguments[1:],
        header=header,
        payload=payload.SerializeToString(),
    )


def read_headers(header: Any) -> tuple[Any, Any]:
    """Channel header and signature header, checked against each other. Raises Malformed."""
    try:
        channel_header = common.ChannelHeader.FromString(header.channel_header)
        signature_header = common.SignatureHeader.FromString(header.signature_header)
    except Exception as problem:
        raise Malformed("BAD_COMMON_HEADER", "the header cannot be read") from problem
    if not signature_header.nonce or not signature_header.creator:
        raise Malformed("BAD_COMMON_HEADER", "the header has no nonce or no creator")
    if channel_header.type == ENDORSER_TRANSACTION:
        expected = transaction_id(signature_header.nonce, signature_header.creator)
        if channel_header.tx_id != expected:
            raise Malformed("BAD_PROPOSAL_TXID", "the transaction id is not the hash it must be")
    return channel_header, signature_header


def response_payload(
    call: Call, results: bytes, response: Any, event: bytes, version: str
) -> bytes:
    """What endorsers sign: a `ProposalResponsePayload`."""
    name = chaincode.ChaincodeID(name=call.contract, version=version).SerializeToString()
    action = field(1, [results])
    if event:
        action += field(2, [event])
    action += field(3, [response.SerializeToString()]) + field(4, [name])
    return b"".join(field(1, [call.digest]) + field(2, action))


def transaction_payload(call: Call, endorsed: bytes, endorsements: Sequence[Any]) -> bytes:
    """What the creator signs: the `Payload` of an endorser transaction."""
    action = field(1, [endorsed])
    for endorsement in endorsements:
        action += field(2, [endorsement.SerializeToString()])
    whole = field(1, [call.payload]) + field(2, action)
    one = field(1, [call.header.signature_header]) + field(2, whole)
    return b"".join(field(1, [call.header.SerializeToString()]) + field(2, field(1, one)))


@dataclass(frozen=True)
class Endorsed:
    """An endorsed transaction taken apart."""

    channel_header: Any
    creator: bytes
    proposal_payload: bytes
    endorsed: bytes  # ProposalResponsePayload
    endorsements: tuple[Any, ...]
    proposal_hash: bytes
    header: Any
    action: Any  # ChaincodeAction

    @property
    def expected_hash(self) -> bytes:
        """What the endorsers' proposal hash must be."""
        return proposal_hash(self.header, self.proposal_payload)

    @property
    def tx_id(self) -> str:
        return str(self.channel_header.tx_id)

    @property
    def time_ms(self) -> int:
        return _milliseconds(self.channel_header.timestamp)

    @property
    def arguments(self) -> tuple[bytes, ...]:
        """The function's name and its arguments."""
        payload = proposal.ChaincodeProposalPayload.FromString(self.proposal_payload)
        call = chaincode.ChaincodeInvocationSpec.FromString(payload.input)
        return tuple(call.chaincode_spec.input.args)


def read_transaction(payload: Any) -> Endorsed:
    """Takes the `Payload` of an endorser transaction apart. Raises Malformed."""
    channel_header, signature_header = read_headers(payload.header)
    try:
        whole = transaction.Transaction.FromString(payload.data)
        if len(whole.actions) != 1:
            raise Malformed("NIL_TXACTION", "a transaction has exactly one action")
        action = transaction.ChaincodeActionPayload.FromString(whole.actions[0].payload)
        endorsed = action.action.proposal_response_payload
        response = proposal_response.ProposalResponsePayload.FromString(endorsed)
        outcome = proposal.ChaincodeAction.FromString(response.extension)
    except Malformed:
        raise
    except Exception as problem:
        raise Malformed("BAD_PAYLOAD", f"the transaction cannot be read: {problem}") from problem
    return Endorsed(
        channel_header=channel_header,
        creator=signature_header.creator,
        proposal_payload=action.chaincode_proposal_payload,
        endorsed=endorsed,
        endorsements=tuple(action.action.endorsements),
        proposal_hash=response.proposal_hash,
        header=payload.header,
        action=outcome,
    )


def _milliseconds(timestamp: Any) -> int:
    return int(timestamp.seconds * 1000 + timestamp.nanos // 1_000_000)
