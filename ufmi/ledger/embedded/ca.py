"""Organisations of the embedded ledger: a CA each, and the members that it certifies."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from ufmi.errors import AccessDenied
from ufmi.ledger.identity import Identity
from ufmi.ledger.msp import ROLES
from ufmi.system import write_file

# A ledger's certificates outlive it; how long is a matter of the operator's real CA, not ours.
_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_UNTIL = datetime(2049, 12, 31, tzinfo=UTC)


def _name(common: str, organisation: str, unit: str = "") -> x509.Name:
    parts = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
    ]
    if unit:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit))
    parts.append(x509.NameAttribute(NameOID.COMMON_NAME, common))
    return x509.Name(parts)


def _save(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, pem: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    protected = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_file(folder / f"{name}-key.pem", protected)
    write_file(folder / f"{name}-cert.pem", pem, 0o644)


class Organisation:
    """One organisation in a folder: `ca-cert.pem`, `ca-key.pem` and a pair for each member."""

    def __init__(self, folder: Path, msp: str) -> None:
        self.folder = folder
        self.msp = msp

    @classmethod
    def create(cls, folder: Path, msp: str) -> Organisation:
        """Makes the organisation's CA."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"ca.{msp}", msp)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_FROM)
            .not_valid_after(_UNTIL)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )
        pem = builder.sign(key, SHA256()).public_bytes(Encoding.PEM)
        _save(folder, "ca", key, pem)
        return cls(folder, msp)

    @property
    def authority(self) -> bytes:
        """The CA's certificate in PEM."""
        return (self.folder / "ca-cert.pem").read_bytes()

    def enrol(self, name: str, role: str) -> Identity:
        """Certifies a new member: client, peer, admin or orderer."""
        if role not in ROLES:
            raise AccessDenied(f"there is no role {role!r}", hint=f"Roles are {', '.join(ROLES)}")
        raw = (self.folder / "ca-key.pem").read_bytes()
        authority_key = load_pem_private_key(raw, None)
        if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
            raise AccessDenied(f"the CA of {self.msp} has no elliptic curve key")
        authority = x509.load_pem_x509_certificate(self.authority)
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name, self.msp, role))
            .issuer_name(authority.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_FROM)
            .not_valid_after(_UNTIL)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
                critical=False,
            )
        )
        pem = builder.sign(authority_key, SHA256()).public_bytes(Encoding.PEM)
        _save(self.folder, name, key, pem)
        return self.member(name)

    def member(self, name: str) -> Identity:
        """A member certified before. Raises AccessDenied."""
        return Identity.load(
            self.msp, self.folder / f"{name}-cert.pem", self.folder / f"{name}-key.pem"
        )


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
