"""The search index of a node: follows the ledger block by block, and answers questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from ufmi.errors import StoreCorrupted
from ufmi.frontend.documents import Documents, Tombstone
from ufmi.ledger import Block, Network
from ufmi.ledger.embedded.rwset import decode
from ufmi.node import Node
from ufmi.search.entries import FOLLOWED, prefix_of
from ufmi.search.lookup import Found
from ufmi.search.query import read_query
from ufmi.search.store import IndexStore, Place

CONTRACT = "udl"
FOLDER = "search"
_BLOCKS_AT_ONCE = 200


class Index:
    """Search over the users and assets of a node, for the node's operator.

    It is brought up to date when it is asked. Whoever can read the data folder can read it:
    nothing here asks for rights, and it is not for parties of the market.

    Args:
        node: an open node. The index is in its data folder, in DIR/search.

    Raises:
        StorageFailed: the file cannot be opened.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._store = IndexStore(node.folder / FOLDER, node.frontend.documents)

    def find(
        self, text: str = "", *, kind: str = "", where: Sequence[str] = (), limit: int = 20
    ) -> Found:
        """Users and assets in which all that is asked for is found, the nearest first.

        Args:
            text: words and "phrases"; Chinese needs no blanks; `tea*`: words that begin so.
            kind: `user` (UIDR: users and parties) or `asset` (UAR: assets and marks); both if
                empty.
            where: conditions NAME=VALUE (is) or NAME~VALUE (contains) on fields.
            limit: how many at most, up to 1,000.

        Raises:
            SearchError: too long, or there is no such kind, field or limit.
            StoreCorrupted: the index is damaged; `rebuild` makes it anew.
            LedgerError: the ledger cannot be read.
        """
        query = read_query(text, where)
        self.update()
        return self._store.find(query, kind, limit)

    def update(self) -> int:
        """Takes in what is new on the ledger and among the documents; returns its blocks.

        Raises:
            StoreCorrupted, StorageFailed, LedgerInUse, LedgerError: as `find`.
        """
        channel = self._node.channel
        self._leave_other_ledger(channel)
        while self._follow(channel):
            pass
        with self._store.change():
            self._store.refresh()
            return self._store.place().block

    def _leave_other_ledger(self, channel: Network) -> None:
        """Begins anew where the index is of another ledger, or of one that was set back."""
        with self._store.change():
            place = self._store.place()
            if not place.block:
                return
            height = channel.height()
            same = place.network == self._node.network and place.block <= height
            if not same or channel.block(place.block - 1).hash != place.hash:
                self._store.clear()

    def _follow(self, channel: Network) -> bool:
        """Takes in the next blocks; False if there are none."""
        with self._store.change():
            place = self._store.place()
            if place.block >= channel.height():
                return False
            blocks = list(islice(channel.past_blocks(place.block), _BLOCKS_AT_ONCE))
            writes: dict[str, bytes | None] = {}
            for block in blocks:
                writes.update(writes_of(block))
            newest = blocks[-1]
            to = Place(self._node.network, newest.number + 1, newest.hash)
            self._store.take(writes, to)
            return True

    def rebuild(self) -> int:
        """Makes the index anew from ledger and documents; returns the blocks taken in."""
        try:
            with self._store.change():
                self._store.clear()
        except StoreCorrupted:
            self._store.remove()
        return self.update()

    def erase(self, digest: str, reason: str = "") -> Tombstone:
        """Erases a document: from the store for good, and from the index.

        Raises:
            NotFound, InvalidField, StorageFailed, StoreCorrupted, LedgerInUse: as `erase` below.
        """
        return erase(self._node.folder, self._node.frontend.documents, digest, reason)

    def close(self) -> None:
        """Closes the file."""
        self._store.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def find_offline(
    data: Path, text: str = "", *, kind: str = "", where: Sequence[str] = (), limit: int = 20
) -> Found:
    """The same as `Index.find`, as far as the index has come, without the ledger.

    For a data folder whose ledger another process has open. Raises as `Index.find`.
    """
    query = read_query(text, where)
    store = IndexStore(data / FOLDER, Documents(data / "frontend" / "documents"))
    try:
        with store.change():
            store.refresh()
        return store.find(query, kind, limit)
    finally:
        store.close()


def erase(data: Path, documents: Documents, digest: str, reason: str = "") -> Tombstone:
    """Erases a document from a data folder: from the store for good, and from the index.

    Another process may have the ledger open meanwhile.

    Raises:
        NotFound: there is no such document.
        InvalidField: not a digest, or the reason is too long.
        StorageFailed, StoreCorrupted, LedgerInUse: the document is erased, but the index could not
            be changed; it lets go of the document when it is next used.
    """
    tombstone = documents.erase(digest, reason)
    if (data / FOLDER).is_dir():
        store = IndexStore(data / FOLDER, documents)
        try:
            with store.change():
                store.refresh()
        finally:
            store.close()
    return tombstone


def writes_of(block: Block) -> Iterator[tuple[str, bytes | None]]:
    """What the valid transactions of a block wrote under keys that the index follows."""
    for transaction in block.transactions():
        if not transaction.valid or transaction.endorsed is None:
            continue
        for sets in decode(transaction.endorsed.action.results):
            if sets.namespace == CONTRACT:
                for key, value in sets.writes.items():
                    if prefix_of(key) in FOLLOWED and "/" in key:
                        yield key, value
