"""Protobuf's wire format for what is large: nested messages put together in one copy.

The generated classes copy a message once for every level that it is nested in, and a transaction
of a batch is a megabyte, five levels deep. A test holds the bytes equal to theirs.
"""

from __future__ import annotations

from collections.abc import Sequence


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    if number < 128:
        return bytes((number,))
    parts = bytearray()
    while number >= 128:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def field(number: int, parts: Sequence[bytes]) -> list[bytes]:
    """A field of bytes or of a message, as parts to be joined at the very end."""
    return [varint(number << 3 | 2) + varint(sum(map(len, parts))), *parts]
