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
    """Adds money to an address. Raises Refusal(TOO_LARGE)."""
    if marks:
        for amount in _add_cash(context, address, marks):
            _check_size(amount)


def return_cash(context: Context, address: str, marks: Marks) -> None:
    """Gives an owner's own money back, whatever else came to the address meanwhile."""
    if marks:
        _add_cash(context, address, marks)


def _add_cash(context: Context, address: str, marks: Marks) -> list[int]:
    held = dict(cash_of(context, address))
    for mark, amount in marks.items():
        held[mark] = held.get(mark, 0) + amount
    context.put(state.cash(address), Cash(held))
    return [held[mark] for mark in marks]


def credit_holding(context: Context, address: str, asset: str, quantity: int) -> None:
    """Adds tokens of an asset to an address. Raises Refusal(TOO_LARGE)."""
    _check_size(return_holding(context, address, asset, quantity))


def return_holding(context: Context, address: str, asset: str, quantity: int) -> int:
    """Gives an owner's own tokens back, whatever else came meanwhile; returns what is free."""
    total = holding_of(context, address, asset) + quantity
    context.put(state.holding(address, asset), Holding(total))
    return total


def take_cash(context: Context, address: str, currency: str, amount: int) -> Marks:
    """Takes free money of a currency, in order of bank id. Returns what was taken.

    Raises:
        Refusal: INSUFFICIENT, and nothing was taken.
    """
    free = cash_of(context, address)
    usable = {mark: free[mark] for mark in free if mark_currency(mark) == currency}
    total = sum(usable.values())
    if total < amount:
        raise Refusal(Code.INSUFFICIENT, f"needs {amount} of {currency}, has {total} free")
    taken, rest = take(usable, amount)
    others = {mark: free[mark] for mark in free if mark not in usable}
    context.put(state.cash(address), Cash(others | rest))
    return taken


def take_holding(context: Context, address: str, asset: str, quantity: int) -> None:
    """Takes free tokens of an asset. Raises Refusal(INSUFFICIENT)."""
    free = holding_of(context, address, asset)
    if free < quantity:
        raise Refusal(Code.INSUFFICIENT, f"needs {quantity} of {asset}, has {free} free")
    context.put(state.holding(address, asset), Holding(free - quantity))


def take(marks: Marks, amount: int) -> tuple[Marks, Marks]:
    """Splits off an amount, in order of bank id: what was taken, and what is left without zeros.

    The caller has made sure that it is there; anything else is a defect and fails the transaction.
    """
    taken: Marks = {}
    left: Marks = {}
    for mark in sorted(marks):
        held = marks[mark]
        part = min(held, amount)
        amount -= part
        if part:
            taken[mark] = part
        if held > part:
            left[mark] = held - part
    if amount:
        raise RuntimeError(f"{amount} is missing of what should be held")
    return taken, left


def _check_size(total: int) -> None:
    if total > AMOUNT_MAX:
        raise Refusal(Code.TOO_LARGE, f"a balance would pass {AMOUNT_MAX}")
