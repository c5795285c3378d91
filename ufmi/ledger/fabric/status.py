"""What a failed call to a peer becomes: an error of ours with every node's own message."""

from __future__ import annotations

from typing import Any, TypeVar

import grpc
from google.rpc import status_pb2

from ufmi.errors import ConnectionLost, LedgerError, NodeMessage, TooManyRequests
from ufmi.ledger.protos import gateway

_DETAILS = "grpc-status-details-bin"
# The peer was not reached, or broke off: what it was doing for us is not known.
_LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL)
# What a peer says at its limit, without a code of its own.
_TOO_MANY = "exceeding concurrency limit"
# What gRPC says with that code of a message that will never pass.
_TOO_LARGE = "larger than max"
# A peer whose ledger closes ends a stream so; of a single call it is what the contract says.
_STREAM_LOST = (*_LOST, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.ABORTED)
# What passes by itself: peers that stand at different heights for a moment; a peer that has just
# started and does not know the others yet.
_PASSING = ("ProposalResponsePayloads do not match", "no combination of peers can be derived")

# What a peer says where it cannot reach the chaincode's server, or lost it in the middle; but
# not where the server itself says that it failed.
_NOT_EXECUTED = "failed to execute transaction"
_SERVER_FAILED = "transaction returned with failure"

_Kind = TypeVar("_Kind", bound=LedgerError)


def node_messages(trailers: Any) -> tuple[NodeMessage, ...]:
    """The details of an error: one message a node, with its address and organisation."""
    for key, value in trailers or ():
        if key == _DETAILS:
            found = status_pb2.Status.FromString(value)
            messages = []
            for one in found.details:
                detail = gateway.ErrorDetail()
                if one.Unpack(detail):
                    messages.append(NodeMessage(detail.address, detail.msp_id, detail.message))
            return tuple(messages)
    return ()


def call_failed(kind: type[_Kind], problem: Any, peer: str, tx_id: str) -> LedgerError:
    """The error for a unary call that failed.

    TooManyRequests where the peer refused for its limit of concurrent calls; else `kind`, which
    can be tried again where the peer was not reached, or peers stood at different heights.
    """
    code = problem.code()
    nodes = node_messages(problem.trailing_metadata())
    said = "; ".join(
        dict.fromkeys([str(problem.details()), *(f"{one.msp}: {one.message}" for one in nodes)])
    )
    message = f"{peer}: {code.name}: {said}"
    exhausted = code is grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE not in said
    if exhausted or _TOO_MANY in said:
        refused = TooManyRequests(message, transaction_id=tx_id)
        refused.nodes, refused.grpc_code = nodes, code.name
        return refused
    no_server = _NOT_EXECUTED in said and _SERVER_FAILED not in said
    retryable = code in _LOST or no_server or any(text in said for text in _PASSING)
    failed = kind(message, transaction_id=tx_id, retryable=retryable or None)
    failed.nodes, failed.grpc_code = nodes, code.name
    return failed


def stream_failed(problem: Any, peer: str) -> LedgerError:
    """The error for a stream that broke: ConnectionLost where it can be opened again."""
    code = problem.code()
    message = f"{peer}: {code.name}: {problem.details()}"
    kind = ConnectionLost if code in _STREAM_LOST else LedgerError
    failed = kind(message)
    failed.grpc_code = code.name
    return failed
