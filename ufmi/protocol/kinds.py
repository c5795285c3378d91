"""Kinds of fields: how each is written, read and checked.

A message declares its fields as annotated types; the annotation is the kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from ufmi.crypto import is_address
from ufmi.crypto._curve import is_public_point
from ufmi.errors import MalformedText
from ufmi.protocol import codes
from ufmi.protocol.text import join_list, split_list

# The greatest whole number that every JSON tool reads exactly: 2^53 − 1.
AMOUNT_MAX = 9_007_199_254_740_991
OPAQUE_MAX = 64
CARRIED_BYTES_MAX = 4_096
LONG_BYTES_MAX = 256 * 1024


@dataclass(frozen=True)
class Kind:
    """Writes and reads the values of a field. `read` raises ValueError saying what is wrong."""

    write: Callable[[Any], str]
    read: Callable[[str], Any]


def same(value: str) -> str:
    return value


def _pattern(expression: str, problem: str) -> Kind:
    compiled = re.compile(expression)

    def read(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(problem)
        return value

    return Kind(same, read)


def _predicate(holds: Callable[[str], bool], problem: str, empty: bool = False) -> Kind:
    def read(value: str) -> str:
        if not (holds(value) or (empty and not value)):
            raise ValueError(problem)
        return value

    return Kind(same, read)


def _integer(low: int, high: int, problem: str) -> Kind:
    digits = re.compile(r"0|[1-9][0-9]{0,15}")

    def read(value: str) -> int:
        if digits.fullmatch(value) is None or not low <= (number := int(value)) <= high:
            raise ValueError(problem)
        return number

    return Kind(str, read)


def _read_opaque(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return _read_optional(value)


def _read_optional(value: str) -> str:
    if len(value) > OPAQUE_MAX:
        raise ValueError(f"longer than {OPAQUE_MAX} characters")
    return value


def _read_long(value: str) -> str:
    if len(value.encode()) > LONG_BYTES_MAX:
        raise ValueError(f"longer than {LONG_BYTES_MAX} bytes")
    return value


def _read_flag(value: str) -> bool:
    if value not in ("Y", "N"):
        raise ValueError("must be Y or N")
    return value == "Y"


def _read_sender(value: str) -> str:
    if not (
        codes.INSTITUTION.fullmatch(value) or codes.MARKET.fullmatch(value) or is_address(value)
    ):
        raise ValueError("must be an institution (N…), a market (M…) or an address with checksum")
    return value


_DIGEST_FORM = re.compile("[0-9a-f]{64}")


def _read_subject(value: str) -> str:
    if codes.is_asset_code(value) or _DIGEST_FORM.fullmatch(value):
        return value
    try:
        return _read_sender(value)
    except ValueError:
        raise ValueError("must be N…, M…, an address, an asset code or a digest") from None


def _is_key(value: str) -> bool:
    return re.fullmatch(r"04[0-9a-f]{128}", value) is not None and is_public_point(
        bytes.fromhex(value)
    )


class Side(StrEnum):
    """交易类别 (11.3): what the owner of an order wants."""

    BUY = "BUY"
    SELL = "SELL"


class Role(StrEnum):
    """What a sender is in the guide's architecture (5.5, 7.3.2)."""

    OPERATOR = "OPERATOR"
    FRONTEND = "FRONTEND"
    MARKET = "MARKET"
    BROKER = "BROKER"
    BANK = "BANK"
    REGISTRY = "REGISTRY"
    MATCHER = "MATCHER"
    REPORTER = "REPORTER"
    REGULATOR = "REGULATOR"
    WALLET = "WALLET"


# The roles that the operator admits (ADMIT).
ADMITTED = (
    Role.MARKET, Role.BROKER, Role.BANK, Role.REGISTRY, Role.MATCHER, Role.REPORTER,
    Role.REGULATOR,
)  # fmt: skip


def one_of(values: tuple[str, ...]) -> Kind:
    """A word out of a few."""
    return _predicate(values.__contains__, f"must be one of {', '.join(values)}")


def enumeration(members: type[StrEnum]) -> Kind:
    """A member of an enumeration, by value."""
    by_value = {str(member): member for member in members}

    def read(value: str) -> StrEnum:
        if value not in by_value:
            raise ValueError(f"must be one of {', '.join(by_value)}")
        return by_value[value]

    return Kind(str, read)


def list_of(kind: Kind, most: int, least: int = 0) -> Kind:
    """Items of one kind, at most `most`, none of them empty."""

    def write(values: tuple[Any, ...]) -> str:
        return join_list([kind.write(value) for value in values])

    def read(value: str) -> tuple[Any, ...]:
        items = split_list(value)
        if not least <= len(items) <= most:
            raise ValueError(f"must have {least} to {most} items")
        if "" in items:
            raise MalformedText("a list has an empty item")
        return tuple([kind.read(item) for item in items])

    return Kind(write, read)


_ID = r"[0-9A-Za-z][0-9A-Za-z._-]{0,31}"
_DIGEST = "must be 64 lower-case hexadecimal digits"

TX = _pattern(_ID, "must be 1 to 32 letters, digits, dots, dashes or underscores")
INSTITUTION = _pattern(codes.INSTITUTION.pattern, "must be N and a BIC of 8 letters and 3 more")
MARKET = _pattern(codes.MARKET.pattern, "must be M, X and 3 letters")
USER = _pattern(codes.USER.pattern, "must be L and 9 digits")
ADDRESS = _predicate(is_address, "is not an address, or its checksum does not fit")

TxId = Annotated[str, TX]
Institution = Annotated[str, INSTITUTION]
Market = Annotated[str, MARKET]
MarketOrNone = Annotated[str, _pattern(f"(?:{codes.MARKET.pattern})?", "must be empty or M…")]
PartyId = Annotated[
    str, _pattern(f"{codes.INSTITUTION.pattern}|{codes.MARKET.pattern}", "must be N… or M…")
]
User = Annotated[str, USER]
UserOrNone = Annotated[str, _pattern(f"(?:{codes.USER.pattern})?", "must be empty or L…")]
Address = Annotated[str, ADDRESS]
Sender = Annotated[str, Kind(same, _read_sender)]
Opaque = Annotated[str, Kind(same, _read_opaque)]
OpaqueOrNone = Annotated[str, Kind(same, _read_optional)]
# What has a status: a party, an address, an asset, or by its digest the network.
Subject = Annotated[str, Kind(same, _read_subject)]
Digest = Annotated[str, _pattern(_DIGEST_FORM.pattern, _DIGEST)]
DigestOrNone = Annotated[str, _pattern("(?:[0-9a-f]{64})?", f"{_DIGEST}, or empty")]
KEY = _predicate(_is_key, "is not a public key (hex, 04 first)")
PublicKey = Annotated[str, KEY]
SIGNATURE = _pattern("(?:[0-9a-f]{2}){8,72}", "must be a DER signature in lower-case hex")
Signature = Annotated[str, SIGNATURE]
Flag = Annotated[bool, Kind(lambda value: "Y" if value else "N", _read_flag)]
Amount = Annotated[int, _integer(1, AMOUNT_MAX, f"must be a whole number from 1 to {AMOUNT_MAX}")]
AmountOrZero = Annotated[
    int, _integer(0, AMOUNT_MAX, f"must be a whole number from 0 to {AMOUNT_MAX}")
]
# Milliseconds since 1970-01-01T00:00:00Z.
Time = Annotated[int, _integer(0, AMOUNT_MAX, "must be milliseconds since 1970, UTC")]
Decimals = Annotated[int, _integer(0, 12, "must be a whole number from 0 to 12")]
Currency = Annotated[
    str, _predicate(codes.CURRENCIES.__contains__, f"must be one of {', '.join(codes.CURRENCIES)}")
]
AssetCode = Annotated[str, _predicate(codes.is_asset_code, "is not an asset code, or mistyped")]
AssetCodeOrNone = Annotated[
    str, _predicate(codes.is_asset_code, "is not an asset code, or mistyped", empty=True)
]
MARK = _predicate(codes.is_mark, "is not a mark of a bank's money, or mistyped")
Mark = Annotated[str, MARK]
MarkOrNone = Annotated[
    str, _predicate(codes.is_mark, "is not a mark of a bank's money, or mistyped", empty=True)
]
_CLASS = "must be 1 to 16 capitals, digits or underscores"
AssetClass = Annotated[str, _pattern("[A-Z][A-Z0-9_]{0,15}", _CLASS)]
AssetClassOrNone = Annotated[str, _pattern("(?:[A-Z][A-Z0-9_]{0,15})?", f"{_CLASS}, or empty")]
OrderSide = Annotated[Side, enumeration(Side)]
SideOrNone = Annotated[str, one_of(("", "BUY", "SELL"))]
# Counts what is tried again, or legs, or rules.
Small = Annotated[int, _integer(0, 9_999, "must be a whole number from 0 to 9999")]
# JSON or other long text of an answer; never of a message that is executed.
LongText = Annotated[str, Kind(same, _read_long)]
AdmittedRole = Annotated[str, one_of(tuple(str(role) for role in ADMITTED))]
