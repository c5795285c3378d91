"""An index fed by hand: records and documents without a ledger."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from ufmi.contract import encode_record
from ufmi.frontend.documents import Documents
from ufmi.protocol.codes import asset_code, user_id
from ufmi.protocol.records import Account, Address, Asset, Key, Mark, Party, Record, User
from ufmi.search.lookup import Found
from ufmi.search.query import read_query
from ufmi.search.store import IndexStore, Place
from ufmi.system import ControlledClock

BROKER, BANK, REGISTRY = "NLOTUSCNBXXX", "NHARBOCNBXXX", "NNORTHCNBXXX"


def account(**changes: Any) -> Account:
    values: dict[str, Any] = {
        "broker": BROKER,
        "broker_user": "client-17",
        "bank": BANK,
        "bank_user": "6222-0001",
        "registry": REGISTRY,
        "registry_user": "holder-1",
        "tx": "tx",
        "answered": "00" * 32,
        "document": "",
        "addresses": (),
        "valid_until": 1,
        "bank_confirmed": "Y",
        "registry_confirmed": "Y",
    }
    return Account(**values | changes)


def user(number: int = 1, *accounts: Account) -> User:
    return User(user_id(number), f"{number:064x}", accounts or (account(),))


def asset(name: str = "茶舍股份", number: int = 1, **changes: Any) -> Asset:
    own = f"6{number:05d}"
    values: dict[str, Any] = {
        "code": asset_code(REGISTRY, own),
        "registry": REGISTRY,
        "registry_asset": own,
        "name": name,
        "asset_class": "STOCK",
        "decimals": 0,
        "currency": "CNY",
        "document": "",
    }
    return Asset(**values | changes)


def party(id: str = BROKER, role: str = "BROKER", name: str = "Lotus 证券") -> Party:
    return Party(id, role, "MXBJE", name, (Key("04", 1),))


def address(text: str, owner: str, **changes: Any) -> Address:
    return Address(text, owner, Key("04", 1), **changes)


def key_of(record: Record) -> str:
    if isinstance(record, User):
        return f"user/{record.id}"
    if isinstance(record, Party):
        return f"party/{record.id}"
    if isinstance(record, Address):
        return f"address/{record.address}"
    if isinstance(record, Asset | Mark):
        return f"{type(record).__name__.lower()}/{record.code}"
    raise TypeError(record)


class World:
    """An index and a store of documents in a folder; every `write` is a block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.documents = Documents(folder / "documents", ControlledClock(1_000))
        self.documents.recover()
        self.index = IndexStore(folder / "search", self.documents)
        self.blocks = 0
        self.state: dict[str, bytes] = {}

    def write(self, *records: Record, removed: tuple[str, ...] = ()) -> None:
        writes: dict[str, bytes | None] = dict.fromkeys(removed)
        writes |= {key_of(one): encode_record(one) for one in records}
        self.blocks += 1
        for key, value in writes.items():
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        with self.index.change():
            self.index.take(writes, Place("net", self.blocks, b""))

    def rebuild(self) -> None:
        """All anew, in one step, from the state alone."""
        with self.index.change():
            self.index.clear()
            self.index.take(dict(self.state), Place("net", self.blocks, b""))
            self.index.refresh()

    def find(self, text: str = "", *where: str, kind: str = "", limit: int = 1_000) -> Found:
        with self.index.change():
            self.index.refresh()
        return self.index.find(read_query(text, where), kind, limit)

    def ids(self, text: str = "", *where: str, kind: str = "") -> list[str]:
        return sorted(hit.id for hit in self.find(text, *where, kind=kind).hits)

    def close(self) -> None:
        self.index.close()


def contents(folder: Path) -> dict[str, list[Any]]:
    """Everything that an index says, apart from the numbers that it gave to its rows."""
    db = sqlite3.connect(folder / "index.sqlite")
    try:
        return {
            "place": db.execute("select * from place").fetchall(),
            "record": db.execute("select * from record order by key").fetchall(),
            "entry": db.execute("select key, kind, code from entry order by key").fetchall(),
            "field": db.execute(
                "select key, at, name, leaf, value, folded from field"
                " join entry on entry.id = entry order by key, at"
            ).fetchall(),
            "document": db.execute(
                "select key, digest, there from document join entry on entry.id = entry"
                " order by key, digest"
            ).fetchall(),
            "words": db.execute(
                "select key, tokens from words join entry on entry.id = words.rowid order by key"
            ).fetchall(),
        }
    finally:
        db.close()
