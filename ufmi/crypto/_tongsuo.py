"""SM2 by tongsuopy (bindings of Tongsuo): the provider that needs no Go.

It releases the interpreter lock, so large batches are spread over threads.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from tongsuopy.__about__ import __version__
from tongsuopy.crypto import hashes
from tongsuopy.crypto.asymciphers import ec
from tongsuopy.crypto.exceptions import InvalidSignature

from ufmi.crypto._provider import Signed

_ALGORITHM = ec.ECDSA(hashes.SM3())
_CURVE = ec.SM2()
_CHUNK_MIN = 8


@lru_cache(maxsize=20_000)
def _public(raw: bytes) -> Any:
    return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, raw)


@lru_cache(maxsize=256)
def _private(raw: bytes) -> Any:
    return ec.derive_private_key(int.from_bytes(raw, "big"), _CURVE)


def _verify(items: Sequence[Signed]) -> list[bool]:
    verdicts = []
    for key, message, signature in items:
        try:
            _public(key).verify(signature, message, _ALGORITHM)
            verdicts.append(True)
        except (InvalidSignature, ValueError):
            verdicts.append(False)
    return verdicts


class TongsuoProvider:
    """See `ufmi.crypto._provider.Provider`."""

    name = "tongsuopy"

    def __init__(self) -> None:
        self.version = str(__version__)
        self._threads = os.cpu_count() or 1
        self._pool: ThreadPoolExecutor | None = None

    def verify_many(self, items: Sequence[Signed]) -> list[bool]:
        share = max(_CHUNK_MIN, -(-len(items) // self._threads))
        if self._threads == 1 or len(items) <= share:
            return _verify(items)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="sm2")
        parts = [items[at : at + share] for at in range(0, len(items), share)]
        return [verdict for part in self._pool.map(_verify, parts) for verdict in part]

    def sign(self, private_key: bytes, message: bytes) -> bytes:
        return bytes(_private(private_key).sign(message, _ALGORITHM))


def public_of(private_key: bytes) -> bytes:
    """The uncompressed public key (65 bytes) of a private one (32 bytes)."""
    numbers = _private(private_key).public_key().public_numbers()
    return bytes([4]) + int(numbers.x).to_bytes(32, "big") + int(numbers.y).to_bytes(32, "big")
