"""A plain gRPC client of what is served: Fabric's stubs, and the bytes that a client signs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import grpc
from fabric_protos.discovery import protocol_pb2_grpc
from fabric_protos.gateway import gateway_pb2_grpc
from fabric_protos.orderer import ab_pb2_grpc
from fabric_protos.peer import events_pb2_grpc, peer_pb2_grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

from ufmi.ledger import Identity
from ufmi.ledger.proposals import build_proposal
from ufmi.ledger.protos import common, gateway, orderer, proposal, proposal_response

DEADLINE = 60


def channel(connection: Path, msp: str, address: str) -> grpc.Channel:
    """A TLS connection that trusts only what the connection folder names."""
    authority = (connection / msp / "tls-ca.pem").read_bytes()
    return grpc.secure_channel(
        address,
        grpc.ssl_channel_credentials(authority),
        [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )


class Client:
    """One member's calls to one organisation's peer and to the orderer."""

    def __init__(
        self, connection: Path, peer: tuple[str, str], orderer: tuple[str, str], name: str = ""
    ) -> None:
        msp = peer[0]
        prefix = f"{name}-" if name else ""
        folder = connection / msp
        self.identity = Identity.load(
            msp, folder / f"{prefix}cert.pem", folder / f"{prefix}key.pem"
        )
        self._peer = channel(connection, *peer)
        self._orderer = channel(connection, *orderer)
        self.gateway: Any = gateway_pb2_grpc.GatewayStub(self._peer)
        self.endorser: Any = peer_pb2_grpc.EndorserStub(self._peer)
        self.blocks: Any = events_pb2_grpc.DeliverStub(self._peer)
        self.discovery: Any = protocol_pb2_grpc.DiscoveryStub(self._peer)
        self.ordering: Any = ab_pb2_grpc.AtomicBroadcastStub(self._orderer)

    def close(self) -> None:
        self._peer.close()
        self._orderer.close()

    # -- proposals ----------------------------------------------------------------------------

    def propose(self, contract: str, *arguments: bytes, channel: str = "one") -> tuple[str, Any]:
        """Transaction id and SignedProposal."""
        tx_id, raw = build_proposal(
            self.identity, channel, contract, arguments, os.urandom(24), time.time_ns() // 1_000_000
        )
        return tx_id, proposal.SignedProposal(proposal_bytes=raw, signature=self.identity.sign(raw))

    def evaluate(self, *arguments: bytes, contract: str = "kv", channel: str = "one") -> bytes:
        tx_id, signed = self.propose(contract, *arguments, channel=channel)
        request = gateway.EvaluateRequest(
            transaction_id=tx_id, channel_id=channel, proposed_transaction=signed
        )
        return bytes(self.gateway.Evaluate(request, timeout=DEADLINE).result.payload)

    def endorse(
        self,
        *arguments: bytes,
        by: tuple[str, ...] = (),
        contract: str = "kv",
        channel: str = "one",
    ) -> tuple[str, Any]:
        """Transaction id and the envelope, signed by the client."""
        tx_id, signed = self.propose(contract, *arguments, channel=channel)
        request = gateway.EndorseRequest(
            transaction_id=tx_id,
            channel_id=channel,
            proposed_transaction=signed,
            endorsing_organizations=by,
        )
        envelope = self.gateway.Endorse(request, timeout=DEADLINE).prepared_transaction
        envelope.signature = self.identity.sign(envelope.payload)
        return tx_id, envelope

    def submit(self, tx_id: str, envelope: Any, channel: str = "one") -> None:
        request = gateway.SubmitRequest(
            transaction_id=tx_id, channel_id=channel, prepared_transaction=envelope
        )
        self.gateway.Submit(request, timeout=DEADLINE)

    def status_request(self, tx_id: str, channel: str = "one") -> Any:
        raw = gateway.CommitStatusRequest(
            transaction_id=tx_id, channel_id=channel, identity=self.identity.serialized
        ).SerializeToString()
        return gateway.SignedCommitStatusRequest(request=raw, signature=self.identity.sign(raw))

    def status(self, tx_id: str, channel: str = "one", timeout: float = DEADLINE) -> Any:
        return self.gateway.CommitStatus(self.status_request(tx_id, channel), timeout=timeout)

    def call(self, *arguments: bytes, **options: Any) -> tuple[str, Any]:
        """Endorses, submits and waits; the transaction id and the CommitStatusResponse."""
        tx_id, envelope = self.endorse(*arguments, **options)
        self.submit(tx_id, envelope, options.get("channel", "one"))
        return tx_id, self.status(tx_id, options.get("channel", "one"))

    def events(
        self, position: Any = None, after: str = "", contract: str = "kv", channel: str = "one"
    ) -> Any:
        """A stream of ChaincodeEventsResponse."""
        raw = gateway.ChaincodeEventsRequest(
            channel_id=channel,
            chaincode_id=contract,
            identity=self.identity.serialized,
            start_position=position,
            after_transaction_id=after,
        ).SerializeToString()
        signed = gateway.SignedChaincodeEventsRequest(
            request=raw, signature=self.identity.sign(raw)
        )
        return self.gateway.ChaincodeEvents(signed, timeout=DEADLINE)

    # -- one peer alone -----------------------------------------------------------------------

    def process(self, *arguments: bytes, contract: str = "kv", channel: str = "one") -> Any:
        """The ProposalResponse of this peer."""
        _, signed = self.propose(contract, *arguments, channel=channel)
        return self.endorser.ProcessProposal(signed, timeout=DEADLINE)

    # -- blocks -------------------------------------------------------------------------------

    def seek(
        self,
        start: Any,
        stop: Any,
        wait: bool = False,
        channel: str = "one",
        age_seconds: int = 0,
    ) -> Any:
        """A signed request for blocks."""
        behavior = (
            orderer.SeekInfo.BLOCK_UNTIL_READY if wait else orderer.SeekInfo.FAIL_IF_NOT_READY
        )
        seek = orderer.SeekInfo(start=start, stop=stop, behavior=behavior)
        header = common.ChannelHeader(type=5, channel_id=channel)
        header.timestamp.seconds = int(time.time()) - age_seconds
        payload = common.Payload(
            header=common.Header(
                channel_header=header.SerializeToString(),
                signature_header=common.SignatureHeader(
                    creator=self.identity.serialized, nonce=os.urandom(24)
                ).SerializeToString(),
            ),
            data=seek.SerializeToString(),
        ).SerializeToString()
        return common.Envelope(payload=payload, signature=self.identity.sign(payload))


def at(number: int) -> Any:
    return orderer.SeekPosition(specified=orderer.SeekSpecified(number=number))


OLDEST = orderer.SeekPosition(oldest=orderer.SeekOldest())
NEWEST = orderer.SeekPosition(newest=orderer.SeekNewest())
NEXT = orderer.SeekPosition(next_commit=orderer.SeekNextCommit())


def _status_class() -> Any:
    """`google.rpc.Status`, from its published definition and not from our encoder."""
    file = descriptor_pb2.FileDescriptorProto(
        name="test/status.proto",
        package="test.rpc",
        syntax="proto3",
        dependency=["google/protobuf/any.proto"],
    )
    message = file.message_type.add(name="Status")
    kinds = descriptor_pb2.FieldDescriptorProto
    for number, (name, kind) in enumerate(
        [("code", kinds.TYPE_INT32), ("message", kinds.TYPE_STRING)], 1
    ):
        message.field.add(name=name, number=number, type=kind, label=kinds.LABEL_OPTIONAL)
    message.field.add(
        name="details",
        number=3,
        type=kinds.TYPE_MESSAGE,
        label=kinds.LABEL_REPEATED,
        type_name=".google.protobuf.Any",
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("test.rpc.Status"))


_STATUS = _status_class()


def details(error: grpc.RpcError) -> list[tuple[str, str, str]]:
    """Address, organisation and message of every node in an error's status details."""
    trailers = dict(error.trailing_metadata())
    status = _STATUS.FromString(trailers["grpc-status-details-bin"])
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    found = []
    for packed in status.details:
        assert packed.type_url == "type.googleapis.com/gateway.ErrorDetail"
        one = gateway.ErrorDetail.FromString(packed.value)
        found.append((one.address, one.msp_id, one.message))
    return found


def result_of(response: Any) -> Any:
    """The ChaincodeAction that a peer endorsed."""
    payload = proposal_response.ProposalResponsePayload.FromString(response.payload)
    return proposal.ChaincodeAction.FromString(payload.extension)
