"""Amounts for people: the one place where whole numbers of the smallest unit meet decimals."""

from __future__ import annotations

import re

from ufmi.errors import InvalidAmount
from ufmi.protocol.kinds import AMOUNT_MAX

_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,15}|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,5})(?:\.([0-9]+))?")


def parse_amount(text: str, decimals: int) -> int:
    """The smallest units that a decimal text states: ("12.5", 2) → 1250.

    Raises:
        InvalidAmount: not a plain decimal number, negative, too fine for its unit, or too large.
    """
    match = _DECIMAL.fullmatch(text.strip())
    if match is None:
        raise InvalidAmount(f"{text!r} is not a plain decimal number, zero or more")
    fraction = (match[2] or "").rstrip("0")
    if len(fraction) > decimals:
        raise InvalidAmount(f"{text!r} has more than {decimals} decimals")
    scale: int = 10**decimals
    amount = int(match[1].replace(",", "")) * scale + int(fraction.ljust(decimals, "0") or "0")
    if amount > AMOUNT_MAX:
        raise InvalidAmount(f"{text!r} is more than {format_amount(AMOUNT_MAX, decimals)}")
    return amount


def format_amount(amount: int, decimals: int) -> str:
    """The decimal text of an amount in the smallest unit: (1250, 2) → "12.50"."""
    sign, digits = ("-", -amount) if amount < 0 else ("", amount)
    whole, fraction = divmod(digits, 10**decimals)
    return f"{sign}{whole:,}" + (f".{fraction:0{decimals}d}" if decimals else "")
