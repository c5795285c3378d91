"""The servers: a port for each organisation's peer and one for the orderer, in one event loop."""

from __future__ import annotations

import asyncio
import threading
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
from ufmi.ledger.embedded.serve.places import Place, Places, port_taken
from ufmi.ledger.embedded.serve.work import Work

GRACE_SECONDS = 2.0
_HOSTS = ("localhost", "127.0.0.1")


class Server:
    """An embedded ledger, served. Use it as a context manager, or `start` and `stop` it."""

    def __init__(
        self, ledger: EmbeddedLedger, places: Places, limits: Limits | None = None
    ) -> None:
        self.ledger = ledger
        self.places = places
        self.limits = limits or Limits()
        self._work = Work(ledger)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="ufmi-serve", daemon=True
        )
        self._servers: list[Any] = []

    def start(self) -> None:
        """Listens. Raises LedgerError if a port cannot be had."""
        for place in self.places.all:
            self._certify(place)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
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

    def _certify(self, place: Place) -> None:
        """A certificate for the place, anew at every start: the host may be another one."""
        hosts = tuple(dict.fromkeys((*_HOSTS, place.host)))
        self.ledger.organisation(place.msp).enrol_tls(_node(place), hosts)

    async def _start(self) -> None:
        self._work.start()
        for place in self.places.peers:
            await self._open(place, self._peer(place))
        orderer = self._new()
        orderer_service.add_AtomicBroadcastServicer_to_server(
            AtomicBroadcast(self._work, Limit("orderer.AtomicBroadcast", self.limits.orderer)),
            orderer,
        )
        await self._open(self.places.orderer, orderer)

    def _peer(self, place: Place) -> Any:
        limits, work = self.limits, self._work
        server = self._new()
        endorser = Endorser(self.ledger, place)
        gateway_service.add_GatewayServicer_to_server(
            Gateway(work, endorser, self.places, Limit("gateway.Gateway", limits.gateway)), server
        )
        endorser_service.add_EndorserServicer_to_server(
            EndorserService(work, endorser, Limit("protos.Endorser", limits.endorser)), server
        )
        events_service.add_DeliverServicer_to_server(
            Deliver(work, Limit("protos.Deliver", limits.deliver)), server
        )
        discovery_service.add_DiscoveryServicer_to_server(
            Discovery(work, self.places, place, Limit("discovery.Discovery", limits.discovery)),
            server,
        )
        return server

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

    async def _open(self, place: Place, server: Any) -> None:
        key, certificate = self.ledger.organisation(place.msp).tls(_node(place))
        credentials = grpc.ssl_server_credentials([(key, certificate)])
        try:
            bound = server.add_secure_port(place.address, credentials)
        except RuntimeError as problem:
            raise port_taken(place.host, place.port) from problem
        if bound != place.port:
            raise LedgerError(f"{place.address} could not be listened on")
        await server.start()
        self._servers.append(server)

    async def _stop(self, grace: float) -> None:
        await asyncio.gather(*(server.stop(grace) for server in self._servers))


def _node(place: Place) -> str:
    """The member of its organisation that a place is."""
    return place.name.partition(".")[0]
