"""Reconciliation: the invariants of the whole market, checked by anyone at any time.

Supply against the banks' and registries' own books, orders against what they hold, messages
against results, arrival numbers against gaps and inversions. What breaks a rule is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ufmi.errors import ProtocolError
from ufmi.frontend.deliveries import ExecutedLine, executed_lines
from ufmi.node import Node
from ufmi.protocol import UNRECORDED, Message, Side, decode
from ufmi.protocol.codes import mark_bank, mark_currency
from ufmi.protocol.records import (
    Asset,
    Cash,
    Deposit,
    Holding,
    Mark,
    Onchain,
    OrderRecord,
    Outcome,
    Withdrawal,
)

FAULTS_MAX = 20
# Parts of a withdrawal whose cash is still locked, and those whose cash the bank has moved.
_UNPAID, _PAID = ("SENT", "BURNING"), ("MOVED", "DESTROYED")


class LockedBook(Protocol):
    """The part of a bank's or registry's book that is compared."""

    def locked_total(self, item: str) -> int: ...


@dataclass
class Check:
    """One rule and what breaks it."""

    name: str
    subject: str
    faults: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def ok(self) -> bool:
        return not self.faults

    def wrong(self, fault: str) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(fault)


@dataclass
class Reconciliation:
    """All checks."""

    checks: list[Check]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)


def reconcile(node: Node, books: Mapping[str, LockedBook] | None = None) -> Reconciliation:
    """Checks every invariant.

    Args:
        books: the books of banks and registries by institution. Where one is missing the check
            says "not compared".
    """
    orders = dict(node.records("order/", OrderRecord))
    assets = {record.code: record for _, record in node.records("asset/", Asset)}
    books = books or {}
    checks = _check_cash(node, orders, books)
    checks += _check_holdings(node, orders, assets, books)
    checks.append(_check_orders(orders, assets))
    checks += _check_messages(node)
    return Reconciliation(checks)


def _check_cash(
    node: Node, orders: dict[str, OrderRecord], books: Mapping[str, LockedBook]
) -> list[Check]:
    negative = Check("no negative cash", "cash")
    supply: Counter[str] = Counter()
    for key, cash in node.records("cash/", Cash):
        for mark, amount in cash.marks.items():
            supply[mark] += amount
            if amount < 0:
                negative.wrong(f"{key} has {amount} of {mark}")
    for key, order in orders.items():
        for mark, amount in order.held_cash.items():
            supply[mark] += amount
            if amount < 0:
                negative.wrong(f"{key} holds {amount} of {mark}")
    minted: Counter[str] = Counter()
    for _, deposit in node.records("deposit/", Deposit):
        if deposit.outcome == "OK":
            minted[deposit.mark] += deposit.amount
    whole = Check("a withdrawal's parts are its amount", "withdrawals")
    for key, withdrawal in node.records("withdrawal/", Withdrawal):
        if sum(part.amount for part in withdrawal.parts) != withdrawal.amount:
            whole.wrong(f"{key} has parts that are not {withdrawal.amount}")
        for part in withdrawal.parts:
            if part.status in _UNPAID:
                supply[part.mark] += part.amount
            elif part.status in _PAID:
                minted[part.mark] -= part.amount
    checks = [negative, whole]
    for mark in sorted({record.code for _, record in node.records("mark/", Mark)} | set(supply)):
        book = books.get(mark_bank(mark))
        locked = None if book is None else book.locked_total(mark_currency(mark))
        checks.append(_supply_check(mark, supply[mark], minted[mark], locked))
    return checks


def _check_holdings(
    node: Node,
    orders: dict[str, OrderRecord],
    assets: dict[str, Asset],
    books: Mapping[str, LockedBook],
) -> list[Check]:
    negative = Check("no negative holdings", "holdings")
    supply: Counter[str] = Counter()
    for key, holding in node.records("holding/", Holding):
        supply[key.split("/")[2]] += holding.quantity
        if holding.quantity < 0:
            negative.wrong(f"{key} has {holding.quantity}")
    for key, order in orders.items():
        supply[order.asset] += order.held
        if order.held < 0:
            negative.wrong(f"{key} holds {order.held}")
    minted: Counter[str] = Counter()
    for _, onchain in node.records("onchain/", Onchain):
        if onchain.outcome == "OK":
            minted[onchain.asset] += onchain.quantity
    checks = [negative]
    for code in sorted(set(assets) | set(supply)):
        asset = assets.get(code)
        book = books.get(asset.registry) if asset else None
        locked = None if book is None or asset is None else book.locked_total(asset.registry_asset)
        checks.append(_supply_check(code, supply[code], minted[code], locked))
    return checks


def _supply_check(code: str, supply: int, minted: int, locked: int | None) -> Check:
    check = Check("supply = confirmed locks = the institution's own book", code)
    check.note = f"supply {supply}, book {'not compared' if locked is None else locked}"
    if supply != minted:
        check.wrong(f"{code}: free and held are {supply}, confirmed locks are {minted}")
    if locked is not None and supply != locked:
        check.wrong(f"{code}: supply is {supply}, the institution's own book has {locked} locked")
    return check


def _check_orders(orders: dict[str, OrderRecord], assets: dict[str, Asset]) -> Check:
    check = Check("an order holds exactly what its rest needs", f"{len(orders)} orders")
    for key, order in orders.items():
        cash, held = sum(order.held_cash.values()), order.held
        if order.status != "OPEN":
            needed = (0, 0)
        elif order.side == Side.SELL:
            needed = (0, order.rest)
        elif order.asset not in assets:
            check.wrong(f"{key} is of the asset {order.asset}, which is not registered")
            continue
        else:
            scale: int = 10 ** assets[order.asset].decimals
            needed = (order.price * order.rest // scale, 0)
        if (cash, held) != needed:
            check.wrong(f"{key} ({order.status}) holds {(cash, held)}, needs {needed}")
        if not 0 <= order.rest <= order.quantity:
            check.wrong(f"{key} has {order.rest} left of {order.quantity}")
    return check


def _check_messages(node: Node) -> list[Check]:
    """Blocks against recorded results, and the order of arrival."""
    results = Check("every recorded message has exactly one result", "results")
    gaps = Check("no gap in arrival numbers", "arrivals")
    inversions = Check("no inversion of messages that conflict", "arrivals")
    recorded = dict(node.records("result/", Outcome))
    seen: set[str] = set()
    numbers: set[int] = set()
    order = _Order(inversions)
    for block in node.channel.past_blocks():
        for one in executed_lines(block):
            numbers.add(one.entry.number)
            if not one.result.repeated:
                # A batch whose fate was not known is executed again, and then changes nothing.
                order.take(one)
            if one.result.repeated or one.result.code in UNRECORDED:
                continue
            name = f"result/{one.result.id}"
            if name in seen:
                results.wrong(f"{one.result.id} has two results")
            seen.add(name)
            found = recorded.get(name)
            if found is None or (found.text, found.code) != (one.line.digest, one.result.code):
                results.wrong(f"{one.result.id} is recorded otherwise than executed")
    for name in sorted(set(recorded) - seen)[:FAULTS_MAX]:
        results.wrong(f"{name} follows from no message")
    aside = {int(str(entry["number"])) for entry in node.frontend.set_aside()}
    done = sorted(numbers | {number for number in aside if number < max(numbers, default=0)})
    for before, number in zip([0, *done], done, strict=False):
        if number == before + 2:
            gaps.wrong(f"arrival {before + 1} was never executed")
        elif number > before + 2:
            gaps.wrong(f"arrivals {before + 1} to {number - 1} were never executed")
    results.note = f"{len(seen)} results"
    gaps.note = f"{len(numbers)} arrivals, {len(aside)} set aside"
    return [results, gaps, inversions]


class _Order:
    """Finds messages that ran before an earlier one with which they conflict."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._read: dict[str, int] = {}
        self._written: dict[str, int] = {}

    def take(self, one: ExecutedLine) -> None:
        try:
            message = decode(one.line.text)
        except ProtocolError:
            return
        if not isinstance(message, Message):
            return
        number = one.entry.number
        reads, writes = message.keys(one.entry)
        for key in reads:
            if self._written.get(key, 0) > number:
                self._check.wrong(f"arrival {number} ran after {self._written[key]} on {key}")
            self._read[key] = max(number, self._read.get(key, 0))
        for key in writes:
            later = max(self._written.get(key, 0), self._read.get(key, 0))
            if later > number:
                self._check.wrong(f"arrival {number} ran after {later} on {key}")
            self._written[key] = max(number, self._written.get(key, 0))
