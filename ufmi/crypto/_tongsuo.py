"""SM2 by tongsuopy (bindings of Tongsuo): the provider that needs no Go.

It releases the interpreter lock, so large batches are spread over threads; a process that verifies
much has worker processes do it.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from tongsuopy.__about__ import __version__
from tongsuopy.crypto.asymciphers import ec

from ufmi.crypto import _tongsuo_evp
from ufmi.crypto._pool import Workers
from ufmi.crypto._provider import Signed
from ufmi.crypto._worker import ALGORITHM, CURVE, verify

_CHUNK_MIN = 8
# Starting workers takes about as long as this many verifications. Whoever has had that many
# verified, in parts large enough to be worth sending, will want more.
_LARGE = 64
_WORTH_WORKERS = 1_000


@lru_cache(maxsize=256)
def _private(raw: bytes) -> Any:
    return ec.derive_private_key(int.from_bytes(raw, "big"), CURVE)


class TongsuoProvider:
    """See `ufmi.crypto._provider.Provider`."""

    name = "tongsuopy"

    def __init__(self) -> None:
        self.version = str(__version__)
        self.workers: Workers | None = None
        self._threads = os.cpu_count() or 1
        self._pool: ThreadPoolExecutor | None = None
        self._until_workers = _WORTH_WORKERS
        self._lock = threading.Lock()
        self._starting: threading.Thread | None = None

    def verify_many(self, items: Sequence[Signed]) -> list[bool]:
        share = max(_CHUNK_MIN, -(-len(items) // self._threads))
        if self._threads == 1 or len(items) <= share:
            return verify(items)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="sm2")
        parts = [items[at : at + share] for at in range(0, len(items), share)]
        return [verdict for part in self._pool.map(self._verify, parts) for verdict in part]

    def _verify(self, items: Sequence[Signed]) -> list[bool]:
        if len(items) < _LARGE:
            return verify(items)
        workers = self.workers
        if workers is None:
            self._count(len(items))
            return verify(items)
        try:
            return workers.verify(items)
        except OSError:
            # Whatever ended them may do it again. Without them it is slower and not different.
            self.workers = None
            workers.close()
            return verify(items)

    def _count(self, verified: int) -> None:
        """Has workers started, beside the work, once enough was verified; never a second time."""
        with self._lock:
            self._until_workers -= verified
            if self._until_workers <= 0 and self._starting is None:
                self._starting = threading.Thread(target=self._start, name="sm2-start")
                self._starting.start()

    @property
    def starting(self) -> bool:
        """Whether workers are, or have been, on their way."""
        return self._starting is not None

    def _start(self) -> None:
        try:
            self.workers = Workers(self._threads)
        except OSError:
            return  # no processes here; threads go on
        atexit.register(self.close)

    def close(self) -> None:
        """Ends the workers."""
        with self._lock:
            starting = self._starting
        if starting is not None:
            starting.join()
        workers, self.workers = self.workers, None
        if workers is not None:
            workers.close()
            atexit.unregister(self.close)

    def sign(self, private_key: bytes, message: bytes) -> bytes:
        return bytes(_private(private_key).sign(message, ALGORITHM))

    def encrypt(self, public_key: bytes, data: bytes) -> bytes:
        key = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, public_key)
        return _tongsuo_evp.encrypt(key, data)

    def decrypt(self, private_key: bytes, ciphertext: bytes) -> bytes:
        return _tongsuo_evp.decrypt(_private(private_key), ciphertext)


def public_of(private_key: bytes) -> bytes:
    """The uncompressed public key (65 bytes) of a private one (32 bytes)."""
    numbers = _private(private_key).public_key().public_numbers()
    return bytes([4]) + int(numbers.x).to_bytes(32, "big") + int(numbers.y).to_bytes(32, "big")
