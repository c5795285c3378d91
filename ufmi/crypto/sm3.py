"""SM3 (GB/T 32905), and HMAC over it."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes, hmac

# Copying a fresh hash is cheaper than making one.
_FRESH = hashes.Hash(hashes.SM3())


def sm3(data: bytes) -> bytes:
    """The 32-byte SM3 digest of `data`."""
    digest = _FRESH.copy()
    digest.update(data)
    return digest.finalize()


def sm3_hex(data: bytes) -> str:
    """The SM3 digest as 64 lower-case hexadecimal digits, the form that messages carry."""
    return sm3(data).hex()


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """The 32-byte HMAC (RFC 2104) of `data` with SM3."""
    keyed = hmac.HMAC(key, hashes.SM3())
    keyed.update(data)
    return keyed.finalize()
