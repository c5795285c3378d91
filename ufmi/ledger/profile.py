"""What clients need, written into a folder: connection profile, identities, TLS authorities.

connection.json           Fabric's common connection profile
connection-hfc.json       the same for hfc, which wants addresses without grpcs://
core.yaml                 for Fabric's `peer` command, with FABRIC_CFG_PATH
MSP/mspid, MSP/tls-ca.pem
MSP/cert.pem, MSP/key.pem a client of the organisation, and MSP/msp the same as `peer` reads it
MSP/peer.env              the variables that make `peer` this client
MSP/NAME-cert.pem, -key.pem, MSP/NAME-msp
                          other members: admin, and those asked for
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ufmi.errors import AccessDenied, StorageFailed
from ufmi.ledger.ca import Organisation
from ufmi.system import write_file

CLIENT, ADMIN = "client", "admin"
_ROLES = ("client", "peer", "admin", "orderer")
# The least that `peer` wants to find.
_CORE = {"peer": {"BCCSP": {"Default": "SW", "SW": {"Hash": "SHA2", "Security": 256}}}}


@dataclass(frozen=True)
class Listener:
    """A peer or orderer: its organisation, its name, and HOST:PORT."""

    msp: str
    name: str
    address: str


@dataclass(frozen=True)
class Layout:
    """What a connection folder tells of: who is where, and which channels there are."""

    peers: Sequence[Listener]
    orderers: Sequence[Listener]
    channels: Mapping[str, Sequence[str]]  # channel → organisations with a peer in it
    organisation: Callable[[str], Organisation]


def write_connection(
    layout: Layout, folder: Path, members: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Writes the folder. A client is certified for organisations that have none yet.

    Args:
        members: more members, by organisation, whose identities are written too.

    Raises:
        StorageFailed: the folder cannot be written.
    """
    folder = folder.absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for place in (*layout.peers, layout.orderers[0]):
            others = [ADMIN, *(members or {}).get(place.msp, ())]
            _organisation(layout.organisation(place.msp), folder / place.msp, others)
            _peer_variables(place, layout.orderers[0], folder)
    except OSError as problem:
        raise StorageFailed(f"{folder} cannot be written: {problem}") from problem
    _write_json(folder / "core.yaml", _CORE)  # JSON is YAML
    _write_json(folder / "connection.json", _profile(layout, folder, "grpcs://"))
    _write_json(folder / "connection-hfc.json", _profile(layout, folder, ""))


def _organisation(organisation: Organisation, folder: Path, others: Sequence[str]) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        organisation.member(CLIENT)
    except AccessDenied:
        organisation.enrol(CLIENT, "client")
    write_file(folder / "mspid", organisation.msp.encode(), 0o644)
    write_file(folder / "tls-ca.pem", organisation.tls_authority, 0o644)
    _member(organisation, CLIENT, folder, "")
    for name in others:
        _member(organisation, name, folder, f"{name}-")


def _peer_variables(place: Listener, orderer: Listener, folder: Path) -> None:
    """What makes Fabric's `peer` this organisation's client; the last two are for its options."""
    own = folder / place.msp
    variables = {
        "FABRIC_CFG_PATH": folder,
        "CORE_PEER_LOCALMSPID": place.msp,
        "CORE_PEER_MSPCONFIGPATH": own / "msp",
        "CORE_PEER_ADDRESS": place.address,
        "CORE_PEER_TLS_ENABLED": "true",
        "CORE_PEER_TLS_ROOTCERT_FILE": own / "tls-ca.pem",
        "ORDERER": orderer.address,
        "ORDERER_CA": folder / orderer.msp / "tls-ca.pem",
    }
    lines = [f"export {name}={_quoted(str(value))}\n" for name, value in variables.items()]
    write_file(own / "peer.env", "".join(lines).encode(), 0o644)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _member(organisation: Organisation, name: str, folder: Path, prefix: str) -> None:
    """An identity as two PEM files, and as the folder that Fabric's tools read."""
    certificate = (organisation.folder / f"{name}-cert.pem").read_bytes()
    key = (organisation.folder / f"{name}-key.pem").read_bytes()
    write_file(folder / f"{prefix}cert.pem", certificate, 0o644)
    write_file(folder / f"{prefix}key.pem", key)
    msp = folder / f"{prefix}msp"
    files = {
        "signcerts/cert.pem": certificate,
        "keystore/key.pem": key,
        "cacerts/ca.pem": organisation.authority,
        "tlscacerts/tls-ca.pem": organisation.tls_authority,
        "config.yaml": _node_units(),
    }
    for path, content in files.items():
        (msp / path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(msp / path, content)


def _node_units() -> bytes:
    """How Fabric's tools tell an organisation's roles apart. JSON is YAML."""
    units: dict[str, Any] = {"Enable": True}
    for role in _ROLES:
        units[f"{role.capitalize()}OUIdentifier"] = {
            "Certificate": "cacerts/ca.pem",
            "OrganizationalUnitIdentifier": role,
        }
    return json.dumps({"NodeOUs": units}, indent=2).encode()


def _profile(layout: Layout, folder: Path, scheme: str) -> dict[str, Any]:
    """Fabric's common connection profile, for SDKs that read one."""
    orderers = [one.name for one in layout.orderers]
    organisations: dict[str, Any] = {
        place.msp: {
            "mspid": place.msp,
            "peers": [place.name],
            "certificateAuthorities": [],
            "users": _users(folder / place.msp),
        }
        for place in layout.peers
    }
    ordering = layout.orderers[0].msp
    organisations[ordering] = {
        "mspid": ordering,
        "orderers": orderers,
        "peers": [],
        "certificateAuthorities": [],
        "users": _users(folder / ordering),
    }
    return {
        "name": "ufmi",
        "description": "A UFMI ledger",
        "version": "1.0.0",
        "client": {
            "organization": layout.peers[0].msp,
            "credentialStore": {
                "path": str(folder / "store"),
                "cryptoStore": {"path": str(folder / "store")},
            },
            "connection": {"timeout": {"peer": {"endorser": "300"}, "orderer": "300"}},
        },
        "organizations": organisations,
        "peers": {one.name: _node(one, folder, scheme) for one in layout.peers},
        "orderers": {one.name: _node(one, folder, scheme) for one in layout.orderers},
        "certificateAuthorities": {},
        "channels": {
            name: {"orderers": orderers, "peers": _peers_of(layout, members)}
            for name, members in layout.channels.items()
        },
    }


def _peers_of(layout: Layout, organisations: Sequence[str]) -> dict[str, Any]:
    roles = ("endorsingPeer", "chaincodeQuery", "ledgerQuery", "eventSource")
    return {
        one.name: dict.fromkeys(roles, True) for one in layout.peers if one.msp in organisations
    }


def _users(folder: Path) -> dict[str, Any]:
    """The identities of an organisation, as hfc reads them."""
    found = {
        path.name.removesuffix("-cert.pem"): path for path in sorted(folder.glob("*-cert.pem"))
    }
    users = {
        name: {"cert": str(path), "private_key": str(path.with_name(f"{name}-key.pem"))}
        for name, path in found.items()
    }
    users[CLIENT] = {"cert": str(folder / "cert.pem"), "private_key": str(folder / "key.pem")}
    return users


def _node(place: Listener, folder: Path, scheme: str) -> dict[str, Any]:
    # The name that the certificate is checked against; each SDK reads its own option.
    return {
        "url": f"{scheme}{place.address}",
        "mspid": place.msp,
        "grpcOptions": {
            "grpc.ssl_target_name_override": "localhost",
            "ssl-target-name-override": "localhost",
            "hostnameOverride": "localhost",
        },
        "tlsCACerts": {
            "path": str(folder / place.msp / "tls-ca.pem"),
            "pem": (folder / place.msp / "tls-ca.pem").read_text(),
        },
    }


def _write_json(path: Path, data: Any) -> None:
    write_file(path, (json.dumps(data, indent=2) + "\n").encode(), 0o644)
