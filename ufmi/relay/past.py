"""What the relay knows of all objects reported so far: the merged history, in one SQLite file.

Everything in it follows from the business channel's blocks; it can be deleted at any time. Changes
last from one `save` to the next.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from chaincode.csrb.records import VERSIONS_MAX
from chaincode.csrb.records import Object as Life
from ufmi.errors import StorageFailed
from ufmi.regulatory.merging import merged_body
from ufmi.regulatory.text import Object, canonical, read

# Of open exceptions, one snapshot puts so many right; more wait for the next one.
CORRECTED_MAX = 50
_FORM = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY CHECK (one = 1), form INTEGER,
    block INTEGER, hash BLOB, config BLOB, builder BLOB);
CREATE TABLE IF NOT EXISTS object (id TEXT PRIMARY KEY, type TEXT, owner TEXT, latest INTEGER,
    deleted INTEGER, body BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS version (id TEXT, version INTEGER, snapshot BLOB,
    PRIMARY KEY (id, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fault (owner TEXT, id TEXT, block INTEGER, place INTEGER,
    PRIMARY KEY (owner, id, block, place)) WITHOUT ROWID;
"""


class Place(NamedTuple):
    """How far blocks were folded, and what is needed to go on."""

    block: int  # the next one
    hash: bytes  # of the block before it
    config: bytes  # the block with the channel's configuration
    builder: bytes  # the builder's own checkpoint


class Past:
    """Objects with the whole body of their latest version, and all versions as they came.

    Not for several threads. Methods raise StorageFailed where the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        with _told(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._open()

    def _open(self) -> None:
        with _told(self._path):
            self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            # What the last moments bring can be folded again.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_TABLES)
            self._db.execute("BEGIN IMMEDIATE")

    def place(self) -> Place | None:
        """Where the last `save` was; None if there is none of this form."""
        with _told(self._path):
            row = self._db.execute(
                "SELECT block, hash, config, builder FROM place WHERE form = ?", (_FORM,)
            ).fetchone()
        return Place(*row) if row else None

    def save(self, place: Place) -> None:
        """All changes so far last from now on."""
        with _told(self._path):
            self._db.execute(
                "INSERT OR REPLACE INTO place VALUES (1, ?, ?, ?, ?, ?)", (_FORM, *place)
            )
            self._db.execute("COMMIT")
            self._db.execute("BEGIN IMMEDIATE")

    def drop(self) -> None:
        """Forgets what was not saved."""
        with _told(self._path):
            self._db.execute("ROLLBACK")
            self._db.execute("BEGIN IMMEDIATE")

    def clear(self) -> None:
        """Begins again with nothing."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            with _told(self._path):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._open()

    def close(self) -> None:
        """Closes; what was not saved is forgotten."""
        self._db.close()

    # -- objects ----------------------------------------------------------------------------

    @contextmanager
    def trial(self) -> Iterator[None]:
        """What happens within is undone where it raises."""
        self._db.execute("SAVEPOINT trial")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK TO trial")
            raise
        finally:
            self._db.execute("RELEASE trial")

    def life(self, id: str) -> Life | None:
        """An object over its life."""
        row = self._row("SELECT type, owner, latest, deleted FROM object WHERE id = ?", id)
        return Life(id, row[0], row[1], row[2], bool(row[3])) if row else None

    def type_of(self, id: str, version: int) -> str | None:
        """The type of the object that has such a version."""
        if not 0 <= version <= VERSIONS_MAX:
            return None
        row = self._row("SELECT type FROM object WHERE id = ? AND latest >= ?", id, version)
        return str(row[0]) if row else None

    def body_before(self, id: str, version: int) -> Object | None:
        """The whole body of the version before this one; None where there is none."""
        row = self._row("SELECT latest, body FROM object WHERE id = ?", id)
        if row is None or version == 0:
            return None
        if row[0] == version - 1:
            return read(row[1]) if row[1] else None
        body: Object | None = None
        for (raw,) in self._db.execute(
            "SELECT snapshot FROM version WHERE id = ? AND version < ? ORDER BY version",
            (id, version),
        ):
            body = merged_body(body, read(raw))
        return body

    def take(self, after: Life, snapshot: Object, body: Object | None) -> None:
        """Takes a snapshot with the object as it is afterwards, and the whole body that it makes.

        Raises:
            MalformedObject: it is too large to be written.
        """
        version = snapshot["header"]["content"]["version"]
        self._db.execute(
            "INSERT OR REPLACE INTO version VALUES (?, ?, ?)",
            (after.id, version, canonical(snapshot)),
        )
        if version == after.latest:
            whole = b"" if body is None else canonical(body)
            self._db.execute(
                "INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?, ?, ?)",
                (after.id, after.type, after.owner, after.latest, after.deleted, whole),
            )

    # -- exceptions -------------------------------------------------------------------------

    def fault(self, owner: str, id: str, block: int, place: int) -> None:
        """Remembers an exception as open."""
        self._db.execute(
            "INSERT OR REPLACE INTO fault VALUES (?, ?, ?, ?)", (owner, id, block, place)
        )

    def correct(self, owner: str, id: str) -> list[tuple[int, int]]:
        """Block and place of an object's open exceptions, the oldest first; open no longer."""
        found = self._db.execute(
            "SELECT block, place FROM fault WHERE owner = ? AND id = ?"
            " ORDER BY block, place LIMIT ?",
            (owner, id, CORRECTED_MAX),
        ).fetchall()
        for block, place in found:
            self._db.execute(
                "DELETE FROM fault WHERE owner = ? AND id = ? AND block = ? AND place = ?",
                (owner, id, block, place),
            )
        return found

    def _row(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self._db.execute(statement, values).fetchone()
        return found


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as problem:
        raise StorageFailed(f"{path} cannot be used: {problem}") from problem
