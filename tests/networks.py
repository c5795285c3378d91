"""Fabric networks for tests: one for each version found, on free ports, gone afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from network import binaries
from network.fabric import FabricNetwork
from network.topology import Cut, OrdererOrganisation, Topology, check

ROOT = Path(__file__).parent.parent
NONE_FOUND = "no Fabric was found: `ufmi network build` compiles it where Go is"
VERSIONS = binaries.find()
# Tests take a version each through this; without Fabric each says so in its one line.
PARAMETERS: list[Any] = [
    pytest.param(one, id=f"fabric-{one.version}", marks=pytest.mark.fabric) for one in VERSIONS
] or [pytest.param(None, id="fabric", marks=pytest.mark.skip(reason=NONE_FOUND))]


def topology(
    organisations: tuple[str, ...], channels: dict[str, Any], orderers: int = 1, **cut: int
) -> Topology:
    """A topology for tests, with blocks that are cut soon."""
    found = Topology(
        title="tests",
        lines=("2.5", "3.1"),
        organisations=organisations,
        orderer=OrdererOrganisation("OrdererMSP", count=orderers),
        channels=channels,
        cut=Cut(**{"timeout_ms": 20, **cut}),
    )
    check(found)
    return found


@contextmanager
def running(
    folder: Path, shape: Topology, fabric: binaries.Fabric, clock: str = "system"
) -> Iterator[FabricNetwork]:
    """A network that is up, and stopped at the end. Its chaincode servers find the tests."""
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{before}" if before else str(ROOT)
    try:
        network = FabricNetwork.create(folder, shape, version=fabric.version, clock=clock, ports=0)
        try:
            network.up()
            yield network
        finally:
            network.down()
    finally:
        os.environ["PYTHONPATH"] = before
