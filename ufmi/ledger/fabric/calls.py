"""The services of a peer that a client calls, and how a connection to it is set up."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from fabric_protos.gateway import gateway_pb2_grpc
from fabric_protos.peer import events_pb2_grpc

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
