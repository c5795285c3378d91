"""Verification for everybody: checks, the cache of what was verified, the provider."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache

from ufmi.crypto._choice import provider
from ufmi.crypto._curve import is_public_point, is_signature
from ufmi.crypto._provider import Signed

CACHE_ENTRIES_MAX = 200_000


class SignatureCache:
    """Remembers verified triples, so that one process verifies each only once.

    Holds salted digests, at most `entries_max`; the oldest leave first. Only successes are kept.
    """

    def __init__(self, entries_max: int = CACHE_ENTRIES_MAX) -> None:
        # A plain dict looks through the places of all that have left to find its oldest.
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._entries_max = entries_max
        # Salted, so that nobody can prepare entries that collide.
        self._salt = os.urandom(16)

    def __len__(self) -> int:
        return len(self._known)

    def name(self, item: Signed) -> bytes:
        key, message, signature = item
        # Fixed length, length byte, rest: no two triples have the same bytes.
        whole = b"".join((self._salt, key, bytes((len(signature),)), signature, message))
        return hashlib.sha256(whole).digest()

    def __contains__(self, name: bytes) -> bool:
        return name in self._known

    def add(self, name: bytes) -> None:
        if len(self._known) >= self._entries_max:
            self._known.popitem(last=False)
        self._known[name] = None

    def clear(self) -> None:
        self._known.clear()


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
    open_at, open_names, open_items = [], [], []
    for at, item in enumerate(items):
        if not _is_point(item[0]):
            continue
        if len(item[2]) > 72:
            continue
        name = cache.name(item)
        if name in cache:
            verdicts[at] = True
        elif is_signature(item[2]):
            open_at.append(at)
            open_names.append(name)
            open_items.append(item)
    if open_items:
        for at, name, good in zip(
            open_at, open_names, provider().verify_many(open_items), strict=True
        ):
            if good:
                verdicts[at] = True
                cache.add(name)
    return verdicts
