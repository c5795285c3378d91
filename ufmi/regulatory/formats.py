"""The forms that strings of the object model have: dates, times, references, object ids."""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

OBJECT_ID_MAX = 128
REFERENCE_MAX = 256

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(?:\.[0-9]{1,9})?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)
_REFERENCE = re.compile(r"(.+)/(0|[1-9][0-9]{0,17})", re.DOTALL)
_DAY_MINUTES = 24 * 60


class Reference(NamedTuple):
    """What `objectId/version` names."""

    object_id: str
    version: int

    def __str__(self) -> str:
        return f"{self.object_id}/{self.version}"


def is_date(text: str) -> bool:
    """Whether this is a day of the calendar as yyyy-MM-dd."""
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_date_time(text: str) -> bool:
    """Whether this is a full RFC 3339 date-time with offset, to the nanosecond at most.

    A second 60 is legal only where it can be a leap second: at the end of a day of UTC.
    """
    time = _TIME.fullmatch(text[11:])
    if time is None or text[10:11] not in ("T", "t") or not is_date(text[:10]):
        return False
    if time[3] != "60":
        return True
    offset = int(time[5] or 0) * 60 + int(time[6] or 0)
    minute = int(time[1]) * 60 + int(time[2]) + (offset if time[4] == "-" else -offset)
    return minute % _DAY_MINUTES == _DAY_MINUTES - 1


def is_object_id(text: str) -> bool:
    """Whether this can be an object id of ours: 1 to 128 printable characters without / or blank.

    The standard says the length alone; a slash or blank would not survive in references and keys.
    """
    return 1 <= len(text) <= OBJECT_ID_MAX and text.isprintable() and not set(text) & set("/ ")


def parse_reference(text: str) -> Reference | None:
    """What a reference names, or None where it is not `objectId/version`."""
    match = _REFERENCE.fullmatch(text) if len(text) <= REFERENCE_MAX else None
    if match is None or len(match[1]) > OBJECT_ID_MAX:
        return None
    return Reference(match[1], int(match[2]))
