"""The regulator: freezes and halts, and undoes that, alone."""

from __future__ import annotations

from ufmi.frontend import Executed
from ufmi.protocol.governance import Status
from ufmi.sdk.party import Client


class Regulator(Client):
    """A regulator's connection to UFMI."""

    def freeze(self, kind: str, subject: str) -> Executed:
        """STATUS FROZEN of a PARTY, ADDRESS or ASSET. Raises Refused."""
        return self.set_status(kind, subject, "FROZEN")

    def halt(self, kind: str, subject: str) -> Executed:
        """STATUS HALTED of a market (PARTY), an ASSET or the NETWORK. Raises Refused."""
        return self.set_status(kind, subject, "HALTED")

    def release(self, kind: str, subject: str) -> Executed:
        """STATUS ACTIVE: undoes freezing and halting. Raises Refused."""
        return self.set_status(kind, subject, "ACTIVE")

    def set_status(self, kind: str, subject: str, status: str) -> Executed:
        """STATUS, as one that the regulator may give alone. Raises Refused."""
        return self.send(
            Status(
                tx=self.new_tx(),
                kind=kind,
                subject=subject,
                status=status,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
            )
        )
