"""What computes SM2: the interface behind which implementations stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

# Public key (65 bytes), message, signature (DER).
Signed = tuple[bytes, bytes, bytes]


class Provider(Protocol):
    """An implementation of SM2: signatures over SM3 with the default signer id, encryption.

    It is given only keys, signatures and ciphertexts that `_curve` and `_ciphertext` have accepted,
    and is safe to call from several threads. A ciphertext is in the DER of GM/T 0009.
    """

    name: str
    version: str

    def verify_many(self, items: Sequence[Signed]) -> list[bool]: ...

    def sign(self, private_key: bytes, message: bytes) -> bytes: ...

    def encrypt(self, public_key: bytes, data: bytes) -> bytes: ...

    def decrypt(self, private_key: bytes, ciphertext: bytes) -> bytes:
        """Raises DecryptionFailed."""
        ...
