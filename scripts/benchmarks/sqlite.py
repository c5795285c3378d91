"""The baseline: what a settlement reads and writes, as prepared statements on SQLite."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

from benchmarks.market import BATCH, LARGE, pretended_address

_TABLES = """
create table address (address text primary key, frozen integer) without rowid;
create table cash (address text primary key, amount integer) without rowid;
create table holding (address text primary key, quantity integer) without rowid;
create table orders (address text primary key, rest integer, held integer) without rowid;
create table result (id text primary key, code text) without rowid;
"""


class SqliteMarket:
    """The same accounts and orders as in `BenchMarket`, in tables."""

    def __init__(self, folder: Path, accounts: int) -> None:
        folder.mkdir(parents=True)
        self.random = random.Random(7)
        self.accounts = accounts
        self.db = sqlite3.connect(folder / "bench.sqlite", isolation_level=None)
        self.db.execute("pragma journal_mode = wal")
        self.db.execute("pragma synchronous = full")
        self.db.executescript(_TABLES)
        self.addresses = [pretended_address(number)[0] for number in range(accounts)]
        ordered = sorted(self.addresses)
        self.db.execute("begin")
        for table, columns in (("address", (0,)), ("cash", (LARGE,)), ("holding", (LARGE,))):
            rows = ((address, *columns) for address in ordered)
            self.db.executemany(f"insert into {table} values (?, ?)", rows)
        rows = ((address, 10**9, 10**11) for address in ordered)
        self.db.executemany("insert into orders values (?, ?, ?)", rows)
        self.db.execute("commit")
        self._serial = 0

    def settle(self, count: int) -> None:
        """Settles between random accounts, BATCH to a durable transaction."""
        run = self.db.execute
        for start in range(0, count, BATCH):
            run("begin")
            for _ in range(min(BATCH, count - start)):
                self._settle_one()
            run("commit")

    def _settle_one(self) -> None:
        run, pick = self.db.execute, self.random.randrange
        buyer = self.addresses[2 * pick(self.accounts // 2)]
        seller = self.addresses[2 * pick(self.accounts // 2) + 1]
        quantity = 1 + pick(50)
        cost = 100 * quantity
        self._serial += 1
        identity = f"t{self._serial}"
        if run("select 1 from result where id = ?", (identity,)).fetchone():
            return
        for address in (buyer, seller):
            if run("select frozen from address where address = ?", (address,)).fetchone()[0]:
                return
        read_order = "select rest, held from orders where address = ?"
        rest, held = run(read_order, (buyer,)).fetchone()
        sell_rest, sell_held = run(read_order, (seller,)).fetchone()
        if min(rest, sell_rest) < quantity or held < cost:
            return
        read_cash = "select amount from cash where address = ?"
        run(read_cash, (buyer,)).fetchone()
        cash = run(read_cash, (seller,)).fetchone()[0]
        owned = run("select quantity from holding where address = ?", (buyer,)).fetchone()[0]
        write_order = "update orders set rest = ?, held = ? where address = ?"
        run(write_order, (rest - quantity, held - cost, buyer))
        run(write_order, (sell_rest - quantity, sell_held - quantity, seller))
        run("update cash set amount = ? where address = ?", (cash + cost, seller))
        run("update holding set quantity = ? where address = ?", (owned + quantity, buyer))
        run("insert into result values (?, 'OK')", (identity,))

    def close(self) -> None:
        self.db.close()
