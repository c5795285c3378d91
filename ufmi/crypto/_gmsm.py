"""SM2 by gmsm, a Go module, through a small C library: many times faster than any wheel.

`python -m ufmi.crypto.build` builds the library where Go is; it is never required.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import struct
from collections.abc import Sequence
from pathlib import Path

from ufmi.crypto._ciphertext import OVERHEAD_MAX
from ufmi.crypto._provider import Signed
from ufmi.errors import CryptoError, DecryptionFailed, ProviderError

SOURCE = Path(__file__).with_name("gmsm")
_SIGNATURE_ROOM = 72


def source_digest() -> str:
    """Names the library's version: it changes with any line of its source."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum", "main.go"):
        digest.update((SOURCE / name).read_bytes())
    return digest.hexdigest()[:16]


def library_path() -> Path:
    """Where the built library lies: in the user's cache folder, by digest of the source."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "ufmi" / "gmsm" / source_digest() / "libufmi_gmsm.so"


def _offsets(parts: Sequence[bytes]) -> bytes:
    at, offsets = 0, [0]
    for part in parts:
        at += len(part)
        offsets.append(at)
    return struct.pack(f"={len(offsets)}I", *offsets)


class GmsmProvider:
    """See `ufmi.crypto._provider.Provider`."""

    name = "gmsm"
    version = "0.42.0"

    def __init__(self) -> None:
        path = library_path()
        if not path.is_file():
            raise ProviderError(
                "the gmsm library is not built",
                hint="Where Go is installed: python -m ufmi.crypto.build",
            )
        # CDLL releases the interpreter lock for the length of a call.
        library = ctypes.CDLL(str(path))
        self._verify = library.ufmi_sm2_verify
        self._verify.restype = None
        self._verify.argtypes = [ctypes.c_int] + [ctypes.c_char_p] * 6
        self._sign = library.ufmi_sm2_sign
        self._sign.restype = ctypes.c_int
        self._sign.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p]
        self._encrypt = library.ufmi_sm2_encrypt
        self._decrypt = library.ufmi_sm2_decrypt
        for function in (self._encrypt, self._decrypt):
            function.restype = ctypes.c_int
            function.argtypes = [*self._sign.argtypes, ctypes.c_int]

    def verify_many(self, items: Sequence[Signed]) -> list[bool]:
        messages = [item[1] for item in items]
        signatures = [item[2] for item in items]
        verdicts = ctypes.create_string_buffer(len(items) or 1)
        self._verify(
            len(items),
            b"".join([item[0] for item in items]),
            b"".join(messages),
            _offsets(messages),
            b"".join(signatures),
            _offsets(signatures),
            verdicts,
        )
        return [verdict == 1 for verdict in verdicts.raw[: len(items)]]

    def sign(self, private_key: bytes, message: bytes) -> bytes:
        room = ctypes.create_string_buffer(_SIGNATURE_ROOM)
        length = self._sign(private_key, message, len(message), room)
        if length == 0:
            raise CryptoError("gmsm could not sign")
        return room.raw[:length]

    def encrypt(self, public_key: bytes, data: bytes) -> bytes:
        room = ctypes.create_string_buffer(len(data) + OVERHEAD_MAX)
        length = self._encrypt(public_key, data, len(data), room, len(room))
        if length == 0:
            raise CryptoError("gmsm could not encrypt")
        return room.raw[:length]

    def decrypt(self, private_key: bytes, ciphertext: bytes) -> bytes:
        room = ctypes.create_string_buffer(len(ciphertext))
        length = self._decrypt(private_key, ciphertext, len(ciphertext), room, len(room))
        if length == 0:
            raise DecryptionFailed("the ciphertext was changed, or made for another key")
        return room.raw[:length]
