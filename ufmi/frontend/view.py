"""What the front-end needs to know of the ledger, kept until a message may have changed it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeVar

from ufmi.contract import decode_record
from ufmi.ledger import Contract
from ufmi.protocol import Role
from ufmi.protocol import keys as state
from ufmi.protocol.records import Address, Network, Party, Record

ENTRIES_MAX = 100_000

_Kind = TypeVar("_Kind", bound=Record)


class LedgerView:
    """Records of the channel `udl`, read through the contract's queries and remembered."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._known: dict[str, Record | None] = {}
        self._epoch = 0  # moves on whenever something may have changed

    def get(self, key: str, kind: type[_Kind]) -> _Kind | None:
        """The record under a key, or None."""
        if key not in self._known:
            epoch = self._epoch
            raw = self._contract.evaluate("get", key.encode())
            found = None if raw == b"null" else decode_record(raw, kind)
            if found is None:
                return None  # it may come into being at any time
            if epoch != self._epoch:
                # Something was committed meanwhile; this may be old by now.
                return found
            if len(self._known) >= ENTRIES_MAX:
                self._known.clear()
            self._known[key] = found
            return found
        record = self._known.get(key)
        return record if isinstance(record, kind) else None

    def forget(self, keys: Sequence[str]) -> None:
        """Reads these keys anew when they are next needed."""
        self._epoch += 1
        if not self._known.keys().isdisjoint(keys):
            for key in keys:
                self._known.pop(key, None)

    @property
    def network(self) -> Network | None:
        return self.get(state.NETWORK, Network)

    def signatory(self, sender: str) -> tuple[Role, str, bool] | None:
        """Role, public key (hex) and whether it is revoked; None for a stranger."""
        if sender[0] in "NM":
            party = self.get(state.party(sender), Party)
            if party is None:
                return None
            return Role(party.role), party.keys[-1].key, party.keys[-1].until != 0
        network = self.network
        service = network.services.get(sender) if network else None
        if service is not None:
            return Role(service.role), service.key.key, service.key.until != 0
        address = self.get(state.address(sender), Address)
        if address is None:
            return None
        return Role.WALLET, address.key.key, address.key.until != 0

    def next_user(self) -> int:
        """The number after the highest unified id of a user."""
        return int(json.loads(self._contract.evaluate("next_user")))
