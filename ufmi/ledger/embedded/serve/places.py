"""Where what is served: a port for each organisation's peer and one for the orderer."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from ufmi.errors import LedgerError

PORT_MAX = 65_535


@dataclass(frozen=True)
class Place:
    """One endpoint of one organisation."""

    msp: str
    name: str  # peer0.OperatorMSP
    host: str
    port: int

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True)
class Places:
    """All endpoints: the peers in the order of their organisations, then the orderer."""

    peers: tuple[Place, ...]
    orderer: Place

    @property
    def all(self) -> tuple[Place, ...]:
        return (*self.peers, self.orderer)

    @classmethod
    def choose(cls, organisations: Sequence[str], orderer: str, host: str, port: int) -> Places:
        """Consecutive ports from `port` on; free ones if it is 0.

        Raises:
            LedgerError: a port is in use or may not be used; it says which.
        """
        count = len(organisations) + 1
        if port + count - 1 > PORT_MAX:
            raise LedgerError(
                f"{count} ports from {port} on are more than there are",
                hint=f"Give a port of at most {PORT_MAX - count + 1} with --listen",
            )
        held = [_hold(host, port + at if port else 0) for at in range(count)]
        ports = [one.getsockname()[1] for one in held]
        for one in held:
            one.close()
        peers = [
            Place(msp, f"peer0.{msp}", host, number)
            for msp, number in zip(organisations, ports[:-1], strict=True)
        ]
        return cls(tuple(peers), Place(orderer, f"orderer.{orderer}", host, ports[-1]))


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`. Raises LedgerError."""
    host, mark, port = text.rpartition(":")
    if not mark or not host or not port.isascii() or not port.isdigit() or int(port) > PORT_MAX:
        raise LedgerError(
            f"{text!r} is not HOST:PORT", hint="Such as --listen 127.0.0.1:7051; port 0: free ones"
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


def _hold(host: str, port: int) -> socket.socket:
    """A socket bound to the port, so that ports chosen together differ."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as problem:
        raise LedgerError(
            f"{host!r} is no address of this machine: {problem}", hint="Such as 127.0.0.1"
        ) from problem
    held = socket.socket(family, kind, number)
    try:
        # As servers do: a port whose last connections are just ending is free.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(address)
        held.listen()
    except OSError as problem:
        held.close()
        raise port_taken(host, port, problem) from problem
    return held


def port_taken(host: str, port: int, problem: OSError | None = None) -> LedgerError:
    """The error of a port that cannot be had."""
    if problem is not None and problem.errno != errno.EADDRINUSE:
        return LedgerError(
            f"port {port} of {host} cannot be listened on: {problem.strerror}",
            hint="Give another with --listen HOST:PORT",
        )
    return LedgerError(
        f"port {port} of {host} is in use",
        hint="Stop what listens there, or begin at another port with --listen HOST:PORT"
        " (port 0: free ones)",
    )
