"""SM4 (GB/T 32907) in Galois/counter mode, as RFC 8998 uses it."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ufmi.errors import DecryptionFailed

KEY_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16


def encrypt(key: bytes, nonce: bytes, data: bytes, associated: bytes) -> bytes:
    """The ciphertext with its tag behind it. A nonce serves once under one key."""
    encryptor = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(associated)
    return encryptor.update(data) + encryptor.finalize() + encryptor.tag


def decrypt(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    """The way back.

    Raises:
        DecryptionFailed: key, nonce, ciphertext, tag or associated data is another one.
    """
    if len(sealed) < TAG_BYTES:
        raise DecryptionFailed("too short for a tag")
    ciphertext, tag = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
    decryptor = Cipher(algorithms.SM4(key), modes.GCM(nonce, tag)).decryptor()
    decryptor.authenticate_additional_data(associated)
    try:
        return decryptor.update(ciphertext) + decryptor.finalize()
    except InvalidTag as problem:
        raise DecryptionFailed("the tag does not fit") from problem
