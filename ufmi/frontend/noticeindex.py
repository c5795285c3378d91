"""Where a party's notices lie: an index over the blocks, with the signatures made so far.

It is brought up when somebody asks, never while a block is committed, and holds nothing but
signatures that the blocks do not give: deleted, it is built anew (and lists are signed anew).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from ufmi.crypto import Signer
from ufmi.errors import StoreCorrupted, UsageError
from ufmi.frontend.deliveries import Delivery
from ufmi.frontend.notices import (
    Bundled,
    Notices,
    SignedBundle,
    bundles_of,
    list_of_block,
)
from ufmi.ledger import Block, Network
from ufmi.protocol.kinds import AMOUNT_MAX

ASKED_MAX = 1_000
_BLOCKS_A_COMMIT = 200

_TABLES = """
create table if not exists block (number integer primary key, hash text, signature text);
create table if not exists bundle (
    party text, first integer, last integer, block integer, digest text,
    primary key (party, first)
) without rowid;
create index if not exists bundle_block on bundle (block, party);
"""

_Method = TypeVar("_Method", bound=Callable[..., Any])


def _readable(method: _Method) -> _Method:
    """Says what to do where SQLite finds its file damaged."""

    @wraps(method)
    def run(self: NoticeIndex, *arguments: Any) -> Any:
        try:
            return method(self, *arguments)
        except sqlite3.Error as problem:
            raise StoreCorrupted(
                f"the index {self.path} cannot be used: {problem}",
                hint="Move the file away; it is built anew from the blocks",
            ) from problem

    return run  # type: ignore[return-value]


class NoticeIndex:
    """Bundles by party and number, and each block's signature once it was made."""

    def __init__(self, path: Path, channel: Network, signer: Signer) -> None:
        self.path = path
        self._channel = channel
        self._signer = signer
        self._lock = threading.Lock()
        self._open: sqlite3.Connection | None = None

    @_readable
    def ask(self, network: str, party: str, start: int, limit: int) -> list[SignedBundle]:
        """The party's bundles from that which holds number `start` on. See `Frontend`."""
        if not 1 <= start <= AMOUNT_MAX:
            raise UsageError(f"numbers of notifications begin with 1, not {start}")
        if not 1 <= limit <= ASKED_MAX:
            raise UsageError(f"between 1 and {ASKED_MAX} notifications can be asked for at once")
        found: list[SignedBundle] = []
        with self._lock, self._database:
            self._bring_up(network)
            rows = self._database.execute(
                "select block, first, last, digest from bundle"
                " where party = ? and last >= ? order by first limit ?",
                (party, start, limit),
            ).fetchall()
            for block, first, last, digest in rows:
                if first - start >= limit:
                    break
                entry = Bundled(party, first, last, digest)
                found.append(self._signed(network, self._channel.block(block), entry))
        return found

    @property
    def _database(self) -> sqlite3.Connection:
        # Opened late: a damaged index must not keep the front-end from starting.
        if self._open is None:
            self._open = sqlite3.connect(self.path, check_same_thread=False)
            self.path.chmod(0o600)
            self._open.executescript(_TABLES)
        return self._open

    # -- bringing up ------------------------------------------------------------------------

    def _bring_up(self, network: str) -> None:
        height = self._channel.height()
        start = self._newest(height) + 1
        if start >= height:
            return
        for block in self._channel.past_blocks(start):
            bundles = bundles_of(network, block, self._last_number)
            if bundles:
                self._keep(list_of_block(network, block, bundles))
            if block.number % _BLOCKS_A_COMMIT == 0:
                self._database.commit()
        self._database.commit()

    def _newest(self, height: int) -> int:
        """The newest indexed block that the ledger has too; what only the index has goes.

        A ledger that was restored from a backup may be shorter than its index, or go on otherwise.
        """
        while True:
            found = self._database.execute(
                "select number, hash from block order by number desc limit 1"
            ).fetchone()
            if found is None:
                return -1
            number, name = found
            if number < height and self._channel.block(number).hash.hex() == name:
                return int(number)
            self._database.execute("delete from bundle where block = ?", (number,))
            self._database.execute("delete from block where number = ?", (number,))

    def _last_number(self, party: str) -> int:
        found = self._database.execute(
            "select last from bundle where party = ? order by first desc limit 1", (party,)
        ).fetchone()
        return int(found[0]) if found else 0

    def _keep(self, notices: Notices) -> None:
        self._database.execute("insert into block values (?, ?, '')", (notices.block, notices.hash))
        self._database.executemany(
            "insert into bundle values (?, ?, ?, ?, ?)",
            [
                (one.party, one.first, one.last, notices.block, one.digest)
                for one in notices.bundles
            ],
        )

    # -- answering --------------------------------------------------------------------------

    def _signed(self, network: str, block: Block, entry: Bundled) -> SignedBundle:
        notices = self._list(network, block)
        # The block gives the deliveries, the index the number before the first of them.
        before = {one.party: one.first - 1 for one in notices.bundles}
        derived = bundles_of(network, block, lambda party: before.get(party, 0))
        bundle = next((one for one in derived if one.party == entry.party), None)
        if bundle is None or bundle.entry != entry:
            raise StoreCorrupted(
                f"the index {self.path} does not agree with block {block.number}",
                hint="Move the file away; it is built anew from the blocks",
            )
        return SignedBundle(bundle, notices, self._signature(notices))

    def _list(self, network: str, block: Block) -> Notices:
        rows = self._database.execute(
            "select party, first, last, digest from bundle where block = ? order by party",
            (block.number,),
        )
        entries = tuple([Bundled(*row) for row in rows])
        return Notices(network, block.number, block.hash.hex(), entries)

    def _signature(self, notices: Notices) -> str:
        """The one signature of a block's list: made when first asked for, and kept."""
        (known,) = self._database.execute(
            "select signature from block where number = ?", (notices.block,)
        ).fetchone()
        if not known:
            known = self._signer.sign(notices.text().encode()).hex()
            self._database.execute(
                "update block set signature = ? where number = ?", (known, notices.block)
            )
        return str(known)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None


def newer(found: list[SignedBundle], start: int) -> list[Delivery]:
    """The deliveries from a number on, in order."""
    return [one for each in found for one in each.bundle.deliveries if one.number >= start]
