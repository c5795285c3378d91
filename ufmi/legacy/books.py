"""Reference books of banks and registries: SQLite files of their own, apart from the ledger.

Without independent books a reconciliation would prove nothing. A real bank or registry has its
own and implements `ufmi.sdk.Book` over it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ufmi.errors import BookError
from ufmi.sdk.institution import LockName

_TABLES = """
create table if not exists account (
    account text not null, item text not null, free integer not null check (free >= 0),
    primary key (account, item)
);
create table if not exists lock (
    instruction text not null, number text not null, account text not null, item text not null,
    amount integer not null, state text not null, primary key (instruction, number)
);
create table if not exists answer (
    instruction text not null, number text not null, line text not null,
    primary key (instruction, number)
);
create table if not exists moved (
    instruction text not null, number text not null, item text not null,
    amount integer not null check (amount >= 0), primary key (instruction, number)
);
create table if not exists expected (
    instruction text not null, number text not null, account text not null,
    primary key (instruction, number)
);
create table if not exists paid (
    instruction text not null, number text not null, account text not null, item text not null,
    amount integer not null check (amount >= 0), primary key (instruction, number)
);
create table if not exists transfer (
    instruction text not null, number text not null, item text not null, amount integer not null,
    source text not null, target text not null, primary key (instruction, number)
);
"""


class SqliteBook:
    """A book in one file. See `ufmi.sdk.Book` for what its methods promise."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # The front-end delivers from a thread of its own; one call at a time.
        self._lock = threading.RLock()
        self._db = sqlite3.connect(folder / "book.sqlite", check_same_thread=False)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.executescript(_TABLES)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, self._db:
            yield

    def credit(self, account: str, item: str, amount: int) -> None:
        """Opens an account, or adds to it: an opening position, a payment from outside.

        Raises:
            BookError: a negative amount.
        """
        if amount < 0:
            raise BookError(f"{amount} cannot be credited")
        with self._transaction():
            self._db.execute(
                "insert into account values (?, ?, ?)"
                " on conflict do update set free = free + excluded.free",
                (account, item, amount),
            )

    def free(self, account: str, item: str) -> int:
        """What is free of a currency or asset in an account."""
        with self._lock:
            row = self._db.execute(
                "select free from account where account = ? and item = ?", (account, item)
            ).fetchone()
        return int(row[0]) if row else 0

    def knows(self, account: str) -> bool:
        with self._lock:
            found = self._db.execute("select 1 from account where account = ?", (account,))
            return found.fetchone() is not None

    def lock(self, name: LockName, account: str, item: str, amount: int) -> bool:
        with self._transaction():
            known = self._state(name)
            if known is not None:
                return known in ("LOCKED", "CONFIRMED")
            if self.free(account, item) < amount:
                return False
            self._db.execute(
                "update account set free = free - ? where account = ? and item = ?",
                (amount, account, item),
            )
            self._db.execute(
                "insert into lock values (?, ?, ?, ?, ?, 'LOCKED')", (*name, account, item, amount)
            )
        return True

    def _state(self, name: LockName) -> str | None:
        row = self._db.execute(
            "select state from lock where instruction = ? and number = ?", name
        ).fetchone()
        return str(row[0]) if row else None

    def release(self, name: LockName) -> None:
        with self._transaction():
            if self._state(name) != "LOCKED":
                return
            self._db.execute(
                "update account set free = free + lock.amount from lock"
                " where lock.instruction = ? and lock.number = ?"
                " and account.account = lock.account and account.item = lock.item",
                name,
            )
            self._set_state(name, "RELEASED")

    def confirm(self, name: LockName) -> None:
        with self._transaction():
            if self._state(name) == "LOCKED":
                self._set_state(name, "CONFIRMED")

    def _set_state(self, name: LockName, to: str) -> None:
        self._db.execute(
            "update lock set state = ? where instruction = ? and number = ?", (to, *name)
        )

    def answer(self, name: LockName, line: str = "") -> str:
        with self._transaction():
            if line:
                self._db.execute("insert or ignore into answer values (?, ?, ?)", (*name, line))
            row = self._db.execute(
                "select line from answer where instruction = ? and number = ?", name
            ).fetchone()
        return str(row[0]) if row else ""

    def locked_total(self, item: str) -> int:
        with self._lock:
            row = self._db.execute(
                "select (select coalesce(sum(amount), 0) from lock where item = ?1"
                " and state = 'CONFIRMED') - (select coalesce(sum(amount), 0) from moved"
                " where item = ?1)",
                (item,),
            ).fetchone()
        return int(row[0])

    # -- withdrawals ------------------------------------------------------------------------

    def move_out(self, name: LockName, item: str, amount: int) -> bool:
        with self._transaction():
            done = self._db.execute(
                "select 1 from moved where instruction = ? and number = ?", name
            ).fetchone()
            if done is not None:
                return True
            if self.locked_total(item) < amount:
                return False
            self._db.execute("insert into moved values (?, ?, ?, ?)", (*name, item, amount))
        return True

    def moved_total(self, item: str) -> int:
        """What went out to opening banks, this one included."""
        with self._lock:
            row = self._db.execute(
                "select coalesce(sum(amount), 0) from moved where item = ?", (item,)
            ).fetchone()
        return int(row[0])

    def expect(self, name: LockName, account: str) -> None:
        with self._transaction():
            self._db.execute("insert or ignore into expected values (?, ?, ?)", (*name, account))

    def expected(self, name: LockName) -> str:
        with self._lock:
            row = self._db.execute(
                "select account from expected where instruction = ? and number = ?", name
            ).fetchone()
        return str(row[0]) if row else ""

    def pay_in(self, name: LockName, account: str, item: str, amount: int) -> bool:
        """Here the clearing between banks always works; a real bank looks for the payment."""
        with self._transaction():
            new = self._db.execute(
                "insert or ignore into paid values (?, ?, ?, ?, ?)", (*name, account, item, amount)
            )
            if new.rowcount:
                self._db.execute(
                    "insert into account values (?, ?, ?)"
                    " on conflict do update set free = free + excluded.free",
                    (account, item, amount),
                )
        return True

    # -- owners of what is on the ledger ----------------------------------------------------

    def transfer(self, name: LockName, item: str, amount: int, source: str, target: str) -> None:
        with self._transaction():
            self._db.execute(
                "insert or ignore into transfer values (?, ?, ?, ?, ?, ?)",
                (*name, item, amount, source, target),
            )

    def owners(self, item: str) -> dict[str, int]:
        """Who owns how much of an asset on the ledger, by address, as far as this book heard."""
        with self._lock:
            rows = self._db.execute(
                "select address, sum(amount) from ("
                " select target as address, amount from transfer where item = ?1 union all"
                " select source, -amount from transfer where item = ?1 and source != '')"
                " group by address having sum(amount) != 0 order by address",
                (item,),
            ).fetchall()
        return {str(address): int(amount) for address, amount in rows}

    def close(self) -> None:
        self._db.close()
