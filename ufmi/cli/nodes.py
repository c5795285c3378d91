"""The node that a command works on: found, founded, or made for the time of the command."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from network.plan import read_plan
from network.topology import read_topology
from ufmi.cli.common import fail, open_node, password
from ufmi.cli.network import fabric_network, network_folder, teller
from ufmi.crypto import Sm2PrivateKey
from ufmi.errors import LedgerError, ScenarioError
from ufmi.node import Node, has_ledger
from ufmi.scenario import Scenario, start_ms
from ufmi.system import ControlledClock

LEDGERS = ("embedded", "fabric")


def check_ledger(ledger: str) -> None:
    """Ends the command unless there is such a ledger."""
    if ledger not in LEDGERS:
        fail(f"there is no ledger {ledger!r}; there is {' and '.join(LEDGERS)}", 2)


@contextmanager
def node_for(
    scenario: Scenario, ledger: str, data: Path | None, strict: bool = False
) -> Iterator[tuple[Node, list[Sm2PrivateKey]]]:
    """The node in a folder, founded where there is none; without one in a passing folder.

    On Fabric the folder's network is brought up where it does not run, and stopped afterwards.
    """
    folder = data or Path(tempfile.mkdtemp(prefix="ufmi-"))
    try:
        with (
            running_network(ledger, folder) as connection,
            _node(scenario, folder, connection, strict) as node,
        ):
            if node.ledger.kind != ledger:
                raise LedgerError(f"the ledger in {folder} is {node.ledger.kind}, not {ledger}")
            yield node, operator_keys(folder)
    finally:
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)


def _node(scenario: Scenario, folder: Path, connection: Path | None, strict: bool) -> Node:
    if has_ledger(folder):
        return open_node(folder, strict)
    clock = ControlledClock(start_ms(scenario))
    return Node.create(folder, fabric=connection, clock=clock, password=password(), strict=strict)


@contextmanager
def running_network(ledger: str, folder: Path) -> Iterator[Path | None]:
    """The connection folder of the data folder's Fabric network; None for the embedded ledger."""
    if ledger != "fabric":
        yield None
        return
    place = network_folder(folder)
    if read_plan(place) is None:
        network = fabric_network().create(
            place, read_topology("default"), clock="controlled", ports=0, say=teller()
        )
    else:
        network = fabric_network().open(place, teller())
    ran = network.runs()
    try:
        network.up()
        yield network.connection
    finally:
        if not ran:
            network.down()


def operator_keys(folder: Path) -> list[Sm2PrivateKey]:
    """The operator keys kept in a data folder. Raises ScenarioError if there are none."""
    paths = sorted((folder / "keys").glob("operator-*.pem"))
    if not paths:
        raise ScenarioError(f"{folder / 'keys'} holds no operator keys")
    return [Sm2PrivateKey.load(path, password()) for path in paths]
