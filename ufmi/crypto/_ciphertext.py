"""The two forms of an SM2 ciphertext, and the checks that hold whichever provider decrypts.

GM/T 0009 has a DER SEQUENCE of x and y of C1, C3 and C2; GB/T 32918.4 the bytes C1 ‖ C3 ‖ C2. Every
provider is given only the one DER form of a point on the curve, so that all of them refuse alike.
"""

from __future__ import annotations

from ufmi.crypto._curve import is_public_point
from ufmi.errors import DecryptionFailed

# What the key derivation gives for shorter data may be all zeros, in which case the standard has
# the sender begin anew, or equal the data, which gmsm refuses. Over 16 bytes neither ever happens.
PLAIN_BYTES_MIN = 16
PLAIN_BYTES_MAX = 1_024
OVERHEAD_MAX = 128  # of the DER form over what it hides
_POINT_BYTES, _HASH_BYTES = 65, 32
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30


def is_ciphertext(der: bytes) -> bool:
    """Whether `der` is the one DER form of a ciphertext with C1 on the curve."""
    try:
        der_to_raw(der)
    except DecryptionFailed:
        return False
    return True


def raw_to_der(raw: bytes) -> bytes:
    """From C1 ‖ C3 ‖ C2, C1 being 04 ‖ x ‖ y, to DER.

    Raises:
        DecryptionFailed: too short or too long, or C1 is not on the curve.
    """
    c1, c3 = raw[:_POINT_BYTES], raw[_POINT_BYTES : _POINT_BYTES + _HASH_BYTES]
    c2 = raw[_POINT_BYTES + _HASH_BYTES :]
    if not PLAIN_BYTES_MIN <= len(c2) <= PLAIN_BYTES_MAX or not is_public_point(c1):
        raise DecryptionFailed("not a ciphertext of SM2")
    parts = [
        _tagged(_INTEGER, _shortest(c1[1:33])),
        _tagged(_INTEGER, _shortest(c1[33:])),
        _tagged(_OCTETS, c3),
        _tagged(_OCTETS, c2),
    ]
    return _tagged(_SEQUENCE, b"".join(parts))


def der_to_raw(der: bytes) -> bytes:
    """From DER to C1 ‖ C3 ‖ C2. Raises DecryptionFailed for anything but the one DER form."""
    try:
        inner, _ = _read(der, 0, _SEQUENCE)
        x, at = _read(inner, 0, _INTEGER)
        y, at = _read(inner, at, _INTEGER)
        c3, at = _read(inner, at, _OCTETS)
        c2, at = _read(inner, at, _OCTETS)
        raw = b"\x04" + _coordinate(x) + _coordinate(y) + c3 + c2
    except (IndexError, OverflowError) as problem:
        raise DecryptionFailed("not a ciphertext of SM2 in DER") from problem
    # Whatever else is amiss, a form that is not the shortest or something behind it, shows here.
    if len(c3) != _HASH_BYTES or raw_to_der(raw) != der:
        raise DecryptionFailed("not a ciphertext of SM2 in DER")
    return raw


def _coordinate(integer: bytes) -> bytes:
    return int.from_bytes(integer, "big").to_bytes(32, "big")


def _shortest(coordinate: bytes) -> bytes:
    """The bytes of a positive INTEGER."""
    value = int.from_bytes(coordinate, "big")
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _read(data: bytes, at: int, tag: int) -> tuple[bytes, int]:
    """The content of the element at `at`, and where it ends. Raises IndexError."""
    if data[at] != tag:
        raise IndexError("another element")
    size, at = data[at + 1], at + 2
    if size & 0x80:
        digits = size & 0x7F
        if digits > 2:
            raise IndexError("too long")
        size, at = int.from_bytes(data[at : at + digits], "big"), at + digits
    return data[at : at + size], at + size
