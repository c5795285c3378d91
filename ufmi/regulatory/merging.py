"""Merging increments into whole bodies: JSON merge patch (RFC 7386).

Objects merge member by member, null clears, everything else replaces, arrays as a whole.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ufmi.regulatory.snapshots import is_full
from ufmi.regulatory.text import Object


def merge(before: Object, increment: Object) -> Object:
    """What an increment makes of a body. Neither is changed; unchanged parts are shared.

    Raises:
        RecursionError: nested deeper than Python allows; what `text.read` returns never is.
    """
    merged = dict(before)
    for name, value in increment.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            old = merged.get(name)
            merged[name] = merge(old if isinstance(old, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def increment(before: Object, after: Object) -> Object:
    """The smallest increment that makes `after` of `before`; it clears what is gone with null."""
    found: Object = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            inner = increment(old, value)
            if inner:
                found[name] = inner
        elif name not in before or not _same(old, value):
            found[name] = value
    return found


def merged_body(before: Object | None, snapshot: Object) -> Object | None:
    """The whole body after a snapshot, given that of the version before; None after a delete."""
    body = snapshot.get("body")
    if snapshot["header"]["content"]["operation"] == "delete" or not isinstance(body, dict):
        return None
    return merge({} if is_full(snapshot) else before or {}, body)


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON values: true is not 1, and 1.0 is 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | Decimal) and isinstance(other, int | Decimal):
        return one == other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[n], other[n]) for n in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)
