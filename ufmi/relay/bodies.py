"""Seals snapshots, puts what is private into envelopes, and keeps both in the snapshot store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from chaincode.csrb.records import Snapshot
from ufmi.crypto import Signer, Sm2PublicKey
from ufmi.crypto.envelope import seal_envelope
from ufmi.regulatory.seals import seal
from ufmi.regulatory.store import key_of
from ufmi.regulatory.text import canonical
from ufmi.relay.examine import Item

_THREADS = 8
RandomBytes = Callable[[int], bytes]


class Store(Protocol):
    """Keeps bytes for an object's version, durably when `put` returns; gives their SM3."""

    def put(self, object_id: str, version: int, data: bytes) -> str: ...


class Bodies:
    """Makes the stored form of items, several at once. Safe with threads."""

    def __init__(
        self, store: Store, signer: Signer, regulator: Sm2PublicKey, random_bytes: RandomBytes
    ) -> None:
        self._store = store
        self._signer = signer
        self._regulator = regulator
        self._random_bytes = random_bytes
        self._pool = ThreadPoolExecutor(_THREADS, "ufmi-relay")

    def prepare(self, items: list[Item]) -> list[Snapshot]:
        """Stores the bodies of items; returns what the ledger is told of each.

        Raises:
            SnapshotError, StorageFailed: the store refuses; nothing is reported then.
        """
        return list(self._pool.map(self._prepare, items))

    def _prepare(self, item: Item) -> Snapshot:
        if item.stored is None:
            item.stored = self._store_body(item)
        return item.stored

    def _store_body(self, item: Item) -> Snapshot:
        head: Any = item.header
        id, version = head["object_id"], head["version"]
        sealed = seal(item.draft.snapshot, self._signer)
        data = canonical(sealed)
        if item.draft.private:
            name = f"{id}/{version}".encode()
            data = seal_envelope(data, [self._regulator], name, self._random_bytes)
        digest = self._store.put(id, version, data)
        return Snapshot(
            id=id,
            type=head["type"],
            version=version,
            operation=head["operation"],
            timestamp=head["timestamp"],
            hash=digest,
            content=item.content,
            size=len(data),
            location=key_of(id, version, digest),
            owner=item.draft.owner,
            seals=tuple([one["pub_key"]["value"].lower() for one in sealed["header"]["seal"]]),
            private=item.draft.private,
            source=item.source,
        )

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()
