"""Writes the connection folder of a network, for clients of any language."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from network.material import ADMIN, CLIENT, FRONTEND, Material
from network.plan import NodePlan, Plan
from ufmi.system import write_file


def write_connection(folder: Path, plan: Plan, material: Material) -> None:
    """Writes DIR/connection.json and, for each organisation, a client's and an admin's files."""
    for msp in plan.topology.organisations:
        source, target = material.organisation(msp).folder, folder / msp
        target.mkdir(parents=True, exist_ok=True)
        for name, prefix in ((CLIENT, ""), (ADMIN, "admin-"), (FRONTEND, "frontend-")):
            if not (source / f"{name}-cert.pem").exists():
                continue
            shutil.copy(source / f"{name}-cert.pem", target / f"{prefix}cert.pem")
            shutil.copy(source / f"{name}-key.pem", target / f"{prefix}key.pem")
        shutil.copy(source / "tlsca-cert.pem", target / "tls-ca.pem")
        write_file(target / "mspid", msp.encode(), 0o644)
    profile = json.dumps(_profile(folder, plan, material), indent=2)
    write_file(folder / "connection.json", profile.encode(), 0o644)


def _profile(folder: Path, plan: Plan, material: Material) -> dict[str, Any]:
    orderers = plan.orderers()
    channels = {
        name: {
            "orderers": [node.name for node in orderers],
            "peers": {
                node.name: dict.fromkeys(
                    ("endorsingPeer", "chaincodeQuery", "ledgerQuery", "eventSource"), True
                )
                for node in plan.peers(channel.organisations)
            },
        }
        for name, channel in plan.topology.channels.items()
    }
    return {
        "name": "ufmi",
        "description": plan.topology.title,
        "version": "1.0.0",
        "client": {
            "organization": plan.topology.organisations[0],
            "connection": {"timeout": {"peer": {"endorser": "60"}, "orderer": "60"}},
        },
        "channels": channels,
        "organizations": {
            msp: {
                "mspid": msp,
                "peers": [node.name for node in plan.peers((msp,))],
                "certificateAuthorities": [],
            }
            for msp in plan.topology.organisations
        },
        "orderers": {node.name: _node(node, material) for node in orderers},
        "peers": {node.name: _node(node, material) for node in plan.peers()},
    }


def _node(node: NodePlan, material: Material) -> dict[str, Any]:
    authority = material.tls_files(node.organisation, node.name)[2]
    host = node.address.partition(":")[0]
    return {
        "url": f"grpcs://{node.address}",
        "grpcOptions": {"ssl-target-name-override": host, "hostnameOverride": host},
        "tlsCACerts": {"path": str(authority), "pem": authority.read_text()},
    }
