"""What computes SM2: the interface behind which implementations stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

# Public key (65 bytes), message, signature (DER).
Signed = tuple[bytes, bytes, bytes]


class Provider(Protocol):
    """An implementation of SM2 signatures over SM3 with the default signer id.

    It is given only keys and signatures that `_curve` has accepted, and is safe to call from
    several threads.
    """

    name: str
    version: str

    def verify_many(self, items: Sequence[Signed]) -> list[bool]: ...

    def sign(self, private_key: bytes, message: bytes) -> bytes: ...
