"""The one text form of a message: `NAME(field,…)`, one line of UTF-8 (guide 6.4).

A field may hold any text. What would end a field or a line is escaped as %XX over its UTF-8 bytes,
and only that is: every message has exactly one text, so a signature covers exactly one meaning.
Lists join their items with `;`, structures their parts with `:`, each escaped inside once more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ufmi.errors import MalformedText

TEXT_BYTES_MAX = 16_384

_NAME = r"[A-Z][A-Z0-9]*(?:\.[a-z]+)?"
# No bare parenthesis, control character or line separator within the fields.
_BARRED = "()\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029"
_TEXT = re.compile(f"({_NAME})\\(([^{_BARRED}]*)\\)")
_ESCAPED_IN_FIELD = re.compile(f"[%,{_BARRED}]")
_ESCAPED_IN_LIST = re.compile("[%;]")
_ESCAPED_IN_STRUCT = re.compile("[%:]")
_ESCAPE = re.compile("(?:%[0-9A-F]{2})+")


def join(name: str, fields: Sequence[str]) -> str:
    """The text of a message. The fields may hold anything."""
    return f"{name}({','.join([escape(field, _ESCAPED_IN_FIELD) for field in fields])})"


def split(text: str) -> tuple[str, list[str]]:
    """Name and fields of a text.

    Raises:
        MalformedText: not one line of the form, or not in its one canonical form.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise MalformedText("not of the form NAME(field,…)")
    inner = match[2]
    fields = inner.split(",")
    if "%" in inner:
        fields = [_unescape(field, _ESCAPED_IN_FIELD) for field in fields]
    return match[1], fields


def join_list(items: Sequence[str]) -> str:
    """A list as one field. An empty list is the empty text, so no item may be empty."""
    return ";".join([escape(item, _ESCAPED_IN_LIST) for item in items])


def split_list(field: str) -> list[str]:
    """The items of a list field. Raises MalformedText."""
    items = field.split(";") if field else []
    return [_unescape(item, _ESCAPED_IN_LIST) for item in items] if "%" in field else items


def join_struct(parts: Sequence[str]) -> str:
    """A structure as one text."""
    return ":".join([escape(part, _ESCAPED_IN_STRUCT) for part in parts])


def split_struct(item: str) -> list[str]:
    """The parts of a structure. Raises MalformedText."""
    parts = item.split(":")
    return [_unescape(part, _ESCAPED_IN_STRUCT) for part in parts] if "%" in item else parts


def escape(value: str, barred: re.Pattern[str]) -> str:
    return barred.sub(_escape_match, value) if barred.search(value) else value


def _escape_match(match: re.Match[str]) -> str:
    return "".join([f"%{byte:02X}" for byte in match[0].encode()])


def _unescape(value: str, barred: re.Pattern[str]) -> str:
    if "%" not in value:
        return value
    try:
        plain = _ESCAPE.sub(lambda run: bytes.fromhex(run[0].replace("%", "")).decode(), value)
    except UnicodeDecodeError as problem:
        raise MalformedText("an escape is not UTF-8") from problem
    if escape(plain, barred) != value:
        raise MalformedText("an escape is wrong or not needed")
    return plain
