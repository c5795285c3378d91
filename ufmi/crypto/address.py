"""Addresses: where tokens lie. Derived from a public key, with a checksum.

`u` and 40 base32 characters: 20 bytes of SM3 of the key, 5 bytes of checksum. A mistyped address
passes once in 2^40.
"""

from __future__ import annotations

from base64 import b32decode, b32encode
from functools import lru_cache

from ufmi.crypto.sm3 import sm3

ADDRESS_LENGTH = 41
_BODY_BYTES = 20
_DOMAIN = b"ufmi address"


@lru_cache(maxsize=65_536)
def address_of(public_key: bytes) -> str:
    """The address of an uncompressed public key (65 bytes, 04 first)."""
    body = sm3(public_key)[:_BODY_BYTES]
    return "u" + b32encode(body + sm3(_DOMAIN + body)[:5]).decode("ascii").lower()


@lru_cache(maxsize=65_536)
def is_address(text: str) -> bool:
    """Whether `text` has the form of an address and its checksum fits."""
    if len(text) != ADDRESS_LENGTH or text[0] != "u" or text != text.lower():
        return False
    try:
        raw = b32decode(text[1:].upper())
    except ValueError:
        return False
    body = raw[:_BODY_BYTES]
    return sm3(_DOMAIN + body)[:5] == raw[_BODY_BYTES:]
