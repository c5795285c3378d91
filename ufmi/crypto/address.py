"""Addresses: where tokens lie. Derived from a public key, with a checksum.

`u` and 40 base32 characters: 20 bytes of SM3 of the key, 5 bytes of checksum. A mistyped address
passes once in 2^40.
"""

from __future__ import annotations

import re
from base64 import b32decode, b32encode
from functools import lru_cache

from ufmi.crypto.sm3 import sm3

_BODY_BYTES = 20
_DOMAIN = b"ufmi address"
_FORM = re.compile("u[a-z2-7]{40}")


@lru_cache(maxsize=65_536)
def address_of(public_key: bytes) -> str:
    """The address of an uncompressed public key (65 bytes, 04 first)."""
    body = sm3(public_key)[:_BODY_BYTES]
    return "u" + b32encode(body + sm3(_DOMAIN + body)[:5]).decode("ascii").lower()


def is_address(text: str) -> bool:
    """Whether `text` has the form of an address and its checksum fits."""
    return _FORM.fullmatch(text) is not None and _fits(text)


@lru_cache(maxsize=65_536)
def _fits(text: str) -> bool:
    raw = b32decode(text[1:].upper())
    body = raw[:_BODY_BYTES]
    return sm3(_DOMAIN + body)[:5] == raw[_BODY_BYTES:]
