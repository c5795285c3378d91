"""The primitives of value: minting, taking, crediting. Everything that moves goes through here.

Supply changes only where a bank or registry confirmed a lock (funds, holdings); everywhere else a
taking and a crediting balance each other within one message.
"""

from __future__ import annotations

from chaincode.udl.run import Refusal
from ufmi.contract import Context
from ufmi.protocol import AMOUNT_MAX, Code
from ufmi.protocol import keys as state
from ufmi.protocol.codes import mark_currency
from ufmi.protocol.records import Cash, Holding

Marks = dict[str, int]


def cash_of(context: Context, address: str) -> Marks:
    """The free money of an address. Not to be changed by the caller."""
    record = context.get(state.cash(address), Cash)
    return record.marks if record else {}


def holding_of(context: Context, address: str, asset: str) -> int:
    """The free tokens of an asset on an address, in its smallest unit."""
    record = context.get(state.holding(address, asset), Holding)
    return record.quantity if record else 0


def credit_cash(context: Context, address: str, marks: Marks) -> None:
    """Adds money to an address."""
    if not marks:
        return
    held = dict(cash_of(context, address))
    for mark, amount in marks.items():
        held[mark] = _within(held.get(mark, 0) + amount)
    context.put(state.cash(address), Cash(held))


def credit_holding(context: Context, address: str, asset: str, quantity: int) -> None:
    """Adds tokens of an asset to an address."""
    total = _within(holding_of(context, address, asset) + quantity)
    context.put(state.holding(address, asset), Holding(total))


def take_cash(context: Context, address: str, currency: str, amount: int) -> Marks:
    """Takes free money of a currency, in order of bank id. Returns what was taken.

    Raises:
        Refusal: INSUFFICIENT, and nothing was taken.
    """
    free = cash_of(context, address)
    usable = {mark: free[mark] for mark in free if mark_currency(mark) == currency}
    taken = pick(usable, amount)
    if taken is None:
        raise Refusal(
            Code.INSUFFICIENT, f"needs {amount} of {currency}, has {sum(usable.values())} free"
        )
    context.put(state.cash(address), Cash(without(free, taken)))
    return taken


def take_holding(context: Context, address: str, asset: str, quantity: int) -> None:
    """Takes free tokens of an asset. Raises Refusal(INSUFFICIENT)."""
    free = holding_of(context, address, asset)
    if free < quantity:
        raise Refusal(Code.INSUFFICIENT, f"needs {quantity} of {asset}, has {free} free")
    context.put(state.holding(address, asset), Holding(free - quantity))


def pick(marks: Marks, amount: int) -> Marks | None:
    """Of each mark, in order of bank id, what makes up the amount; None if it is not there."""
    picked = {}
    for mark in sorted(marks):
        if amount == 0:
            break
        part = min(marks[mark], amount)
        picked[mark] = part
        amount -= part
    return None if amount else picked


def without(marks: Marks, taken: Marks) -> Marks:
    """What is left of marks, without entries of zero."""
    rest = {mark: amount - taken.get(mark, 0) for mark, amount in marks.items()}
    return {mark: amount for mark, amount in rest.items() if amount}


def _within(total: int) -> int:
    if total > AMOUNT_MAX:
        raise Refusal(Code.TOO_LARGE, f"a balance would pass {AMOUNT_MAX}")
    return total
