"""The servers: a port for each organisation's peer and one for the orderer, in one event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio

from ufmi.errors import LedgerError
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.embedded.serve.deliver import Deliver
from ufmi.ledger.embedded.serve.discovery import Discovery
from ufmi.ledger.embedded.serve.endorser import Endorser
from ufmi.ledger.embedded.serve.gateway import EndorserService, Gateway
from ufmi.ledger.embedded.serve.limits import Limit, Limits
from ufmi.ledger.embedded.serve.messages import (
    discovery_service,
    endorser_service,
    events_service,
    gateway_service,
    orderer_service,
)
from ufmi.ledger.embedded.serve.ordering import AtomicBroadcast
from ufmi.ledger.embedded.serve.places import Place, Places, address, check_ports, why_not
from ufmi.ledger.embedded.serve.work import Work

GRACE_SECONDS = 2.0
PEER, ORDERER = "peer0", "orderer"
_HOSTS = ("localhost", "127.0.0.1")


class Server:
    """An embedded ledger, served. Use it as a context manager, or `start` and `stop` it."""

    def __init__(
        self,
        ledger: EmbeddedLedger,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: Limits | None = None,
    ) -> None:
        """Prepares to serve on consecutive ports from `port` on; on free ones if it is 0."""
        self.ledger = ledger
        self._host = host
        self._port = port
        self.limits = limits or Limits()
        self._work = Work(ledger)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="ufmi-serve", daemon=True
        )
        self._servers: list[Any] = []
        self._running = False
        self._places: Places | None = None

    @property
    def places(self) -> Places:
        """What is served where, once it is."""
        if self._places is None:
            raise LedgerError("the ledger is not served yet")
        return self._places

    def start(self) -> None:
        """Listens.

        Raises:
            UsageError: there are not so many ports.
            LedgerError: a port cannot be had; it says which and why.
        """
        shape = self.ledger.topology
        members = [(msp, PEER) for msp in shape.organisations] + [(shape.orderer, ORDERER)]
        check_ports(self._port, len(members))
        for msp, node in members:
            # Anew at every start: the host may be another one.
            hosts = tuple(dict.fromkeys((*_HOSTS, self._host)))
            self.ledger.organisation(msp).enrol_tls(node, hosts)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._start(members), self._loop).result()
        except BaseException:
            self.stop(0)
            raise

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Takes no more calls, gives those that run a moment, and ends. The ledger stays open."""
        if self._loop.is_closed():
            return
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._stop(grace), self._loop).result()
        # What still runs in a thread notifies the loop at its end, so the loop ends last.
        self._work.stop()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def _start(self, members: Sequence[tuple[str, str]]) -> None:
        self._work.start()
        places = []
        for at, (msp, node) in enumerate(members):
            server = self._new()
            port = self._listen(server, msp, node, self._port + at if self._port else 0)
            places.append(Place(msp, f"{node}.{msp}", self._host, port))
            self._servers.append(server)
        self._places = Places(tuple(places[:-1]), places[-1])
        for place, server in zip(self._places.peers, self._servers, strict=False):
            self._add_peer(server, place)
        orderer_service.add_AtomicBroadcastServicer_to_server(
            AtomicBroadcast(self._work, Limit("orderer.AtomicBroadcast", self.limits.orderer)),
            self._servers[-1],
        )
        await self._run()

    async def _run(self) -> None:
        self._running = True
        for server in self._servers:
            await server.start()

    def _listen(self, server: Any, msp: str, node: str, port: int) -> int:
        """The port that a server got."""
        credentials = grpc.ssl_server_credentials([self.ledger.organisation(msp).tls(node)])
        try:
            return int(server.add_secure_port(address(self._host, port), credentials))
        except RuntimeError as problem:
            raise why_not(self._host, port) from problem

    def _add_peer(self, server: Any, place: Place) -> None:
        limits, work = self.limits, self._work
        endorser = Endorser(self.ledger, place)
        gateway_service.add_GatewayServicer_to_server(
            Gateway(work, endorser, self.places, Limit("gateway.Gateway", limits.gateway)), server
        )
        endorser_service.add_EndorserServicer_to_server(
            EndorserService(work, endorser, Limit("protos.Endorser", limits.endorser)), server
        )
        events_service.add_DeliverServicer_to_server(
            Deliver(work, place, Limit("protos.Deliver", limits.deliver)), server
        )
        discovery_service.add_DiscoveryServicer_to_server(
            Discovery(work, self.places, place, Limit("discovery.Discovery", limits.discovery)),
            server,
        )

    def _new(self) -> Any:
        limits = self.limits
        return grpc.aio.server(
            options=[
                # Two processes on one port would each get some of the calls.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", limits.message_bytes),
                ("grpc.max_send_message_length", limits.message_bytes),
                ("grpc.max_concurrent_streams", limits.streams),
                # Fabric's clients ping often, and must not be cut off for it.
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),
                ("grpc.http2.max_ping_strikes", 0),
            ]
        )

    async def _stop(self, grace: float) -> None:
        if not self._running:
            await self._run()  # a server that never ran would keep its port
        self._work.end_waiting()
        await asyncio.gather(*(server.stop(grace) for server in self._servers))
