"""A Fabric network as a ledger that a node stands on, known by its connection folder."""

from __future__ import annotations

import os
from pathlib import Path

from ufmi.ledger.connection import Connection
from ufmi.ledger.fabric.calls import LIMITS, Limits
from ufmi.ledger.fabric.transport import GrpcTransport
from ufmi.ledger.identity import Identity
from ufmi.system import Clock, RandomBytes


class FabricLedger(GrpcTransport):
    """A connection through the peer of one organisation, with the identities of its folder."""

    kind = "fabric"

    def __init__(
        self,
        folder: Path,
        msp: str,
        *,
        clock: Clock | None = None,
        random_bytes: RandomBytes = os.urandom,
        limits: Limits = LIMITS,
    ) -> None:
        """Raises NotFound where the folder does not say how to reach the organisation."""
        self.connection = Connection(folder)
        super().__init__(
            self.connection.peer(msp), clock=clock, random_bytes=random_bytes, limits=limits
        )

    def identity(self, msp: str, name: str) -> Identity:
        """A member whose files are in the connection folder. Raises AccessDenied."""
        return self.connection.identity(msp, name)
