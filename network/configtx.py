"""The configuration of channels, as `configtxgen` reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from network.config import write_json
from network.material import Material
from network.plan import HOST, Plan

_MEMBERS = {"Readers": "member", "Writers": "member", "Admins": "admin"}


def write_channels(plan: Plan, folder: Path, material: Material) -> None:
    """`configtx.yaml` with one profile a channel."""
    profiles = {
        name: {
            "Policies": _policies(),
            "Capabilities": {_channel_capability(plan): True},
            "Orderer": _orderer(plan, material),
            "Application": {
                "Organizations": [
                    organisation(plan, material, msp) for msp in channel.organisations
                ],
                "Policies": {
                    **_policies(),
                    "LifecycleEndorsement": _implicit("MAJORITY Endorsement"),
                    "Endorsement": _implicit("MAJORITY Endorsement"),
                },
                "Capabilities": {"V2_5": True},
            },
        }
        for name, channel in plan.topology.channels.items()
    }
    write_json(folder / "configtx.yaml", {"Profiles": profiles})


def write_organisation(plan: Plan, folder: Path, material: Material, msp: str) -> None:
    """`configtx.yaml` with one organisation that is to join."""
    write_json(folder / "configtx.yaml", {"Organizations": [organisation(plan, material, msp)]})


def _channel_capability(plan: Plan) -> str:
    return "V2_0" if plan.version.startswith("2.") else "V3_0"


def organisation(plan: Plan, material: Material, msp: str) -> dict[str, Any]:
    """An organisation of a channel, with its peer as the one that others find it by."""
    peer = plan.peer(msp)
    return {
        "Name": msp,
        "ID": msp,
        "MSPDir": str(material.channel_msp(msp)),
        "Policies": _signatures({**_MEMBERS, "Endorsement": "peer"}, msp),
        "AnchorPeers": [{"Host": HOST, "Port": peer.port}],
    }


def _orderer(plan: Plan, material: Material) -> dict[str, Any]:
    spec, cut = plan.topology.orderer, plan.topology.cut
    bft = spec.consensus == "bft"
    msp = spec.organisation
    found: dict[str, Any] = {
        "OrdererType": "BFT" if bft else "etcdraft",
        "BatchTimeout": f"{cut.timeout_ms}ms",
        "BatchSize": {
            "MaxMessageCount": cut.count,
            "AbsoluteMaxBytes": cut.bytes_max,
            "PreferredMaxBytes": cut.bytes_preferred,
        },
        "Organizations": [
            {
                "Name": msp,
                "ID": msp,
                "MSPDir": str(material.channel_msp(msp)),
                "Policies": _signatures(_MEMBERS, msp),
                "OrdererEndpoints": [node.address for node in plan.orderers()],
            }
        ],
        "Policies": {**_policies(), "BlockValidation": _implicit("ANY Writers")},
        "Capabilities": {"V2_0": True},
    }
    consenters = list(_consenters(plan, material, bft))
    if bft:
        found["ConsenterMapping"] = consenters
        found["SmartBFT"] = _smart_bft(cut.count, cut.timeout_ms, cut.bytes_max)
    else:
        found["EtcdRaft"] = {
            "Consenters": consenters,
            "Options": {
                "TickInterval": "200ms",
                "ElectionTick": 10,
                "HeartbeatTick": 1,
                "MaxInflightBlocks": 5,
                "SnapshotIntervalSize": "64 MB",
            },
        }
    return found


def _consenters(plan: Plan, material: Material, bft: bool) -> Iterator[dict[str, Any]]:
    for number, node in enumerate(plan.orderers(), 1):
        certificate = str(material.tls_files(node.organisation, node.name)[1])
        consenter: dict[str, Any] = {
            "Host": HOST,
            "Port": node.port,
            "ClientTLSCert": certificate,
            "ServerTLSCert": certificate,
        }
        if bft:
            member = material.member_msp(node.organisation, node.name)
            consenter |= {
                "ID": number,
                "MSPID": node.organisation,
                "Identity": str(member / "signcerts" / "cert.pem"),
            }
        yield consenter


def _smart_bft(count: int, timeout_ms: int, bytes_max: int) -> dict[str, Any]:
    """Timeouts on the scale of one machine; a silent leader is replaced after some seconds."""
    return {
        "RequestBatchMaxCount": count,
        "RequestBatchMaxBytes": bytes_max,
        "RequestMaxBytes": bytes_max,
        "RequestBatchMaxInterval": f"{timeout_ms}ms",
        "RequestForwardTimeout": "2s",
        "RequestComplainTimeout": "10s",
        "RequestAutoRemoveTimeout": "3m",
        "ViewChangeResendInterval": "2s",
        "ViewChangeTimeout": "10s",
        "LeaderHeartbeatTimeout": "5s",
        "LeaderHeartbeatCount": 10,
        "CollectTimeout": "1s",
        "IncomingMessageBufferSize": 200,
        "RequestPoolSize": 100_000,
    }


def _implicit(rule: str) -> dict[str, Any]:
    return {"Type": "ImplicitMeta", "Rule": rule}


def _policies() -> dict[str, Any]:
    rules = {"Readers": "ANY Readers", "Writers": "ANY Writers", "Admins": "MAJORITY Admins"}
    return {name: _implicit(rule) for name, rule in rules.items()}


def _signatures(roles: Mapping[str, str], msp: str) -> dict[str, Any]:
    return {
        name: {"Type": "Signature", "Rule": f"OR('{msp}.{role}')"} for name, role in roles.items()
    }
