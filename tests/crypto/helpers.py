"""What the tests of keys and signatures share: fixed keys, hand-made DER, a second opinion."""

from __future__ import annotations

from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from gmssl import func
from gmssl import sm3 as gmssl_sm3
from gmssl.sm2 import CryptSM2

from ufmi.crypto import Sm2PrivateKey

N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93


def key_of(name: str) -> Sm2PrivateKey:
    """The same key for the same name, so that a failure can be seen again."""
    return Sm2PrivateKey(sha256(name.encode()).digest())


def gmssl_digest(data: bytes) -> str:
    return str(gmssl_sm3.sm3_hash(func.bytes_to_list(data)))


def gmssl_of(key: Sm2PrivateKey) -> CryptSM2:
    """gmssl with this key. Its constructor damages keys that begin with 04 or 0, 4 digits.

    Mode 1 is C1, C3, C2. It compares C3 with nothing and lets C1 be off the curve.
    """
    other = CryptSM2(private_key=key.to_hex(), public_key="", mode=1)
    other.public_key = key.public_key.to_hex()[2:]
    return other


def gmssl_sign(key: Sm2PrivateKey, message: bytes, k: str | None = None) -> bytes:
    signature = gmssl_of(key).sign_with_sm3(message, k)
    return encode_dss_signature(int(signature[:64], 16), int(signature[64:], 16))


def gmssl_verifies(key: Sm2PrivateKey, message: bytes, r: int, s: int) -> bool:
    return bool(gmssl_of(key).verify_with_sm3(f"{r:064x}{s:064x}", message))


def integer(value: bytes) -> bytes:
    """A DER INTEGER of exactly these bytes, whether or not that is allowed."""
    return b"\x02" + bytes([len(value)]) + value


def shortest(value: int) -> bytes:
    """The bytes of a positive INTEGER as DER wants them."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def sequence(*parts: bytes) -> bytes:
    inner = b"".join(parts)
    return b"\x30" + bytes([len(inner)]) + inner


def root(square: int) -> int | None:
    """A square root modulo p (p ≡ 3 mod 4), if there is one."""
    found = pow(square, (P + 1) // 4, P)
    return found if found * found % P == square % P else None
