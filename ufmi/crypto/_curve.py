"""The curve of GB/T 32918.5 and the checks that hold whichever provider computes.

Every provider is given only what passed here, so that all of them refuse alike.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
SIGNATURE_BYTES_MAX = 72


def is_public_point(raw: bytes) -> bool:
    """Whether `raw` is 04 ‖ x ‖ y with a point on the curve and coordinates below p."""
    if len(raw) != 65 or raw[0] != 4:
        return False
    x, y = int.from_bytes(raw[1:33], "big"), int.from_bytes(raw[33:], "big")
    if x >= P or y >= P:
        return False
    return (y * y - (x * x * x + A * x + B)) % P == 0


def is_private_scalar(raw: bytes) -> bool:
    """Whether `raw` is 32 bytes with 1 ≤ d ≤ n − 2, as GB/T 32918.1 asks."""
    return len(raw) == 32 and 1 <= int.from_bytes(raw, "big") <= N - 2


def is_signature(der: bytes) -> bool:
    """Whether `der` is the one DER form of (r, s) with both in 1 … n − 1."""
    if len(der) > SIGNATURE_BYTES_MAX:
        return False
    try:
        r, s = decode_dss_signature(der)
    except ValueError:
        return False
    return 0 < r < N and 0 < s < N and encode_dss_signature(r, s) == der
