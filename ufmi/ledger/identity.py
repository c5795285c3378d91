"""X.509 identities of Fabric: who proposes, endorses and orders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from ufmi.errors import AccessDenied
from ufmi.ledger.protos import identities

# Takes the SHA-256 digest of a message, returns a signature in DER with low S.
Signer = Callable[[bytes], bytes]

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_PREHASHED = ec.ECDSA(Prehashed(SHA256()))


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def is_low_s(signature: bytes) -> bool:
    """Whether a signature has the one form that Fabric accepts."""
    return decode_dss_signature(signature)[1] <= _P256_ORDER // 2


def private_key_signer(key: ec.EllipticCurvePrivateKey) -> Signer:
    """A signer over a P-256 key held in memory."""

    def sign(digest: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(digest, _PREHASHED))
        return encode_dss_signature(r, min(s, _P256_ORDER - s))

    return sign


@dataclass(frozen=True)
class Identity:
    """An organisation's member: MSP id, certificate in PEM, and how he signs.

    Without a signer nothing is signed here: signatures made elsewhere are handed in (off-line).
    """

    msp: str
    certificate: bytes
    signer: Signer | None = None

    @cached_property
    def serialized(self) -> bytes:
        """The creator bytes of Fabric: a `SerializedIdentity`."""
        return bytes(
            identities.SerializedIdentity(
                mspid=self.msp, id_bytes=self.certificate
            ).SerializeToString()
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate in DER, hex."""
        certificate = load_pem_x509_certificate(self.certificate)
        return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()

    def sign(self, message: bytes) -> bytes:
        """Signs the SHA-256 of a message."""
        return self.sign_digest(sha256(message))

    def sign_digest(self, digest: bytes) -> bytes:
        """Signs a SHA-256. Raises AccessDenied where the identity has no signer."""
        if self.signer is None:
            raise AccessDenied(
                f"this identity of {self.msp} cannot sign here",
                hint="Sign the digest elsewhere and hand the signature to `signed`",
            )
        return self.signer(digest)

    @classmethod
    def load(cls, msp: str, certificate: Path, key: Path) -> Identity:
        """Reads an identity from PEM files.

        Raises:
            AccessDenied: a file is missing or holds no P-256 key.
        """
        try:
            private = load_pem_private_key(key.read_bytes(), None)
            pem = certificate.read_bytes()
        except (OSError, ValueError) as problem:
            raise AccessDenied(f"the identity cannot be read: {problem}") from problem
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise AccessDenied(f"{key} holds no elliptic curve key")
        return cls(msp, pem, private_key_signer(private))
