"""The configuration of peers and orderers. It is YAML, of which JSON is a part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from network.material import Material
from network.plan import HOST, NodePlan
from ufmi.system import write_file

# The greatest number of keys in one message between peer and chaincode, from Fabric 3.1 on.
KEYS_A_MESSAGE = 5_000
_MESSAGE_BYTES = 100 * 1024 * 1024
_GATEWAY_CALLS = 500
_CRYPTO = {"Default": "SW", "SW": {"Hash": "SHA2", "Security": 256}}
# Short, so that peers of a new network know each other within a second.
_GOSSIP_SECOND = (
    "reconnectInterval",
    "aliveTimeInterval",
    "publishStateInfoInterval",
    "requestStateInfoInterval",
)
# What all peers have in common.
_PEER_SERVICES: dict[str, Any] = {
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
}


def write_peer(node: NodePlan, folder: Path, material: Material, builder: Path) -> None:
    """`core.yaml` of a peer in its folder."""
    data = folder / "data"
    core = {
        "peer": {**_peer(node, data, material), **_PEER_SERVICES},
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
    write_json(folder / "core.yaml", core)


def _peer(node: NodePlan, data: Path, material: Material) -> dict[str, Any]:
    """What is a peer's own: addresses, identity, TLS, files."""
    key, certificate, authority = material.tls_files(node.organisation, node.name)
    return {
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
    }


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
    write_json(folder / "orderer.yaml", content)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps(content, indent=1).encode(), 0o600)
