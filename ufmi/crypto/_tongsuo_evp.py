"""SM2 encryption by the functions of Tongsuo that tongsuopy binds but offers no Python for.

They are tongsuopy's inner parts, which is why pyproject.toml pins that package to one release. The
alternative without Go, gmssl, neither compares C3 nor checks that C1 lies on the curve, and takes
its random numbers from a generator that can be foretold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tongsuopy.backends.tongsuo import backend

from ufmi.errors import CryptoError, DecryptionFailed

_lib, _ffi = backend._lib, backend._ffi


def encrypt(public_key: Any, data: bytes) -> bytes:
    """The ciphertext in DER. `public_key` is tongsuopy's object."""
    made = _run(public_key, _lib.EVP_PKEY_encrypt_init, _lib.EVP_PKEY_encrypt, data)
    if made is None:
        raise CryptoError("Tongsuo could not encrypt")
    return made


def decrypt(private_key: Any, ciphertext: bytes) -> bytes:
    """The way back. Raises DecryptionFailed."""
    data = _run(private_key, _lib.EVP_PKEY_decrypt_init, _lib.EVP_PKEY_decrypt, ciphertext)
    if data is None:
        raise DecryptionFailed("the ciphertext was changed, or made for another key")
    return data


def _run(
    key: Any, begin: Callable[..., int], transform: Callable[..., int], data: bytes
) -> bytes | None:
    """None where Tongsuo refuses, whatever its reason."""
    context = _ffi.gc(_lib.EVP_PKEY_CTX_new(key._evp_pkey, _ffi.NULL), _lib.EVP_PKEY_CTX_free)
    length = _ffi.new("size_t *")
    # A call without room only tells how much there must be, which may be too much.
    good = context != _ffi.NULL and begin(context) == 1
    if good and transform(context, _ffi.NULL, length, data, len(data)) == 1:
        room = _ffi.new("unsigned char[]", length[0])
        if transform(context, room, length, data, len(data)) == 1:
            return bytes(_ffi.buffer(room, length[0]))
    backend._consume_errors()  # or the next call on this thread would find them
    return None
