"""The index in its file: SQLite with FTS5. It can be deleted, and built anew from the ledger.

Several processes may use it: every change is one transaction under SQLite's own lock.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import structlog

from ufmi.errors import LedgerInUse, StorageFailed, StoreCorrupted
from ufmi.frontend.documents import Documents
from ufmi.protocol.records import Address
from ufmi.search.entries import KINDS, entry_of, owner_of, prefix_of, read_record
from ufmi.search.lookup import Found, find
from ufmi.search.query import Query
from ufmi.search.tokens import fold, indexed

FORM = 1  # of the tables; another one is built anew
_WAIT_SECONDS = 60.0
_TABLES = """
create table place (network text not null, block integer not null, hash blob not null,
    erased integer not null);
create table record (key text primary key, value blob not null, owner text not null)
    without rowid;
create index record_owner on record (owner) where owner <> '';
create table entry (id integer primary key, key text not null unique, kind text not null,
    code text not null);
create table field (entry integer not null, at integer not null, name text not null,
    leaf text not null, value text not null, folded text not null);
create index field_entry on field (entry);
create index field_leaf on field (leaf, folded);
create table document (entry integer not null, digest text not null, there integer not null);
create index document_entry on document (entry);
create index document_digest on document (digest);
create virtual table words using fts5 (tokens, tokenize = 'ascii');
insert into place values ('', 0, x'', 0);
"""
_NAMES = ("place", "record", "entry", "field", "document", "words")

_log = structlog.get_logger("ufmi.search")


class Place(NamedTuple):
    """How far the index has come: the next block of which ledger, and the last block's hash."""

    network: str
    block: int
    hash: bytes


class IndexStore:
    """The index of one data folder.

    Args:
        folder: for the index alone, which holds what documents say.
        documents: where what records name by digest is found.
    """

    def __init__(self, folder: Path, documents: Documents) -> None:
        self._path = folder / "index.sqlite"
        self._documents = documents
        self._lock = threading.RLock()
        # What this object compared last; most of the time nothing has changed since.
        self._seen: tuple[set[str], set[str]] | None = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._db = self._connect()

    def _connect(self) -> sqlite3.Connection:
        with translated():
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            db = sqlite3.connect(
                self._path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            # What is erased must not stay on free pages.
            db.execute("pragma secure_delete = on")
            db.execute("pragma temp_store = memory")
        return db

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    # -- changes ----------------------------------------------------------------------------

    @contextmanager
    def change(self) -> Iterator[None]:
        """One transaction: all of it or nothing. Tables of another form are made anew first.

        Raises:
            StoreCorrupted, StorageFailed, LedgerInUse: the file is damaged, cannot be written, or
                another process does not let go of it.
        """
        with self._lock, translated():
            self._db.execute("begin immediate")
            try:
                if self._db.execute("pragma user_version").fetchone()[0] != FORM:
                    self.clear()
                yield
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                self._seen = None
                raise

    def clear(self) -> None:
        """Empties the index, within a change."""
        for name in _NAMES:
            self._db.execute(f"drop table if exists {name}")
        for statement in _TABLES.split(";\n"):
            self._db.execute(statement)
        self._db.execute(f"pragma user_version = {FORM}")
        self._seen = None

    def remove(self) -> None:
        """Deletes the file, whatever state it is in, and begins an empty one."""
        with self._lock:
            self._db.close()
            self._path.unlink(missing_ok=True)
            self._path.with_name(self._path.name + "-journal").unlink(missing_ok=True)
            self._db = self._connect()
            self._seen = None

    def place(self) -> Place:
        """How far it has come, within a change."""
        return Place(*self._db.execute("select network, block, hash from place").fetchone())

    def take(self, writes: Mapping[str, bytes | None], to: Place) -> None:
        """Takes in what blocks wrote, within a change. None: the key was deleted."""
        stale: set[str] = set()
        for key, value in writes.items():
            old = self._db.execute("select owner from record where key = ?", (key,)).fetchone()
            owners = {old[0]} if old else set()
            if value is None:
                self._db.execute("delete from record where key = ?", (key,))
            else:
                owner = owner_of(key, value)
                owners.add(owner)
                self._db.execute(
                    "insert or replace into record values (?, ?, ?)", (key, value, owner)
                )
            if prefix_of(key) in KINDS:
                stale.add(key)
            for owner in owners - {""}:
                stale |= {f"user/{owner}", f"party/{owner}"}
        for key in sorted(stale):
            self._derive(key)
        self._db.execute("update place set network = ?, block = ?, hash = ?", to)

    def refresh(self) -> None:
        """Takes in documents that came and lets go of what was erased, within a change."""
        now = self._documents.digests(), self._documents.erased()
        if now == self._seen:
            return
        kept, erased = now
        rows = self._db.execute(
            "select key, digest, there from document join entry on entry.id = document.entry"
        ).fetchall()
        for key in sorted({key for key, digest, there in rows if (digest in kept) != bool(there)}):
            self._derive(key)
        (known,) = self._db.execute("select erased from place").fetchone()
        if len(erased) != known:
            # Only merging all of FTS5's segments lets go of the words that were deleted.
            self._db.execute("insert into words (words) values ('optimize')")
            self._db.execute("update place set erased = ?", (len(erased),))
        self._seen = now

    def _derive(self, key: str) -> None:
        """Makes an entry anew from its record and documents."""
        db = self._db
        old = db.execute("select id from entry where key = ?", (key,)).fetchone()
        if old:
            db.execute("delete from words where rowid = ?", old)
            for table in ("field", "document"):
                db.execute(f"delete from {table} where entry = ?", old)
            db.execute("delete from entry where id = ?", old)
        row = db.execute("select value from record where key = ?", (key,)).fetchone()
        if row is None:
            return
        entry = entry_of(key, row[0], self._addresses(key), self._fetch)
        number = db.execute(
            "insert into entry (key, kind, code) values (?, ?, ?)", (key, entry.kind, entry.id)
        ).lastrowid
        db.executemany(
            "insert into field values (?, ?, ?, ?, ?, ?)",
            [
                (number, at, name, name.rpartition(".")[2], value, fold(value))
                for at, (name, value) in enumerate(entry.fields)
            ],
        )
        db.executemany(
            "insert into document values (?, ?, ?)",
            [(number, digest, there) for digest, there in entry.documents],
        )
        db.execute(
            "insert into words (rowid, tokens) values (?, ?)", (number, indexed(entry.texts))
        )

    def _fetch(self, digest: str) -> str | None:
        try:
            return self._documents.get(digest)
        except StoreCorrupted as problem:
            # One damaged document must not keep all others from being found.
            _log.error("document left out of the index", reason=problem.message)
            return ""

    def _addresses(self, key: str) -> list[Address]:
        rows = self._db.execute(
            "select key, value from record where owner = ? order by key", (key.partition("/")[2],)
        )
        found = [read_record(name, value) for name, value in rows]
        return [one for one in found if isinstance(one, Address)]

    # -- questions --------------------------------------------------------------------------

    def find(self, query: Query, kind: str, limit: int) -> Found:
        """What a question finds; see `ufmi.search.Index.find`."""
        with self.change():
            return find(self._db, query, kind, limit, self._documents)


@contextmanager
def translated() -> Iterator[None]:
    """Turns SQLite's errors into ours."""
    try:
        yield
    except sqlite3.Error as problem:
        code = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise LedgerInUse("another process is changing the search index") from problem
        if code in (
            sqlite3.SQLITE_FULL,
            sqlite3.SQLITE_IOERR,
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_READONLY,
        ):
            raise StorageFailed(f"the search index cannot be written: {problem}") from problem
        raise StoreCorrupted(
            f"the search index is damaged: {problem}",
            hint="Build it anew: ufmi search --rebuild",
        ) from problem
    except OSError as problem:
        raise StorageFailed(f"the search index cannot be opened: {problem}") from problem
