"""Real Fabric networks: the client's way to a peer, and the server that runs contracts for peers.

with connect(Path("connection"), "OperatorMSP") as gateway:
    gateway.network("udl").contract("udl").evaluate("describe")
"""

from __future__ import annotations

from pathlib import Path

from ufmi.ledger.connection import Connection, Endpoint
from ufmi.ledger.fabric.aio import AsyncGrpcTransport, connect_async
from ufmi.ledger.fabric.calls import LIMITS, Limits
from ufmi.ledger.fabric.ledger import FabricLedger
from ufmi.ledger.fabric.transport import GrpcTransport
from ufmi.ledger.gateway import Gateway
from ufmi.ledger.identity import Identity

__all__ = [
    "AsyncGrpcTransport",
    "connect_async",
    "Connection",
    "Endpoint",
    "FabricLedger",
    "GrpcTransport",
    "Limits",
    "connect",
]


def connect(
    folder: Path | str, msp: str, identity: Identity | None = None, limits: Limits = LIMITS
) -> Gateway:
    """A gateway through the peer of an organisation; close it, or use it as a context manager.

    Args:
        folder: a connection folder, as `ufmi network up` and `ufmi ledger serve` write it.
        msp: the organisation, by its MSP id.
        identity: whose calls these are; the organisation's client in the folder if not given.

    Raises:
        NotFound, AccessDenied: the folder does not have what is needed.
    """
    connection = Connection(Path(folder))
    transport = GrpcTransport(connection.peer(msp), limits=limits)
    return Gateway(transport, identity or connection.identity(msp))
