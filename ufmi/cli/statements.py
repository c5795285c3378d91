"""How a statement looks: for people, and as CSV for their tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from ufmi.amounts import format_amount
from ufmi.cli.output import moment
from ufmi.protocol import AMOUNT_MAX
from ufmi.statement import Balance, Movement, Statement

# What the messages that move value are called; any other goes by its name.
_WHAT = {
    "EXPIRE": "expired",
    "S1": "order",
    "S2": "order cancelled",
    "T1": "settlement",
    "Y1.locked": "deposit",
    "Z1.locked": "asset onto the ledger",
}
COLUMNS = (
    "row", "time", "block", "transaction", "message", "what", "account", "item",
    "free", "held", "free_after", "held_after",
)  # fmt: skip


def what(message: str) -> str:
    """What a message does, in words."""
    names = dict.fromkeys(one.split("/")[0] for one in message.split(" + "))
    return ", ".join([_WHAT.get(name, name) for name in names]) or "unknown"


def as_text(found: Statement) -> str:
    """Three parts: opening, movements, closing. In and out have their signs."""
    start = moment(found.start) if found.start else "the beginning"
    end = moment(found.end) if found.end < AMOUNT_MAX else "now"
    lines = [f"Statement of {found.subject}", f"from {start} to {end}, {found.blocks} blocks"]
    lines += ["", "Opening", *_balances(found, found.opening), "", "Movements"]
    for one in found.movements:
        free, held, free_after, held_after = _amounts(found, one)
        lines.append(f"  {moment(one.time)}  {what(one.message)}  {one.message}")
        lines.append(f"    {one.account}  {one.item}")
        lines.append(
            f"    free {free}, in orders {held}; then free {free_after}, in orders {held_after}"
        )
    if not found.movements:
        lines.append("  none")
    return "\n".join([*lines, "", "Closing", *_balances(found, found.closing), ""])


def _balances(found: Statement, balances: Sequence[Balance]) -> list[str]:
    return [
        f"  {one.account}  {one.item}"
        f"  free {format_amount(one.free, found.decimals[one.item])},"
        f" in orders {format_amount(one.held, found.decimals[one.item])}"
        for one in balances
    ] or ["  nothing"]


def _amounts(found: Statement, one: Movement) -> list[str]:
    """The changes with their signs, and what there is after them."""
    decimals = found.decimals[one.item]
    signed = [("+" if amount > 0 else "") + format_amount(amount, decimals)
              for amount in (one.free, one.held)]  # fmt: skip
    after = [format_amount(amount, decimals) for amount in (one.free_after, one.held_after)]
    return signed + after


def as_csv(found: Statement) -> str:
    """A row a balance or movement. Amounts are plain decimals, without separators or plus."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)

    def amounts(item: str, *values: int) -> list[str]:
        return [format_amount(one, found.decimals[item]).replace(",", "") for one in values]

    def balances(row: str, of: Sequence[Balance], time: int) -> None:
        shown = moment(time) if 0 < time < AMOUNT_MAX else ""
        for one in of:
            after = amounts(one.item, one.free, one.held)
            writer.writerow([row, shown, "", "", "", "", one.account, one.item, "", "", *after])

    balances("opening", found.opening, found.start)
    for one in found.movements:
        shown = amounts(one.item, one.free, one.held, one.free_after, one.held_after)
        place = [one.block, one.transaction, one.message, what(one.message)]
        writer.writerow(["movement", moment(one.time), *place, one.account, one.item, *shown])
    balances("closing", found.closing, found.end)
    return file.getvalue()
