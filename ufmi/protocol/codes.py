"""Unified ids (guide 7.3.2, 7.3.3) and unified asset codes (8.3), with their checks.

    market       M and a MIC: X and 3 letters
    institution  N and a BIC: 8 letters, 3 letters or digits
    user         L and 9 digits
    asset        A, 16 base32 characters of SM3 over registry and its own asset id, 2 check digits
    mark         C, the bank's BIC, the currency, 2 check digits: one bank's money

Asset codes and marks follow from the text of P1 alone, so everybody computes the same.
The check digits are ISO 7064 MOD 97-10, as in an IBAN.
"""

from __future__ import annotations

import re
from base64 import b32encode
from functools import lru_cache

from ufmi.crypto import sm3

# Decimals of each currency (ISO 4217): the smallest unit, in which all amounts are counted.
CURRENCIES = {"CNY": 2, "EUR": 2, "HKD": 2, "JPY": 0, "MOP": 2, "USD": 2}

MARKET = re.compile(r"MX[A-Z]{3}")
INSTITUTION = re.compile(r"N[A-Z]{8}[A-Z0-9]{3}")
USER = re.compile(r"L[0-9]{9}")
_ASSET = re.compile(r"A[A-Z2-7]{16}[0-9]{2}")
_MARK = re.compile(r"C[A-Z]{8}[A-Z0-9]{3}[A-Z]{3}[0-9]{2}")
USERS_MAX = 999_999_999


def _number(code: str) -> int:
    return int("".join([str(int(letter, 36)) for letter in code]))


def check_digits(body: str) -> str:
    """Two digits that make `body` + digits ≡ 1 (mod 97) with letters as 10 … 35."""
    return f"{98 - _number(body + '00') % 97:02d}"


@lru_cache(maxsize=16_384)
def _fits(code: str) -> bool:
    return check_digits(code[:-2]) == code[-2:]


@lru_cache(maxsize=8192)
def asset_code(registry: str, registry_asset: str) -> str:
    """The unified code of the asset that `registry` (N…) keeps under an id of its own."""
    digest = sm3(f"{registry}\n{registry_asset}".encode())
    body = "A" + b32encode(digest[:10]).decode("ascii")
    return body + check_digits(body)


@lru_cache(maxsize=8192)
def mark_code(bank: str, currency: str) -> str:
    """The code of the money of `bank` (N…) in `currency`."""
    body = "C" + bank[1:] + currency
    return body + check_digits(body)


def is_asset_code(code: str) -> bool:
    return _ASSET.fullmatch(code) is not None and _fits(code)


def is_mark(code: str) -> bool:
    return _MARK.fullmatch(code) is not None and _fits(code)


def mark_bank(mark: str) -> str:
    """The institution whose money a mark is."""
    return "N" + mark[1:12]


def mark_currency(mark: str) -> str:
    return mark[12:15]


def user_id(number: int) -> str:
    """The unified id of the user with this number, 1 … 999,999,999."""
    return f"L{number:09d}"
