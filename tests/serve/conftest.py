"""A served ledger with the small contract of the ledger's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from network import binaries
from tests.ledger import kv
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.embedded.serve import Limits, Server, layout
from ufmi.ledger.profile import write_connection

from .client import Client
from .fabric import Peer


@dataclass
class Served:
    """A ledger, what serves it, and the folder that clients read."""

    ledger: EmbeddedLedger
    server: Server
    connection: Path

    def client(self, msp: str = kv.A, name: str = "") -> Client:
        place = next(one for one in self.server.places.peers if one.msp == msp)
        orderer = self.server.places.orderer
        return Client(self.connection, (msp, place.address), (orderer.msp, orderer.address), name)


def serve(folder: Path, limits: Limits | None = None, **shape: object) -> Iterator[Served]:
    made = kv.topology(**shape)  # type: ignore[arg-type]
    with kv.found(folder / "ledger", made) as ledger, Server(ledger, limits=limits) as server:
        write_connection(layout(ledger, server.places), folder / "connection")
        yield Served(ledger, server, folder / "connection")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all tests of a module: they use keys of their own."""
    yield from serve(tmp_path_factory.mktemp("served"), channels=2)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Served]:
    """One for this test alone."""
    yield from serve(tmp_path)


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    made = served.client()
    yield made
    made.close()


@pytest.fixture
def client_of(served: Served) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(msp: str, name: str = "") -> Client:
        made.append(served.client(msp, name))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def fabric(request: pytest.FixtureRequest) -> binaries.Fabric:
    """One version of Fabric's programs; see `fabric.versions`."""
    found: binaries.Fabric = request.param
    return found


@pytest.fixture
def peer(fabric: binaries.Fabric, served: Served, tmp_path: Path) -> Peer:
    """The command `peer` as a client of the first organisation."""
    return Peer(fabric, served.connection, kv.A, tmp_path)
