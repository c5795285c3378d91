"""Organisations: their CAs, and the members and servers that these certify."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
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
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ufmi.errors import AccessDenied
from ufmi.ledger.identity import Identity, is_low_s
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
    """One organisation in a folder: two CAs, and a pair of PEM files for each member.

    `ca-cert.pem`, `ca-key.pem`       who is a member, and in which role
    `tlsca-cert.pem`, `tlsca-key.pem` which servers and connections belong to it
    """

    def __init__(self, folder: Path, msp: str) -> None:
        self.folder = folder
        self.msp = msp

    @classmethod
    def create(cls, folder: Path, msp: str) -> Organisation:
        """Makes the organisation's CA for members."""
        _make_authority(folder, "ca", msp)
        return cls(folder, msp)

    @property
    def authority(self) -> bytes:
        """The certificate of the CA for members, PEM."""
        return (self.folder / "ca-cert.pem").read_bytes()

    @property
    def tls_authority(self) -> bytes:
        """The certificate of the CA for TLS, PEM; the CA is made when it is first needed."""
        self._need_tls_authority()
        return (self.folder / "tlsca-cert.pem").read_bytes()

    def _need_tls_authority(self) -> None:
        if not (self.folder / "tlsca-cert.pem").exists():
            _make_authority(self.folder, "tlsca", self.msp)

    def enrol(self, name: str, role: str) -> Identity:
        """Certifies a new member: client, peer, admin or orderer."""
        if role not in ROLES:
            raise AccessDenied(f"there is no role {role!r}", hint=f"Roles are {', '.join(ROLES)}")
        self._certify("ca", name, _name(name, self.msp, role), ())
        return self.member(name)

    def enrol_tls(self, name: str, hosts: Sequence[str] = ("localhost", "127.0.0.1")) -> None:
        """Certifies a server or client for TLS: `<name>-tls-cert.pem`, `<name>-tls-key.pem`."""
        names: list[x509.GeneralName] = []
        for host in hosts:
            try:
                names.append(x509.IPAddress(ip_address(host)))
            except ValueError:
                names.append(x509.DNSName(host))
        extensions: tuple[x509.ExtensionType, ...] = (
            x509.SubjectAlternativeName(names),
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
        )
        self._need_tls_authority()
        self._certify("tlsca", f"{name}-tls", _name(name, self.msp), extensions)

    def tls(self, name: str) -> tuple[bytes, bytes]:
        """Key and certificate (PEM) that `enrol_tls` made. Raises AccessDenied."""
        try:
            key = (self.folder / f"{name}-tls-key.pem").read_bytes()
            return key, (self.folder / f"{name}-tls-cert.pem").read_bytes()
        except OSError as problem:
            raise AccessDenied(f"{self.msp} has no TLS certificate for {name!r}") from problem

    def _certify(
        self,
        authority: str,
        name: str,
        subject: x509.Name,
        extensions: Sequence[x509.ExtensionType],
    ) -> None:
        raw = (self.folder / f"{authority}-key.pem").read_bytes()
        authority_key = load_pem_private_key(raw, None)
        if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
            raise AccessDenied(f"the CA of {self.msp} has no elliptic curve key")
        issuer = x509.load_pem_x509_certificate(
            (self.folder / f"{authority}-cert.pem").read_bytes()
        )
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(subject, issuer.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
                critical=False,
            )
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        _save(self.folder, name, key, _sign(builder, authority_key))

    def member(self, name: str) -> Identity:
        """A member certified before. Raises AccessDenied."""
        return Identity.load(
            self.msp, self.folder / f"{name}-cert.pem", self.folder / f"{name}-key.pem"
        )


def _make_authority(folder: Path, kind: str, msp: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"{kind}.{msp}", msp)
    builder = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    _save(folder, kind, key, _sign(builder, key))


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The certificate in PEM. Fabric's own tools rewrite a certificate whose signature has a high
    S before they use it, which changes its fingerprint; so it is signed until S is low."""
    while True:
        certificate = builder.sign(key, SHA256())
        if is_low_s(certificate.signature):
            return certificate.public_bytes(Encoding.PEM)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
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
