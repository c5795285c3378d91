"""Verification for everybody: checks, the cache of what was verified, the provider."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache

from ufmi.crypto._choice import provider
from ufmi.crypto._curve import is_public_point, is_signature
from ufmi.crypto._provider import Signed

CACHE_BYTES_MAX = 64 * 1024 * 1024
_ENTRY_BYTES = 400  # of an entry beside its message


class SignatureCache:
    """Remembers verified triples, so that one process verifies each only once.

    Only successes are kept, and by all their bytes: an entry vouches for nothing else. The oldest
    leave first.
    """

    def __init__(self, bytes_max: int = CACHE_BYTES_MAX) -> None:
        # A plain dict looks through the places of all that have left to find its oldest.
        self._known: OrderedDict[Signed, None] = OrderedDict()
        self.bytes = 0
        self._bytes_max = bytes_max
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, item: Signed) -> bool:
        return item in self._known

    def add(self, item: Signed) -> None:
        with self._lock:
            if item in self._known:
                return
            self._known[item] = None
            self.bytes += _size(item)
            while self.bytes > self._bytes_max:
                oldest, _ = self._known.popitem(last=False)
                self.bytes -= _size(oldest)

    def clear(self) -> None:
        with self._lock:
            self._known.clear()
            self.bytes = 0


def _size(item: Signed) -> int:
    return _ENTRY_BYTES + len(item[1])


cache = SignatureCache()

_is_point = lru_cache(maxsize=65_536)(is_public_point)


def verify_many(items: Sequence[Signed]) -> list[bool]:
    """Verifies SM2 signatures over SM3 with the default signer id, many at once.

    Args:
        items: (public key of 65 bytes with 04 first, message, signature in DER) each.

    Returns:
        One verdict an item, in order. Keys off the curve, signatures that are not in the one DER
        form and r or s out of range are False like any wrong signature.
    """
    verdicts = [False] * len(items)
    open_at, open_items = [], []
    for at, item in enumerate(items):
        if item in cache:
            verdicts[at] = True
        elif _is_point(item[0]) and is_signature(item[2]):
            open_at.append(at)
            open_items.append(item)
    if open_items:
        found = provider().verify_many(open_items)
        for at, item, good in zip(open_at, open_items, found, strict=True):
            if good:
                verdicts[at] = True
                cache.add(item)
    return verdicts
