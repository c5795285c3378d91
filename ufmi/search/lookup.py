"""Questions to the tables of the index."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from ufmi.documents import field_paths
from ufmi.errors import SearchError
from ufmi.frontend.documents import Documents
from ufmi.search.entries import CORE, KINDS
from ufmi.search.query import LIMIT_MAX, Condition, Query


class Hit(NamedTuple):
    """Something that was found."""

    kind: str  # user or asset
    type: str  # user, party, asset or mark
    id: str
    names: list[str]
    fields: dict[str, list[str]]  # of records, and of documents by their paths
    documents: dict[str, str]  # digest → KEPT, MISSING (never given) or ERASED


class Found(NamedTuple):
    """The answer to a question."""

    hits: list[Hit]
    more: bool  # whether there are more than the limit
    blocks: int  # how many blocks of the ledger the index has taken in


def find(
    db: sqlite3.Connection, query: Query, kind: str, limit: int, documents: Documents
) -> Found:
    """What a question finds, the nearest first, else by id.

    Raises:
        SearchError: there is no such kind or field, or the limit is out of range.
    """
    if kind and kind not in KINDS.values():
        raise SearchError(f"there is no kind {kind!r}; there is {' and '.join(_kinds())}")
    if not 1 <= limit <= LIMIT_MAX:
        raise SearchError(f"the limit has to be between 1 and {LIMIT_MAX}")
    for condition in query.conditions:
        _require_field(db, condition.name)
    (blocks,) = db.execute("select block from place").fetchone()
    if query.impossible:
        return Found([], False, blocks)
    sql = ["select entry.id, entry.key, entry.kind, entry.code from entry"]
    values: list[object] = []
    if query.phrases:
        sql.append("join words on words.rowid = entry.id where words match ?")
        values.append(query.expression())
    else:
        sql.append("where true")
    if kind:
        sql.append("and entry.kind = ?")
        values.append(kind)
    for condition in query.conditions:
        clause, more = _clause(condition)
        sql.append(f"and entry.id in ({clause})")
        values += more
    sql.append(f"order by {'words.rank, ' if query.phrases else ''}entry.code, entry.key limit ?")
    rows = db.execute(" ".join(sql), [*values, limit + 1]).fetchall()
    hits = [_hit(db, row, documents) for row in rows[:limit]]
    return Found(hits, len(rows) > limit, blocks)


def _kinds() -> list[str]:
    return list(dict.fromkeys(KINDS.values()))


def _clause(condition: Condition) -> tuple[str, list[object]]:
    """A subquery for the entries of which a condition holds."""
    value = "instr(folded, ?) > 0" if condition.contains else "folded = ?"
    name = condition.name
    if name in CORE:
        return f"select entry from field where name = ? and leaf = ? and {value}", [
            name,
            name,
            condition.value,
        ]
    ending = f".{name}"
    # By its last part, or by as many parts of its path as tell it from others.
    return (
        f"select entry from field where leaf = ? and (name = ? or substr(name, ?) = ?) and {value}",
        [name.rpartition(".")[2], name, -len(ending), ending, condition.value],
    )


def _require_field(db: sqlite3.Connection, name: str) -> None:
    ending = f".{name}"
    if name in CORE or any(path == name or path.endswith(ending) for path in field_paths()):
        return
    known = db.execute(
        "select 1 from field where leaf = ? and (name = ? or substr(name, ?) = ?) limit 1",
        (name.rpartition(".")[2], name, -len(ending), ending),
    ).fetchone()
    if known is None:
        raise SearchError(
            f"there is no field {name!r}; there is {', '.join(sorted(CORE))}, and what documents"
            " have, such as subject_investor_name"
        )


def _hit(db: sqlite3.Connection, row: tuple[int, str, str, str], documents: Documents) -> Hit:
    number, key, kind, code = row
    fields: dict[str, list[str]] = {}
    for name, value in db.execute(
        "select name, value from field where entry = ? order by at", (number,)
    ):
        fields.setdefault(name, []).append(value)
    states = {}
    for digest, there in db.execute(
        "select digest, there from document where entry = ? order by rowid", (number,)
    ):
        gone = "MISSING" if documents.tombstone(digest) is None else "ERASED"
        states[digest] = "KEPT" if there else gone
    return Hit(kind, key.partition("/")[0], code, fields.get("name", []), fields, states)
