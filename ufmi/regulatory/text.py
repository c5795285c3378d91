"""The text of data objects: reading it exactly, and the canonical bytes that are signed and hashed.

The canonical form: members sorted by code point, UTF-8, no blanks between tokens, in strings only
what must be escaped (RFC 8259), numbers as `number_text` writes them: every digit of the value.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from ufmi.crypto import sm3_hex
from ufmi.errors import MalformedObject
from ufmi.regulatory.numbers import number_text, read_number

# Of one snapshot; a roster of twenty thousand holders fits. A block has at most 16 MB.
SNAPSHOT_BYTES_MAX = 8 * 1024 * 1024

# A data object in memory. Its numbers are int or Decimal.
Object = dict[str, Any]


def read(data: bytes) -> Object:
    """The JSON object in UTF-8 bytes, its numbers exact.

    Raises:
        MalformedObject: too long, not UTF-8, not one JSON object, a member twice, a number that is
            none or too long, or nested too deep.
    """
    if len(data) > SNAPSHOT_BYTES_MAX:
        raise MalformedObject(f"a data object has at most {SNAPSHOT_BYTES_MAX} bytes")
    try:
        found = json.loads(
            data.decode(),
            parse_float=read_number,
            parse_int=read_number,
            parse_constant=_no_number,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError) as problem:
        raise MalformedObject(f"not JSON in UTF-8: {problem}") from problem
    if not isinstance(found, dict):
        raise MalformedObject("a data object is a JSON object")
    return found


def canonical(value: Object) -> bytes:
    """The canonical bytes of an object.

    Raises:
        MalformedObject: it holds what JSON or exactness forbids (a float, a lone surrogate, another
            type), is nested too deep or too long.
    """
    try:
        data = msgspec.json.encode(_encodable(value), order="sorted")
    except (UnicodeEncodeError, RecursionError) as problem:
        raise MalformedObject(f"cannot be written as JSON in UTF-8: {problem}") from problem
    if len(data) > SNAPSHOT_BYTES_MAX:
        raise MalformedObject(f"a data object has at most {SNAPSHOT_BYTES_MAX} bytes")
    return data


def digest(stored: bytes) -> str:
    """SM3 over the bytes of a snapshot exactly as they are stored, as hexadecimal digits."""
    return sm3_hex(stored)


def _encodable(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | Decimal):
        return msgspec.Raw(number_text(value).encode())
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise MalformedObject("a member's name is a string")
        return {name: _encodable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(one) for one in value]
    raise MalformedObject(f"a {type(value).__name__} cannot be kept exactly in JSON")


def _object(pairs: list[tuple[str, Any]]) -> Object:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedObject("an object has a member twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise MalformedObject(f"{text} is not a number of JSON")
