"""Identities of a network: organisations, MSP folders as Fabric reads them, TLS."""

from __future__ import annotations

import shutil
from pathlib import Path

from network.plan import NodePlan, ServerPlan
from ufmi.ledger.ca import Organisation
from ufmi.system import write_file

ADMIN = "admin"
CLIENT = "client"
# What works for the operator beside its client: the front-end, and the relay to channel csrb.
WORKERS = ("frontend", "relay")

_NODE_OUS = """NodeOUs:
  Enable: true
  ClientOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: client}
  PeerOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: peer}
  AdminOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: admin}
  OrdererOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: orderer}
"""


class Material:
    """Makes and finds what identifies the parts of a network, under DIR/organisations."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "organisations"

    def organisation(self, msp: str) -> Organisation:
        """An organisation that was made before."""
        return Organisation(self._folder / msp, msp)

    def make_organisation(self, msp: str, *, operator: bool = False) -> Organisation:
        """An organisation with its administrator and a client; made where it is missing.

        The operator has the identities of front-end and relay too.
        """
        organisation = self.organisation(msp)
        if not (organisation.folder / "ca-cert.pem").exists():
            Organisation.create(organisation.folder, msp)
        members = {ADMIN: "admin", CLIENT: "client"}
        members |= dict.fromkeys(WORKERS if operator else (), "client")
        for name, role in members.items():
            if not (organisation.folder / f"{name}-cert.pem").exists():
                organisation.enrol(name, role)
        self._write_msp(organisation, self.channel_msp(msp), "")
        self._write_msp(organisation, self.member_msp(msp, ADMIN), ADMIN)
        return organisation

    def make_node(self, node: NodePlan) -> None:
        """Member and TLS certificate of an orderer or peer; made where they are missing."""
        organisation = self.organisation(node.organisation)
        if not (organisation.folder / f"{node.name}-cert.pem").exists():
            organisation.enrol(node.name, node.kind)
        self._make_tls(organisation, node.name)
        self._write_msp(organisation, self.member_msp(node.organisation, node.name), node.name)

    def make_server(self, server: ServerPlan) -> None:
        """TLS certificates of a chaincode server, and of the peer that connects to it."""
        organisation = self.organisation(server.organisation)
        self._make_tls(organisation, server.name)
        self._make_tls(organisation, f"{server.name}-client")

    @staticmethod
    def _make_tls(organisation: Organisation, name: str) -> None:
        if not (organisation.folder / f"{name}-tls-cert.pem").exists():
            organisation.enrol_tls(name)

    def tls_files(self, msp: str, name: str) -> tuple[Path, Path, Path]:
        """Key, certificate and the CA's certificate, as files."""
        folder = self.organisation(msp).folder
        return (
            folder / f"{name}-tls-key.pem",
            folder / f"{name}-tls-cert.pem",
            folder / "tlsca-cert.pem",
        )

    def channel_msp(self, msp: str) -> Path:
        """The MSP folder that a channel's configuration is made from."""
        return self._folder / msp / "msp"

    def member_msp(self, msp: str, name: str) -> Path:
        """The MSP folder of one member."""
        return self._folder / msp / "members" / name / "msp"

    def _write_msp(self, organisation: Organisation, target: Path, member: str) -> None:
        for part in ("cacerts", "tlscacerts", "signcerts", "keystore"):
            (target / part).mkdir(parents=True, exist_ok=True)
        write_file(target / "cacerts" / "ca.pem", organisation.authority, 0o644)
        write_file(target / "tlscacerts" / "tlsca.pem", organisation.tls_authority, 0o644)
        write_file(target / "config.yaml", _NODE_OUS.encode(), 0o644)
        if member:
            source = organisation.folder
            shutil.copy(source / f"{member}-cert.pem", target / "signcerts" / "cert.pem")
            shutil.copy(source / f"{member}-key.pem", target / "keystore" / "key_sk")
