"""The connection folder of a network, for clients of any language."""

from __future__ import annotations

from pathlib import Path

from network.material import WORKERS, Material
from network.plan import NodePlan, Plan
from ufmi.ledger.profile import Layout, Listener, write_connection


def write_folder(folder: Path, plan: Plan, material: Material) -> None:
    """Writes where peers and orderers are, and identities of each organisation."""
    topology = plan.topology
    layout = Layout(
        peers=[_endpoint(node) for node in plan.peers()],
        orderers=[_endpoint(node) for node in plan.orderers()],
        channels={name: one.organisations for name, one in topology.channels.items()},
        organisation=material.organisation,
    )
    write_connection(layout, folder, {topology.organisations[0]: WORKERS})


def _endpoint(node: NodePlan) -> Listener:
    return Listener(node.organisation, node.name, node.address)
