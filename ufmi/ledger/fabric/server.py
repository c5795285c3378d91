"""The server that runs a contract for peers: Fabric's chaincode as a service.

A peer connects, opens one stream, and sends its transactions over it. Several peers may share a
server; each has a stream, and where one breaks, the peer opens another.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from ufmi.contract import Contract
from ufmi.errors import LedgerError
from ufmi.ledger.fabric.grpcserver import GrpcConnection, listen
from ufmi.ledger.fabric.metrics import Metrics
from ufmi.ledger.fabric.session import Session
from ufmi.system import Clock, SystemClock

GRACE_SECONDS = 5.0
# How long a client may take to read the end, before it is cut off.
GOODBYE_SECONDS = 1.0
_PATH = "/protos.Chaincode/Connect"
_PAUSE_SECONDS = 0.02

_log = structlog.get_logger("ufmi.chaincode")


@dataclass(frozen=True)
class ServerTls:
    """Files in PEM: the server's key and certificate, and the CA of the clients that it takes."""

    key: Path
    certificate: Path
    client_authority: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Raises OSError or ssl.SSLError where a file cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(self.certificate, self.key)
        if self.client_authority is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.client_authority)
        return context


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
        self._server: asyncio.Server | None = None
        self._sessions: set[Session] = set()
        self._connections: set[GrpcConnection] = set()
        self.metrics = Metrics(contract.name, self._in_flight, lambda: len(self._sessions))

    def _in_flight(self) -> int:
        return sum(session.in_flight for session in self._sessions)

    async def start(self) -> int:
        """Begins to serve; returns the port. Raises LedgerError if it cannot."""
        host, _, port = self._address.rpartition(":")
        try:
            tls = self._tls.context() if self._tls else None
            self._server = await listen(
                host, int(port), _PATH, self._converse, tls, self._connections
            )
        except (OSError, ValueError, OverflowError) as problem:
            raise LedgerError(
                f"{self._address} cannot be served: {problem}",
                hint="Another process may have the port",
            ) from problem
        _log.info("serving", contract=self._contract.name, address=self._address)
        return int(self._server.sockets[0].getsockname()[1])

    def _converse(self) -> Session:
        session = Session(
            self._contract,
            self._package_id,
            self._clock.now_ms if self._skew_ms else None,
            self._skew_ms,
            self.metrics.ended,
            self._sessions.discard,
        )
        self._sessions.add(session)
        return session

    async def stop(self) -> None:
        """Takes nobody new, lets transactions under way end for a while, and ends."""
        if self._server is None:
            return
        self._server.close()
        await _until(lambda: not self._in_flight(), GRACE_SECONDS)
        for connection in list(self._connections):
            connection.end()
        await _until(lambda: not self._connections, GOODBYE_SECONDS)
        for connection in list(self._connections):
            connection.abort()
        await _until(lambda: not self._connections, GOODBYE_SECONDS)
        await self._server.wait_closed()


async def _until(done: Callable[[], bool], seconds: float) -> None:
    """Waits until it is done, or so long."""
    now = asyncio.get_running_loop().time
    deadline = now() + seconds
    while not done() and now() < deadline:
        await asyncio.sleep(_PAUSE_SECONDS)
