"""The ledgers that the suite runs on, alike for the tests."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from network import binaries
from network.topology import ChannelSpec, ContractSpec
from tests.ledger.kv import Kv
from tests.networks import running, topology
from ufmi.ledger import Contract, Gateway, Identity, Network
from ufmi.ledger.embedded import Channel, EmbeddedLedger, Topology
from ufmi.ledger.fabric import FabricLedger
from ufmi.ledger.policy import MAJORITY
from ufmi.ledger.transport import Transport
from ufmi.system import ControlledClock

from .worlds import Worlds

OPERATOR, MARKET, BANK = "OperatorMSP", "MarketMSP", "BankMSP"
ORGANISATIONS = (OPERATOR, MARKET, BANK)
CHANNEL = "one"
START_MS = 1_750_000_000_000
# Two contracts of the same making: a majority has to endorse one, everybody the other.
EVERYBODY = f"AND('{OPERATOR}.peer', '{MARKET}.peer', '{BANK}.peer')"


class Backend:
    """One ledger with channel `one`; its contracts are `kv`, `kv_all` and `worlds`."""

    def __init__(self, name: str, transports: dict[str, Transport], many_keys: bool) -> None:
        self.name = name
        self.many_keys = many_keys
        self.transports = transports
        self.clock = ControlledClock(START_MS)
        for transport in transports.values():
            transport.clock = self.clock
        self._names = itertools.count(int(time.time()) % 10**6 * 1000)

    def identity(self, msp: str, member: str) -> Identity:
        """A member: `client` of each organisation, `frontend` of the operator."""
        return self.gateway(msp, member).identity

    def gateway(self, msp: str = OPERATOR, member: str = "client") -> Gateway:
        """A connection through the peer of an organisation."""
        return Gateway(self.transports[msp], self.identity(msp, member))

    def network(self, msp: str = OPERATOR, member: str = "client") -> Network:
        return self.gateway(msp, member).network(CHANNEL)

    def contract(self, name: str = "kv", msp: str = OPERATOR, member: str = "client") -> Contract:
        return self.network(msp, member).contract(name)

    def fresh(self, prefix: str = "k") -> str:
        """A key, or the beginning of keys, that no test has used."""
        return f"{prefix}{next(self._names)}-"


class Embedded(Backend):
    """The embedded ledger."""

    def __init__(self, ledger: EmbeddedLedger) -> None:
        super().__init__("embedded", dict.fromkeys(ORGANISATIONS, ledger), True)
        self._ledger = ledger

    def identity(self, msp: str, member: str) -> Identity:
        return self._ledger.identity(msp, member)


class _Everywhere(FabricLedger):
    """Answers for a transaction once every peer has it.

    A peer answers when it has committed itself, and whichever endorses next may be behind it.
    A front-end tries again then; here each test would have to.
    """

    peers: dict[str, FabricLedger]

    def commit_status(self, request: Any, timeout: float | None) -> Any:
        for peer in self.peers.values():
            FabricLedger.commit_status(peer, request, timeout)
        return super().commit_status(request, timeout)


class Fabric(Backend):
    """A network of real peers."""

    def __init__(self, version: binaries.Fabric, connection: Path) -> None:
        self._ledgers = {msp: _Everywhere(connection, msp) for msp in ORGANISATIONS}
        for ledger in self._ledgers.values():
            ledger.peers = dict(self._ledgers)
        super().__init__(f"fabric {version.version}", dict(self._ledgers), version.many_keys)

    def identity(self, msp: str, member: str) -> Identity:
        return self._ledgers[msp].identity(msp, "" if member == "client" else member)

    def close(self) -> None:
        for ledger in self._ledgers.values():
            ledger.close()


@contextmanager
def embedded(folder: Path) -> Iterator[Backend]:
    shape = Topology(
        {CHANNEL: Channel(ORGANISATIONS, {"kv": MAJORITY, "kv_all": EVERYBODY, "worlds": MAJORITY})}
    )
    contracts = {CHANNEL: {"kv": Kv(), "kv_all": Kv(), "worlds": Worlds()}}
    with EmbeddedLedger.create(folder, contracts, shape) as ledger:
        for msp in ORGANISATIONS:
            ledger.enrol(msp, "client")
        ledger.enrol(OPERATOR, "frontend")
        yield Embedded(ledger)


@contextmanager
def on_fabric(folder: Path, version: binaries.Fabric) -> Iterator[Backend]:
    channel = ChannelSpec(
        ORGANISATIONS,
        {
            "kv": ContractSpec("tests.ledger.kv:Kv"),
            "kv_all": ContractSpec("tests.ledger.kv:Kv", policy=EVERYBODY),
            "worlds": ContractSpec("tests.conformance.worlds:Worlds"),
        },
    )
    shape = topology(ORGANISATIONS, {CHANNEL: channel})
    with running(folder, shape, version, clock="controlled") as network:
        backend = Fabric(version, network.connection)
        try:
            yield backend
        finally:
            backend.close()
