"""Account statements: what an address, a user or an institution had, got and gave in a period.

Computed from the write sets in the blocks, not from what messages mean: whatever changes a balance
appears, whichever message it was. The closing balance is read from the last values that the blocks
wrote, and must be the opening balance and all movements.

An address or user is stated by address. A bank's statement is the money with its marks that is in
circulation, a registry's the tokens of its assets, a broker's the addresses of its users.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from ufmi.contract import decode_record
from ufmi.errors import LimitExceeded, StoreCorrupted
from ufmi.holders import VALUES, Scope, scope_of
from ufmi.ledger import Block
from ufmi.movements import Movements, Step
from ufmi.node import Node
from ufmi.protocol import AMOUNT_MAX
from ufmi.protocol.codes import CURRENCIES, mark_currency
from ufmi.protocol.records import Cash, Holding, OrderRecord, Withdrawal

MOVEMENTS_MAX = 1_000_000


@dataclass(frozen=True)
class Balance:
    """What an account has of one item (a mark or an asset), in the smallest unit."""

    account: str
    item: str
    free: int
    held: int  # in orders and withdrawals


@dataclass(frozen=True)
class Movement:
    """One change of one item on one account by one message."""

    time: int  # contract time, milliseconds since 1970, UTC
    block: int
    transaction: str
    message: str  # its identity
    account: str
    item: str
    free: int  # in (+) or out (−)
    held: int  # into orders and withdrawals (+) or out of them (−)
    free_after: int
    held_after: int


@dataclass(frozen=True)
class Statement:
    """A period from `start` (included) to `end` (not included), milliseconds since 1970, UTC."""

    subject: str
    start: int
    end: int
    blocks: int  # up to which height the ledger was read
    opening: list[Balance]
    movements: list[Movement]
    closing: list[Balance]
    decimals: dict[str, int]  # of each item


# What there is of one item on one account: free, held.
_Totals = defaultdict[tuple[str, str], list[int]]
# Account, item, place (0 free, 1 held) → amount.
_Parts = Counter[tuple[str, str, int]]


@dataclass
class _Change:
    step: Step
    order: int
    parts: _Parts


def statement(node: Node, subject: str, start: int = 0, end: int = AMOUNT_MAX) -> Statement:
    """The statement of an address (u…), a user (L…) or an institution (N…).

    Args:
        start: the first moment of the period, milliseconds since 1970, UTC.
        end: the first moment after it.

    Raises:
        NotFound: the ledger does not know the subject, or it has no balances.
        LimitExceeded: more than MOVEMENTS_MAX movements.
        StoreCorrupted: opening, movements and closing do not agree.
    """
    scope = scope_of(node, subject)
    reading = _Reading(node, scope, start, end)
    changes = reading.read()
    changes.sort(key=lambda one: (one.step.time, one.order))
    totals: _Totals = defaultdict(lambda: [0, 0])
    for account, item, place in reading.opening:
        totals[account, item][place] += reading.opening[account, item, place]
    opening = _balances(totals)
    movements = [one for change in changes for one in _movements(change, totals, scope.by_total)]
    closing = _balances(totals)
    _check(node, scope, reading, closing)
    items = {one.item for one in (*opening, *closing)} | {one.item for one in movements}
    return Statement(
        subject,
        start,
        end,
        reading.blocks,
        opening,
        movements,
        closing,
        {item: _decimals(node, item) for item in sorted(items)},
    )


def _check(node: Node, scope: Scope, reading: _Reading, closing: list[Balance]) -> None:
    """Opening and movements must come to what the blocks wrote last under each key.

    Where the period reaches to the ledger's end, that must also be what the state holds.
    """
    if closing != reading.closing():
        raise StoreCorrupted(f"opening, movements and closing of {scope.subject} do not agree")
    if reading.cut_off or scope.by_total:
        return
    totals: _Totals = defaultdict(lambda: [0, 0])
    for address in scope.addresses:
        for mark, amount in node.cash(address).items():
            totals[address, mark][0] += amount
        for asset, quantity in node.holdings(address).items():
            totals[address, asset][0] += quantity
        for _, order in node.records(f"order/{address}/", OrderRecord):
            for mark, amount in order.held_cash.items():
                totals[address, mark][1] += amount
            totals[address, order.asset][1] += order.held
        for _, withdrawal in node.records(f"withdrawal/{address}/", Withdrawal):
            for mark, place, amount in _on_the_way(withdrawal):
                totals[address, mark][place] += amount
    # What was committed meanwhile is in the state and not in the statement.
    if node.channel.height() == reading.blocks and closing != _balances(totals):
        raise StoreCorrupted(
            f"the state of {scope.subject} is not what the blocks come to",
            hint="Check the ledger: ufmi ledger verify",
        )


def _on_the_way(withdrawal: Withdrawal) -> list[tuple[str, int, int]]:
    """What of a withdrawal is still the user's: its bank has not moved the cash."""
    parts = withdrawal.parts
    return [(one.mark, 1, one.amount) for one in parts if one.status in ("SENT", "BURNING")]


def _movements(change: _Change, totals: _Totals, by_total: bool) -> Iterator[Movement]:
    step = change.step
    items = dict.fromkeys((account, item) for account, item, _ in change.parts)
    for account, item in sorted(items):
        free, held = change.parts[account, item, 0], change.parts[account, item, 1]
        total = totals[account, item]
        total[0] += free
        total[1] += held
        # What an owner locks stays in circulation.
        if free + held if by_total else free or held:
            yield Movement(
                step.time,
                step.block,
                step.transaction_id,
                step.message,
                account,
                item,
                free,
                held,
                total[0],
                total[1],
            )


def _balances(totals: _Totals) -> list[Balance]:
    """All that is not zero, ordered."""
    return [
        Balance(account, item, free, held)
        for (account, item), (free, held) in sorted(totals.items())
        if free or held
    ]


def _decimals(node: Node, item: str) -> int:
    if item[0] == "C":
        return CURRENCIES[mark_currency(item)]
    asset = node.asset(item)
    return asset.decimals if asset else 0


# -- reading the blocks ------------------------------------------------------------------------


class _Reading:
    """One way through the blocks."""

    def __init__(self, node: Node, scope: Scope, start: int, end: int) -> None:
        self._node = node
        self._scope = scope
        self._start, self._end = start, end
        self._movements = Movements(node.channel.block, scope.relevant)
        self._values: dict[str, _Parts] = {}
        self.opening: _Parts = Counter()
        self.blocks = 0
        self.cut_off = False  # whether something came after the period

    def read(self) -> list[_Change]:
        """The changes within the period; what came before is summed up in `opening`."""
        changes: list[_Change] = []
        for block in self._node.channel.past_blocks():
            self.blocks = block.number + 1
            if not self._concerns(block):
                continue
            for transaction in block.transactions():
                for step in self._movements.of(transaction):
                    self._take(step, changes)
        return changes

    def _concerns(self, block: Block) -> bool:
        sought = self._scope.sought
        data = block.message.data.data
        return not sought or any(name in raw for raw in data for name in sought)

    def _take(self, step: Step, changes: list[_Change]) -> None:
        for key, value in step.writes.items():
            if value is not None:
                self._scope.learn(key, value)
        # Per key, time never goes back (docs/messages.md); between keys it may, a little.
        if step.time >= self._end:
            self.cut_off = True
            return
        parts: _Parts = Counter()
        for key, value in step.writes.items():
            now = self._parts(key, value)
            parts.update(now)
            parts.subtract(self._values.get(key, ()))
            if now:
                self._values[key] = now
            else:
                self._values.pop(key, None)
        if step.time < self._start:
            self.opening.update(parts)
        elif any(parts.values()):
            if len(changes) >= MOVEMENTS_MAX:
                raise LimitExceeded(
                    f"more than {MOVEMENTS_MAX} movements", hint="Ask for a shorter period"
                )
            changes.append(_Change(step, len(changes), parts))

    def _parts(self, key: str, value: bytes | None) -> _Parts:
        """What a record holds of the subject's."""
        found: _Parts = Counter()
        kind, address, *rest = [*key.split("/"), ""]
        if value is None or f"{kind}/" not in VALUES:
            return found
        amounts: list[tuple[str, int, int]]
        if kind == "cash":
            marks = decode_record(value, Cash).marks
            amounts = [(mark, 0, amount) for mark, amount in marks.items()]
        elif kind == "holding":
            amounts = [(rest[0], 0, decode_record(value, Holding).quantity)]
        elif kind == "withdrawal":
            amounts = _on_the_way(decode_record(value, Withdrawal))
        else:
            order = decode_record(value, OrderRecord)
            amounts = [(mark, 1, amount) for mark, amount in order.held_cash.items()]
            amounts.append((order.asset, 1, order.held))
        for item, place, amount in amounts:
            account = self._scope.account(address, item)
            if account and amount:
                found[account, item, place] += amount
        return found

    def closing(self) -> list[Balance]:
        """The balances at the end of the period, from the last value of every key."""
        totals: _Totals = defaultdict(lambda: [0, 0])
        for parts in self._values.values():
            for (account, item, place), amount in parts.items():
                totals[account, item][place] += amount
        return _balances(totals)
