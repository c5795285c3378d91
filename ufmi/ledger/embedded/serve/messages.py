"""The messages and service stubs that only serving needs, in one place."""

from __future__ import annotations

from typing import Any

from fabric_protos.common import ledger_pb2
from fabric_protos.discovery import protocol_pb2, protocol_pb2_grpc
from fabric_protos.gateway import gateway_pb2_grpc
from fabric_protos.gossip import message_pb2
from fabric_protos.orderer import ab_pb2_grpc
from fabric_protos.peer import (
    events_pb2,
    events_pb2_grpc,
    peer_pb2_grpc,
    policy_pb2,
    query_pb2,
)
from fabric_protos.peer.lifecycle import lifecycle_pb2

# The generated modules carry no types.
chain: Any = ledger_pb2
discovery: Any = protocol_pb2
discovery_service: Any = protocol_pb2_grpc
gateway_service: Any = gateway_pb2_grpc
gossip: Any = message_pb2
orderer_service: Any = ab_pb2_grpc
events: Any = events_pb2
events_service: Any = events_pb2_grpc
endorser_service: Any = peer_pb2_grpc
application_policy: Any = policy_pb2
query: Any = query_pb2
lifecycle: Any = lifecycle_pb2
