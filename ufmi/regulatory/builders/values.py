"""How values of the ledger are written in data objects: times, currencies, kinds of assets."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import NamedTuple

from ufmi.protocol.codes import CURRENCIES
from ufmi.regulatory.numbers import exact

_ZONE = timezone(timedelta(hours=8))
# 9999-12-31T23:59:59.999+08:00: no date can be written beyond it.
TIME_MAX = 253_402_271_999_999
# GB/T 12406. The object model takes neither yen nor pataca: objects that must name such a currency
# go to the exception log, others leave it out.
_CODES = {"CNY": "156", "EUR": "978", "HKD": "344", "JPY": "392", "MOP": "446", "USD": "840"}
_LEGAL = ("156", "344", "840", "978")


class AssetKind(NamedTuple):
    """What an asset class is in the object model: product_type, scale unit, kind of right."""

    product_type: int
    unit: int
    right: int


_OTHER = AssetKind(255, 255, 255)
_KINDS = {
    "STOCK": AssetKind(2, 4, 1),  # 私募股份, 股, equity
    "EQUITY": AssetKind(1, 1, 1),  # 私募股权, measured in money
    "CONVERTIBLE": AssetKind(3, 3, 2),  # 私募可转债, 张, debt
    "BOND": AssetKind(4, 3, 2),  # 私募债
    "FUND": AssetKind(5, 2, 3),  # 私募基金, 份
}


def asset_kind(asset_class: str) -> AssetKind:
    """What an asset class of the ledger is in the object model; 255 (other) if not known there."""
    return _KINDS.get(asset_class, _OTHER)


def moment(time: int) -> str:
    """RFC 3339 in the market's zone, to the second, of milliseconds since 1970 (UTC)."""
    return datetime.fromtimestamp(min(time, TIME_MAX) // 1000, _ZONE).isoformat()


def day(time: int) -> str:
    """The market's date at a time in milliseconds since 1970 (UTC)."""
    return moment(time)[:10]


def currency_code(currency: str) -> str:
    """The code of a currency as a field that must be there has it, legal or not."""
    return _CODES[currency]


def optional_currency(currency: str) -> str | None:
    """The code of a currency if the object model takes it."""
    code = _CODES[currency]
    return code if code in _LEGAL else None


def money(amount: int, currency: str) -> int | Decimal:
    """The JSON number of an amount in the currency's smallest unit."""
    return exact(amount, CURRENCIES[currency])
