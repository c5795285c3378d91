"""The connection folder: what a client of any language needs to reach a ledger.

DIR/connection.json     Fabric's common connection profile
DIR/MSP/cert.pem, key.pem, tls-ca.pem, mspid    a client of each organisation
DIR/MSP/NAME-cert.pem, NAME-key.pem             other members, such as admin and frontend
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ufmi.errors import LedgerError, NotFound
from ufmi.ledger.identity import Identity


@dataclass(frozen=True)
class Endpoint:
    """Where a peer listens, and the CA that its TLS certificate is from (PEM)."""

    name: str
    address: str
    tls_authority: bytes


class Connection:
    """A connection folder, read."""

    def __init__(self, folder: Path) -> None:
        """Raises NotFound or LedgerError where it is missing or cannot be read."""
        self.folder = folder
        try:
            self._profile: dict[str, Any] = json.loads((folder / "connection.json").read_bytes())
        except FileNotFoundError as problem:
            raise NotFound(f"there is no connection profile in {folder}") from problem
        except ValueError as problem:
            raise LedgerError(f"the profile in {folder} cannot be read: {problem}") from problem

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that the profile tells of."""
        return tuple(self._profile.get("channels", {}))

    def peer(self, msp: str) -> Endpoint:
        """The first peer of an organisation, by its MSP id. Raises NotFound."""
        for organisation in self._profile.get("organizations", {}).values():
            if organisation.get("mspid") == msp and organisation.get("peers"):
                return self._endpoint(organisation["peers"][0])
        raise NotFound(f"the profile in {self.folder} names no peer of {msp!r}")

    def _endpoint(self, name: str) -> Endpoint:
        peer = self._profile.get("peers", {}).get(name)
        if peer is None:
            raise NotFound(f"the profile in {self.folder} does not say where {name} is")
        authority = peer.get("tlsCACerts", {})
        pem = authority.get("pem")
        pem = pem.encode() if pem else Path(authority["path"]).read_bytes()
        return Endpoint(name, str(peer["url"]).rpartition("//")[2], pem)

    def identity(self, msp: str, name: str = "") -> Identity:
        """The client of an organisation, or the member of a name. Raises AccessDenied."""
        prefix = f"{name}-" if name else ""
        folder = self.folder / msp
        return Identity.load(msp, folder / f"{prefix}cert.pem", folder / f"{prefix}key.pem")
