"""The configuration files of Fabric's own programs. They are YAML, of which JSON is a part."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from network.material import Material
from network.plan import HOST, NodePlan, Plan
from ufmi.system import write_file

# The greatest number of keys in one message between peer and chaincode, from Fabric 3.1 on.
KEYS_A_MESSAGE = 5_000
_MESSAGE_BYTES = 100 * 1024 * 1024
_GATEWAY_CALLS = 500
_CRYPTO = {"Default": "SW", "SW": {"Hash": "SHA2", "Security": 256}}
_MEMBERS = {"Readers": "member", "Writers": "member", "Admins": "admin"}
# Short, so that peers of a new network know each other within a second.
_GOSSIP_SECOND = (
    "reconnectInterval",
    "aliveTimeInterval",
    "publishStateInfoInterval",
    "requestStateInfoInterval",
)


def write_peer(node: NodePlan, folder: Path, material: Material, builder: Path) -> None:
    """`core.yaml` of a peer in its folder."""
    key, certificate, authority = material.tls_files(node.organisation, node.name)
    data = folder / "data"
    core = {
        "peer": {
            "id": node.name,
            "networkId": "ufmi",
            "listenAddress": node.address,
            "address": node.address,
            "chaincodeListenAddress": f"{HOST}:{node.second}",
            "fileSystemPath": str(data),
            "mspConfigPath": str(material.member_msp(node.organisation, node.name)),
            "localMspId": node.organisation,
            "localMspType": "bccsp",
            "BCCSP": _CRYPTO,
            "gossip": _gossip(node),
            "tls": {
                "enabled": True,
                "clientAuthRequired": False,
                "cert": {"file": str(certificate)},
                "key": {"file": str(key)},
                "rootcert": {"file": str(authority)},
            },
            "authentication": {"timewindow": "15m"},
            "keepalive": {
                "interval": "60s",
                "timeout": "20s",
                "minInterval": "5s",
                "client": {"interval": "60s", "timeout": "20s"},
                "deliveryClient": {"interval": "60s", "timeout": "20s"},
            },
            "gateway": {
                "enabled": True,
                "endorsementTimeout": "30s",
                "broadcastTimeout": "30s",
                "dialTimeout": "10s",
            },
            "client": {"connTimeout": "3s"},
            "deliveryclient": {
                "blockGossipEnabled": False,
                "reconnectTotalTimeThreshold": "3600s",
                "connTimeout": "3s",
                "reConnectBackoffThreshold": "2s",
                "blockCensorshipTimeoutKey": "20s",
                "minimalReconnectInterval": "100ms",
                "policy": "simple",
            },
            "handlers": {
                "authFilters": [{"name": "DefaultAuth"}, {"name": "ExpirationCheck"}],
                "decorators": [{"name": "DefaultDecorator"}],
                "endorsers": {"escc": {"name": "DefaultEndorsement"}},
                "validators": {"vscc": {"name": "DefaultValidation"}},
            },
            "discovery": {"enabled": True, "authCacheEnabled": True, "authCacheMaxSize": 1000},
            "limits": {
                "concurrency": {
                    "endorserService": 2500,
                    "deliverService": 2500,
                    "gatewayService": _GATEWAY_CALLS,
                }
            },
            "maxRecvMsgSize": _MESSAGE_BYTES,
            "maxSendMsgSize": _MESSAGE_BYTES,
        },
        "vm": {"endpoint": ""},
        "chaincode": _chaincode(builder),
        "ledger": {
            "blockchain": None,
            "state": {"stateDatabase": "goleveldb", "totalQueryLimit": 100_000},
            "history": {"enableHistoryDatabase": True},
            "snapshots": {"rootDir": str(data / "snapshots")},
        },
        "operations": {"listenAddress": f"{HOST}:{node.operations}", "tls": {"enabled": False}},
        "metrics": {"provider": "prometheus"},
    }
    _write(folder / "core.yaml", core)


def _gossip(node: NodePlan) -> dict[str, Any]:
    return {
        "bootstrap": node.address,
        "endpoint": node.address,
        "externalEndpoint": node.address,
        "useLeaderElection": False,
        "orgLeader": True,
        "state": {"enabled": False},
        "pvtData": {"reconciliationEnabled": False, "implicitCollectionDisseminationPolicy": {}},
        **dict.fromkeys(_GOSSIP_SECOND, "1s"),
    }


def _chaincode(builder: Path) -> dict[str, Any]:
    return {
        "mode": "net",
        "builder": "none",
        "installTimeout": "60s",
        "startuptimeout": "30s",
        "executetimeout": "60s",
        "keepalive": 30,
        "externalBuilders": [{"name": "ufmi", "path": str(builder), "propagateEnvironment": []}],
        "system": dict.fromkeys(("_lifecycle", "cscc", "lscc", "qscc"), "enable"),
        "logging": {"level": "info", "shim": "warning"},
        "runtimeParams": {
            "useWriteBatch": True,
            "maxSizeWriteBatch": KEYS_A_MESSAGE,
            "useGetMultipleKeys": True,
            "maxSizeGetMultipleKeys": KEYS_A_MESSAGE,
        },
    }


def write_orderer(node: NodePlan, folder: Path, material: Material) -> None:
    """`orderer.yaml` of an orderer in its folder."""
    key, certificate, authority = map(str, material.tls_files(node.organisation, node.name))
    data = folder / "data"
    content = {
        "General": {
            "ListenAddress": HOST,
            "ListenPort": node.port,
            "TLS": {
                "Enabled": True,
                "PrivateKey": key,
                "Certificate": certificate,
                "RootCAs": [authority],
                "ClientAuthRequired": False,
            },
            "Keepalive": {
                "ServerMinInterval": "5s",
                "ServerInterval": "60s",
                "ServerTimeout": "20s",
            },
            "MaxRecvMsgSize": _MESSAGE_BYTES,
            "MaxSendMsgSize": _MESSAGE_BYTES,
            "Cluster": {
                "SendBufferSize": 100,
                "ClientCertificate": certificate,
                "ClientPrivateKey": key,
            },
            "BootstrapMethod": "none",
            "LocalMSPDir": str(material.member_msp(node.organisation, node.name)),
            "LocalMSPID": node.organisation,
            "BCCSP": _CRYPTO,
            "Authentication": {"TimeWindow": "15m"},
        },
        "FileLedger": {"Location": str(data / "ledger")},
        "Operations": {"ListenAddress": f"{HOST}:{node.operations}", "TLS": {"Enabled": False}},
        "Metrics": {"Provider": "prometheus"},
        "Admin": {
            "ListenAddress": f"{HOST}:{node.second}",
            "TLS": {
                "Enabled": True,
                "Certificate": certificate,
                "PrivateKey": key,
                "RootCAs": [authority],
                "ClientAuthRequired": True,
                "ClientRootCAs": [authority],
            },
        },
        "ChannelParticipation": {"Enabled": True, "MaxRequestBodySize": "4 MB"},
        "Consensus": {"WALDir": str(data / "wal"), "SnapDir": str(data / "snapshots")},
    }
    _write(folder / "orderer.yaml", content)


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
    _write(folder / "configtx.yaml", {"Profiles": profiles})


def write_organisation(plan: Plan, folder: Path, material: Material, msp: str) -> None:
    """`configtx.yaml` with one organisation that is to join."""
    _write(folder / "configtx.yaml", {"Organizations": [organisation(plan, material, msp)]})


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


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps(content, indent=1).encode(), 0o600)
