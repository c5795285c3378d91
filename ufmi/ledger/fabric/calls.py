"""The services of a peer that a client calls, and how a connection to it is set up."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any

import grpc
from fabric_protos.gateway import gateway_pb2_grpc
from fabric_protos.peer import events_pb2_grpc

from ufmi.errors import AccessDenied, ConnectionLost, LedgerError, NotFound
from ufmi.ledger.protos import common

MESSAGE_BYTES_MAX = 100 * 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """How long a call may take (seconds), how many may be under way, how often it is tried."""

    evaluate_seconds: float = 30.0
    endorse_seconds: float = 60.0
    submit_seconds: float = 60.0
    # A peer refuses more than 500 at once unless it is told otherwise.
    in_flight: int = 400
    # Evaluations and endorsements change nothing, so a lost one is asked again.
    tries: int = 3


LIMITS = Limits()
PAUSE_SECONDS = 0.1


def pause(attempt: int) -> float:
    """Seconds before the next try, spread out so that clients do not come back all at once."""
    return float(PAUSE_SECONDS * 2**attempt * (0.5 + random.random() / 2))


def worth_another_try(
    problem: LedgerError, attempt: int, limits: Limits, deadline: float | None
) -> bool:
    """Whether a call that changes nothing is made again after it failed so often."""
    lost = problem.grpc_code == grpc.StatusCode.UNAVAILABLE.name
    in_time = deadline is None or time.monotonic() < deadline
    return lost and in_time and attempt < limits.tries


def left(deadline: float | None) -> float | None:
    """Seconds until a deadline, if there is one."""
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def ended(peer: str) -> ConnectionLost:
    """The error for a stream that ended without a word although there is always more to come."""
    return ConnectionLost(f"{peer} ended the stream")


def raise_refused(peer: str, status: int) -> None:
    """Raises for the status that ends a stream of blocks, unless it ended as asked."""
    if status == common.SUCCESS:
        return
    name = common.Status.Name(status)
    if status == common.SERVICE_UNAVAILABLE:
        raise ConnectionLost(f"{peer} gives no blocks now: {name}")
    kind = {common.NOT_FOUND: NotFound, common.FORBIDDEN: AccessDenied}.get(status, LedgerError)
    raise kind(f"{peer} gives no blocks: {name}")


def channel_options() -> list[tuple[str, int]]:
    """Options of a connection: large messages, and life signs while nothing is sent."""
    return [
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.min_reconnect_backoff_ms", 200),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 2_000),
    ]


def stubs(channel: Any) -> tuple[Any, Any]:
    """The Gateway and Deliver services over a connection of either kind."""
    gateway: Any = gateway_pb2_grpc.GatewayStub
    deliver: Any = events_pb2_grpc.DeliverStub
    return gateway(channel), deliver(channel)
