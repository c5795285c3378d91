"""The baseline: what a settlement reads and writes, as prepared statements on SQLite."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

from benchmarks.market import ASSET, BATCH, CLASS, FOREVER, LARGE, MARK, MATCHER, pretended_address

# The same keys and the same contents as in the ledger's records.
_TABLES = """
create table address (address text primary key, frozen integer) without rowid;
create table cash (address text, mark text, amount integer, primary key (address, mark))
    without rowid;
create table holding (address text, asset text, quantity integer, primary key (address, asset))
    without rowid;
create table orders (
    address text, number text, asset_class text, asset text, side text, price integer,
    rest integer, publisher text, valid_until integer, held integer, status text,
    primary key (address, number)
) without rowid;
create table result (id text primary key, text text, number integer, time integer, code text)
    without rowid;
"""
_READ_ORDER = """
select asset_class, asset, side, price, rest, publisher, valid_until, held, status
from orders where address = ? and number = ?
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
        self._fill()
        self._serial = 0

    def _fill(self) -> None:
        sides = {address: ("SELL", "BUY")[at % 2 == 0] for at, address in enumerate(self.addresses)}
        ordered = sorted(self.addresses)
        run = self.db.executemany
        self.db.execute("begin")
        run("insert into address values (?, 0)", ((one,) for one in ordered))
        run("insert into cash values (?, ?, ?)", ((one, MARK, LARGE) for one in ordered))
        run("insert into holding values (?, ?, ?)", ((one, ASSET, LARGE) for one in ordered))
        rows = (
            (one, "o", CLASS, ASSET, sides[one], 100, 10**9, MATCHER, FOREVER, 10**11, "OPEN")
            for one in ordered
        )
        run("insert into orders values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self.db.execute("commit")

    def settle(self, count: int) -> None:
        """Settles between random accounts, BATCH to a durable transaction."""
        run = self.db.execute
        for start in range(0, count, BATCH):
            run("begin")
            for _ in range(min(BATCH, count - start)):
                if not self._settle_one():
                    raise RuntimeError("a settlement was refused")
            run("commit")

    def _settle_one(self) -> bool:
        run, pick = self.db.execute, self.random.randrange
        buyer = self.addresses[2 * pick(self.accounts // 2)]
        seller = self.addresses[2 * pick(self.accounts // 2) + 1]
        quantity = 1 + pick(50)
        cost = 100 * quantity
        self._serial += 1
        identity = f"T1/{MATCHER}/t{self._serial}"
        if run("select 1 from result where id = ?", (identity,)).fetchone():
            return False
        for address in (buyer, seller):
            if run("select frozen from address where address = ?", (address,)).fetchone()[0]:
                return False
        buy = run(_READ_ORDER, (buyer, "o")).fetchone()
        sell = run(_READ_ORDER, (seller, "o")).fetchone()
        for order, side in ((buy, "BUY"), (sell, "SELL")):
            if order[:3] != (CLASS, ASSET, side) or order[5] != MATCHER or order[8] != "OPEN":
                return False
            if order[4] < quantity or order[6] < self._serial:
                return False
        if not sell[3] <= 100 <= buy[3] or buy[7] < cost:
            return False
        read_cash = "select amount from cash where address = ? and mark = ?"
        run(read_cash, (buyer, MARK)).fetchone()
        cash = run(read_cash, (seller, MARK)).fetchone()[0]
        read_holding = "select quantity from holding where address = ? and asset = ?"
        owned = run(read_holding, (buyer, ASSET)).fetchone()[0]
        write_order = (
            "update orders set rest = ?, held = ?, status = ? where address = ? and number = ?"
        )
        run(write_order, (buy[4] - quantity, buy[7] - cost, "OPEN", buyer, "o"))
        run(write_order, (sell[4] - quantity, sell[7] - quantity, "OPEN", seller, "o"))
        write_cash = "update cash set amount = ? where address = ? and mark = ?"
        run(write_cash, (cash + cost, seller, MARK))
        write_holding = "update holding set quantity = ? where address = ? and asset = ?"
        run(write_holding, (owned + quantity, buyer, ASSET))
        row = (identity, "0" * 64, self._serial, 1_700_000_000_000, "OK")
        run("insert into result values (?, ?, ?, ?, ?)", row)
        return True

    def close(self) -> None:
        self.db.close()
