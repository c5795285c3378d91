"""Numbers of data objects: always exact, never through binary fractions.

In Python a number is an `int` or a finite `Decimal`. Amounts in the rest of the project are whole
numbers of the smallest unit; `exact` and `units` are the way between the two.
"""

from __future__ import annotations

from decimal import Decimal

from ufmi.errors import InvalidAmount, MalformedObject

# Of a number's text. Also bounds the digits that an exponent stands for.
DIGITS_MAX = 64


def exact(amount: int, decimals: int) -> int | Decimal:
    """The JSON number of an amount in the smallest unit: (1250, 2) → 12.5, (1200, 2) → 12."""
    whole, rest = divmod(amount, 10**decimals)
    return Decimal(number_text(Decimal(f"{amount}e-{decimals}"))) if rest else whole


def units(number: int | Decimal, decimals: int) -> int:
    """The smallest units of a JSON number: (12.5, 2) → 1250.

    Raises:
        InvalidAmount: the number is finer than its unit.
    """
    whole, _, fraction = number_text(number).partition(".")
    if len(fraction) > decimals:
        raise InvalidAmount(f"{number_text(number)} has more than {decimals} decimals")
    return int(whole + fraction.ljust(decimals, "0"))


def read_number(text: str) -> int | Decimal:
    """The exact value of a JSON number: an int where it has neither fraction nor exponent.

    Raises:
        MalformedObject: too many digits, written out or by its exponent.
    """
    if len(text) > DIGITS_MAX:
        raise MalformedObject(f"a number has more than {DIGITS_MAX} characters")
    if set(text) <= set("-0123456789"):
        return int(text)
    number = Decimal(text)
    _bounded(number)
    return number


def number_text(number: int | Decimal) -> str:
    """The one canonical text of a number: all its digits, no exponent, no needless zeros.

    Raises:
        MalformedObject: not finite, or too many digits by its exponent.
    """
    if isinstance(number, int):
        if abs(number) >= 10**DIGITS_MAX:
            raise MalformedObject(f"a number has more than {DIGITS_MAX} digits")
        return str(number)
    _bounded(number)
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def is_exact(value: object) -> bool:
    """Whether a data object can hold this number: no bool, no float, not too long."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return False
    try:
        number_text(value)
    except MalformedObject:
        return False
    return True


def _bounded(number: Decimal) -> None:
    exponent = number.as_tuple().exponent
    if isinstance(exponent, str):
        raise MalformedObject(f"{number} is not a number of JSON")
    if max(number.adjusted(), -exponent, len(number.as_tuple().digits)) > DIGITS_MAX:
        raise MalformedObject(f"a number has more than {DIGITS_MAX} digits")
