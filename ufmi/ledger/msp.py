"""Membership: which certificates belong to which organisation, and in which role."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from ufmi.errors import AccessDenied
from ufmi.ledger.identity import is_low_s
from ufmi.ledger.protos import identities

ROLES = ("client", "peer", "admin", "orderer")
_ECDSA = ec.ECDSA(SHA256())


class Member:
    """An identity that its organisation's CA vouches for."""

    def __init__(self, msp: str, certificate: x509.Certificate, role: str) -> None:
        self.msp = msp
        self.role = role
        self._key: Any = certificate.public_key()

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raises AccessDenied unless the member signed the message (SHA-256, low S)."""
        try:
            self._key.verify(signature, message, _ECDSA)
            low = is_low_s(signature)
        except (InvalidSignature, ValueError) as problem:
            raise AccessDenied(f"a signature of {self.msp} does not hold") from problem
        if not low:
            raise AccessDenied(f"a signature of {self.msp} has a high S")


class Membership:
    """The organisations of a channel, each with the certificate of its CA (PEM)."""

    def __init__(self, authorities: dict[str, bytes]) -> None:
        self.organisations = tuple(sorted(authorities))
        self._authorities = {
            msp: x509.load_pem_x509_certificate(pem) for msp, pem in authorities.items()
        }
        self._member = lru_cache(maxsize=4_096)(self._load)

    def member(self, serialized: bytes) -> Member:
        """The member that a `SerializedIdentity` names.

        Raises:
            AccessDenied: unknown organisation, a certificate that its CA did not sign or that is
                out of date, or one without a role.
        """
        return self._member(serialized)

    def _load(self, serialized: bytes) -> Member:
        try:
            identity = identities.SerializedIdentity.FromString(serialized)
            certificate = x509.load_pem_x509_certificate(identity.id_bytes)
        except Exception as problem:
            raise AccessDenied("the creator is not an X.509 identity") from problem
        authority = self._authorities.get(identity.mspid)
        if authority is None:
            raise AccessDenied(
                f"the organisation {identity.mspid!r} is not a member of the channel",
                hint=f"Members are {', '.join(self.organisations)}",
            )
        try:
            certificate.verify_directly_issued_by(authority)
        except (InvalidSignature, ValueError, TypeError) as problem:
            raise AccessDenied(f"not certified by the CA of {identity.mspid}") from problem
        now = datetime.now(UTC)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise AccessDenied(f"the certificate of {identity.mspid} is out of date")
        units = [
            str(attribute.value)
            for attribute in certificate.subject.get_attributes_for_oid(
                NameOID.ORGANIZATIONAL_UNIT_NAME
            )
        ]
        roles = [role for role in ROLES if role in units]
        if len(roles) != 1:
            raise AccessDenied("the certificate names no single role as organisational unit")
        return Member(identity.mspid, certificate, roles[0])
