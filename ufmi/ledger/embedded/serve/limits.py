"""How much is served at once: Fabric's limits, and Fabric's words where they are reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc

from ufmi.ledger.embedded.serve.failures import Failure


@dataclass(frozen=True)
class Limits:
    """The limits of one port; a peer's own by default."""

    gateway: int = 500
    endorser: int = 2_500
    deliver: int = 2_500
    orderer: int = 2_500
    discovery: int = 500
    message_bytes: int = 100 * 1024 * 1024

    @property
    def streams(self) -> int:
        """Calls that one connection may have open: more than all services take together, so that
        the service's own limit is met first and says so."""
        return 2 * (self.gateway + self.endorser + self.deliver + self.orderer + self.discovery)


class Limit:
    """How many calls of one service run at once. Used from one event loop only."""

    def __init__(self, service: str, most: int) -> None:
        self._service = service
        self._most = most
        self._running = 0

    @contextmanager
    def call(self) -> Iterator[None]:
        """One call. Raises Failure if as many as may run are running."""
        if self._running >= self._most:
            # The code is that of a peer, which gives none of its own.
            raise Failure(
                grpc.StatusCode.UNKNOWN,
                f"too many requests for /{self._service},"
                f" exceeding concurrency limit ({self._most})",
            )
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
