"""The server that runs a contract for peers: Fabric's chaincode as a service.

A peer connects, opens one stream, and sends its transactions over it. Several peers may share a
server; each has a stream, and where one breaks, the peer opens another.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import structlog
from fabric_protos.peer import chaincode_shim_pb2_grpc

from ufmi.contract import Contract
from ufmi.errors import LedgerError
from ufmi.ledger.fabric.calls import MESSAGE_BYTES_MAX
from ufmi.ledger.fabric.metrics import Metrics
from ufmi.ledger.fabric.session import Session
from ufmi.system import Clock, SystemClock

GRACE_SECONDS = 5.0

_log = structlog.get_logger("ufmi.chaincode")


@dataclass(frozen=True)
class ServerTls:
    """The server's key and certificate, and the CA of the clients that it takes (all PEM)."""

    key: bytes
    certificate: bytes
    client_authority: bytes | None = None


class ChaincodeServer:
    """Serves one contract at one address.

    server = ChaincodeServer(Parcels(), "parcels:5f…", "127.0.0.1:9999")
    await server.start(); …; await server.stop()

    Args:
        package_id: what `peer lifecycle chaincode install` gave the package.
        skew_seconds: how far a transaction's time may be from this clock; 0 for any.
    """

    def __init__(
        self,
        contract: Contract,
        package_id: str,
        address: str,
        *,
        tls: ServerTls | None = None,
        clock: Clock | None = None,
        skew_seconds: int = 60,
    ) -> None:
        self._contract = contract
        self._package_id = package_id
        self._address = address
        self._tls = tls
        self._clock = clock or SystemClock()
        self._skew_ms = skew_seconds * 1000
        self._server: Any = None
        self._sessions: set[Session] = set()
        self.metrics = Metrics(contract.name, self._in_flight)

    def _in_flight(self) -> int:
        return sum(session.in_flight for session in self._sessions)

    async def start(self) -> int:
        """Begins to serve; returns the port. Raises LedgerError if it cannot be had."""
        service = _Service(self)
        self._server = grpc.aio.server(options=_options())
        add: Any = chaincode_shim_pb2_grpc.add_ChaincodeServicer_to_server
        add(service, self._server)
        try:
            if self._tls is None:
                port = self._server.add_insecure_port(self._address)
            else:
                port = self._server.add_secure_port(self._address, _credentials(self._tls))
        except RuntimeError as problem:
            raise LedgerError(
                f"{self._address} cannot be listened on: {problem}",
                hint="Another process may have the port",
            ) from problem
        await self._server.start()
        _log.info("serving", contract=self._contract.name, address=self._address)
        return int(port)

    async def stop(self) -> None:
        """Lets streams end, and stops."""
        await self._server.stop(GRACE_SECONDS)

    async def wait(self) -> None:
        """Returns when the server has stopped."""
        await self._server.wait_for_termination()

    async def converse(self, incoming: AsyncIterator[Any], outgoing: Any) -> None:
        """One peer's stream, from REGISTER until it breaks."""
        session = Session(
            self._contract,
            self._package_id,
            self._clock.now_ms if self._skew_ms else None,
            self._skew_ms,
            self.metrics.ended,
        )
        self._sessions.add(session)
        self.metrics.peers.inc()
        try:
            await outgoing.write(session.register())
            async for message in incoming:
                said = session.answer(message)
                if said is not None:
                    await outgoing.write(said)
        finally:
            session.close()
            self._sessions.discard(session)
            self.metrics.peers.dec()


class _Service:
    """The gRPC service `protos.Chaincode`."""

    def __init__(self, server: ChaincodeServer) -> None:
        self._server = server

    async def Connect(self, incoming: AsyncIterator[Any], context: Any) -> None:  # noqa: N802
        try:
            await self._server.converse(incoming, context)
        except asyncio.CancelledError:
            _log.info("a peer has gone", peer=context.peer())
            raise


def _credentials(tls: ServerTls) -> Any:
    return grpc.ssl_server_credentials(
        [(tls.key, tls.certificate)],
        root_certificates=tls.client_authority,
        require_client_auth=tls.client_authority is not None,
    )


def _options() -> list[tuple[str, int]]:
    """Peers send life signs more often than gRPC permits unless it is told so."""
    return [
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.so_reuseport", 0),
    ]
