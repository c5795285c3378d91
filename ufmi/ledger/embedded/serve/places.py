"""Where what is served: a port for each organisation's peer and one for the orderer."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from ufmi.errors import LedgerError, NotFound, UsageError
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.embedded.channel import EmbeddedChannel
from ufmi.ledger.profile import Layout, Listener

PORT_MAX = 65_535


def address(host: str, port: int) -> str:
    """HOST:PORT."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def joined(ledger: EmbeddedLedger, channel: str, msp: str) -> EmbeddedChannel:
    """A channel as an organisation's peer has it. Raises NotFound if that has not joined it."""
    found = ledger.channel(channel)
    if msp not in found.topology.organisations:
        raise NotFound(f"the peer of {msp} is not in channel {channel!r}")
    return found


@dataclass(frozen=True)
class Place:
    """One endpoint of one organisation."""

    msp: str
    name: str  # peer0.OperatorMSP
    host: str
    port: int

    @property
    def address(self) -> str:
        return address(self.host, self.port)


@dataclass(frozen=True)
class Places:
    """All endpoints: the peers in the order of their organisations, then the orderer."""

    peers: tuple[Place, ...]
    orderer: Place

    @property
    def all(self) -> tuple[Place, ...]:
        return (*self.peers, self.orderer)


def layout(ledger: EmbeddedLedger, places: Places) -> Layout:
    """What clients are told of a ledger that is served at these places."""
    return Layout(
        peers=[Listener(one.msp, one.name, one.address) for one in places.peers],
        orderers=[Listener(places.orderer.msp, places.orderer.name, places.orderer.address)],
        channels={name: one.organisations for name, one in ledger.topology.channels.items()},
        organisation=ledger.organisation,
    )


def check_ports(port: int, count: int) -> None:
    """Raises UsageError if there are not so many ports from this one on."""
    if port + count - 1 > PORT_MAX:
        raise UsageError(
            f"{count} ports from {port} on are more than there are",
            hint=f"Give a port of at most {PORT_MAX - count + 1} with --listen",
        )


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`. Raises UsageError."""
    host, mark, port = text.rpartition(":")
    if not mark or not host or not port.isascii() or not port.isdigit() or int(port) > PORT_MAX:
        raise UsageError(
            f"{text!r} is not HOST:PORT", hint="Such as --listen 127.0.0.1:7051; port 0: free ones"
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


def why_not(host: str, port: int) -> LedgerError:
    """The error of a port that could not be listened on: tries it, to learn the reason."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as problem:
        return LedgerError(
            f"{host!r} is no address of this machine: {problem}",
            hint="Such as --listen 127.0.0.1:7051",
        )
    reason = ""
    with socket.socket(family, kind, number) as tried:
        try:
            tried.bind(address)
        except OSError as problem:
            if problem.errno != errno.EADDRINUSE:
                reason = f": {problem.strerror}"
    if reason:
        return LedgerError(
            f"port {port} of {host} cannot be listened on{reason}",
            hint="Give another with --listen HOST:PORT",
        )
    return LedgerError(
        f"port {port} of {host} is in use",
        hint="Stop what listens there, or begin at another port with --listen HOST:PORT"
        " (port 0: free ones)",
    )
