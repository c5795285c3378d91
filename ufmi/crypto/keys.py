"""SM2 keys as opaque objects, and signers that may be functions."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tongsuopy.crypto import serialization
from tongsuopy.crypto.asymciphers import ec
from tongsuopy.crypto.exceptions import UnsupportedAlgorithm

from ufmi.crypto import _ciphertext, _tongsuo
from ufmi.crypto._choice import provider
from ufmi.crypto._curve import is_private_scalar, is_public_point
from ufmi.crypto._verify import verify_many
from ufmi.crypto.address import address_of
from ufmi.errors import (
    CryptoError,
    DecryptionFailed,
    InvalidKey,
    InvalidSignature,
    WrongPassword,
)

SIGNER_ID_DEFAULT = b"1234567812345678"
_PASSWORD_BYTES_MAX = 1_023

# Takes the bytes of a text, returns the signature in DER. A hardware module stands behind it.
SignFunction = Callable[[bytes], bytes]


class Sm2PublicKey:
    """A point of the curve SM2 that verifies signatures and encrypts."""

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        """Takes 65 bytes, 04 ‖ x ‖ y.

        Raises:
            InvalidKey: wrong length or form, or a point off the curve.
        """
        if not is_public_point(raw):
            raise InvalidKey("not an uncompressed public key on the curve SM2")
        self._raw = bytes(raw)

    @classmethod
    def from_hex(cls, text: str) -> Sm2PublicKey:
        """Takes 130 hexadecimal digits, 04 first. Raises InvalidKey."""
        return cls(_from_hex(text))

    @classmethod
    def from_pem(cls, pem: bytes) -> Sm2PublicKey:
        """Takes a SubjectPublicKeyInfo in PEM. Raises InvalidKey."""
        try:
            key = serialization.load_pem_public_key(pem)
            if not isinstance(key, ec.EllipticCurvePublicKey):
                raise ValueError("not an elliptic curve key")
            raw = key.public_bytes(
                serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
            )
        except Exception as problem:
            raise InvalidKey(f"not a public key in PEM: {problem}") from problem
        return cls(raw)

    def to_bytes(self) -> bytes:
        """65 bytes, 04 ‖ x ‖ y."""
        return self._raw

    def to_hex(self) -> str:
        return self._raw.hex()

    def to_pem(self) -> bytes:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SM2(), self._raw)
        return bytes(
            key.public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    @property
    def address(self) -> str:
        """The address of this key."""
        return address_of(self._raw)

    def verify(self, signature: bytes, message: bytes) -> None:
        """Verifies a DER signature over `message` with the default signer id.

        Raises:
            InvalidSignature: it does not fit. Nothing is returned.
        """
        if not verify_many([(self._raw, message, signature)])[0]:
            raise InvalidSignature("the signature does not fit the key and the message")

    def encrypt(self, data: bytes) -> bytes:
        """Encrypts a short secret, such as a content key, to this key (GB/T 32918.4).

        For anything longer there is `ufmi.crypto.seal_envelope`.

        Args:
            data: 16 to 1024 bytes.

        Returns:
            The ciphertext in the DER of GM/T 0009: C1, C3, C2.

        Raises:
            CryptoError: `data` is too short or too long.
        """
        least, most = _ciphertext.PLAIN_BYTES_MIN, _ciphertext.PLAIN_BYTES_MAX
        if not least <= len(data) <= most:
            raise CryptoError(f"SM2 encrypts {least} to {most} bytes at once")
        return provider().encrypt(self._raw, data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sm2PublicKey) and other._raw == self._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __repr__(self) -> str:
        return f"Sm2PublicKey({self.to_hex()})"


class Sm2PrivateKey:
    """A private key of SM2. Its value shows neither in its representation nor in errors."""

    __slots__ = ("_public", "_raw")

    def __init__(self, raw: bytes) -> None:
        """Takes 32 bytes. Raises InvalidKey if the number is not in 1 … n − 2."""
        if not is_private_scalar(raw):
            raise InvalidKey("not a private key of the curve SM2")
        self._raw = bytes(raw)
        self._public = Sm2PublicKey(_tongsuo.public_of(self._raw))

    @classmethod
    def generate(cls, random_bytes: Callable[[int], bytes] = os.urandom) -> Sm2PrivateKey:
        """A new key from the operating system's random generator, or another one given."""
        while not is_private_scalar(raw := random_bytes(32)):
            continue
        return cls(raw)

    @classmethod
    def from_hex(cls, text: str) -> Sm2PrivateKey:
        """Takes 64 hexadecimal digits. Raises InvalidKey."""
        return cls(_from_hex(text))

    @classmethod
    def from_pem(cls, pem: bytes, password: str | None = None) -> Sm2PrivateKey:
        """Takes a private key in PEM, encrypted or not.

        Raises:
            WrongPassword: the password is missing, wrong, or given for a key without one.
            InvalidKey: not a private key of the curve SM2.
        """
        try:
            key = serialization.load_pem_private_key(pem, password.encode() if password else None)
        except UnsupportedAlgorithm as problem:
            raise InvalidKey("not a private key of the curve SM2") from problem
        except TypeError as problem:
            raise WrongPassword(str(problem)) from problem
        except Exception as problem:
            if b"ENCRYPTED" in pem:
                raise WrongPassword("the key does not open with this password") from problem
            raise InvalidKey("not a private key in PEM") from problem
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise InvalidKey("not a private key of the curve SM2")
        return cls(int(key.private_numbers().private_value).to_bytes(32, "big"))

    @classmethod
    def load(cls, path: Path | str, password: str | None = None) -> Sm2PrivateKey:
        """Reads a PEM file. Raises WrongPassword, InvalidKey or OSError."""
        return cls.from_pem(Path(path).read_bytes(), password)

    def to_bytes(self) -> bytes:
        return self._raw

    def to_hex(self) -> str:
        return self._raw.hex()

    def to_pem(self, password: str | None = None) -> bytes:
        """PKCS #8 in PEM; with a password, encrypted. Raises WrongPassword for an unusable one."""
        protection = serialization.NoEncryption()
        if password is not None:
            try:
                secret = password.encode()
            except UnicodeEncodeError as problem:
                raise WrongPassword("the password is not Unicode") from problem
            if not 1 <= len(secret) <= _PASSWORD_BYTES_MAX:
                raise WrongPassword(f"a password has 1 to {_PASSWORD_BYTES_MAX} bytes")
            protection = serialization.BestAvailableEncryption(secret)
        key = ec.derive_private_key(int.from_bytes(self._raw, "big"), ec.SM2())
        return bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
            )
        )

    def save(self, path: Path | str, password: str | None = None) -> None:
        """Writes a PEM file that only its owner may read. Never overwrites one."""
        pem = self.to_pem(password)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)

    def sign(self, message: bytes) -> bytes:
        """The signature (DER) over `message` with SM3 and the default signer id."""
        return provider().sign(self._raw, message)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Decrypts what `Sm2PublicKey.encrypt` made, here or elsewhere.

        Raises:
            DecryptionFailed: not a ciphertext in its one DER form, changed, or for another key.
        """
        if not _ciphertext.is_ciphertext(ciphertext):
            raise DecryptionFailed("not a ciphertext of SM2 in DER")
        return provider().decrypt(self._raw, ciphertext)

    @property
    def public_key(self) -> Sm2PublicKey:
        return self._public

    def __repr__(self) -> str:
        return f"Sm2PrivateKey(of {self._public.address})"


class Signer:
    """Who signs: a public key and the function that makes signatures."""

    def __init__(self, public_key: Sm2PublicKey, sign: SignFunction) -> None:
        self.public_key = public_key
        self._sign = sign

    @classmethod
    def of(cls, key: Sm2PrivateKey) -> Signer:
        return cls(key.public_key, key.sign)

    @property
    def address(self) -> str:
        return self.public_key.address

    def sign(self, message: bytes) -> bytes:
        """Signs. Raises CryptoError where the function fails or signs with another key."""
        try:
            signature = self._sign(message)
        except Exception as problem:  # a foreign function may raise anything
            raise CryptoError(f"the signing function failed: {problem}") from problem
        if not isinstance(signature, bytes):
            raise CryptoError("the signing function returned no bytes")
        self.public_key.verify(signature, message)
        return signature


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as problem:
        raise InvalidKey("not hexadecimal digits") from problem
