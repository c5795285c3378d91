"""Checking values against groups and fields of the model, one by one, with findings by pointer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from ufmi.errors import Finding
from ufmi.regulatory.formats import (
    REFERENCE_MAX,
    Reference,
    is_date,
    is_date_time,
    parse_reference,
)
from ufmi.regulatory.model import CURRENCIES, Field, Group
from ufmi.regulatory.numbers import is_exact

# Gives the type of the object that a reference names, or None where there is no such snapshot.
Lookup = Callable[[str, int], str | None]
_SHOWN_MAX = 40


class Code(StrEnum):
    """What a finding is about. The values are stable."""

    TYPE = "TYPE"
    NULL = "NULL"
    REQUIRED = "REQUIRED"
    UNKNOWN = "UNKNOWN"
    SPELLING = "SPELLING"
    ENUM = "ENUM"
    RANGE = "RANGE"
    LENGTH = "LENGTH"
    FORMAT = "FORMAT"
    UNICODE = "UNICODE"
    INEXACT = "INEXACT"
    REFERENCE_UNKNOWN = "REFERENCE_UNKNOWN"
    REFERENCE_TYPE = "REFERENCE_TYPE"
    VERSION = "VERSION"
    BODY_MISSING = "BODY_MISSING"
    BODY_PRESENT = "BODY_PRESENT"
    BODY_COUNT = "BODY_COUNT"
    BODY_TYPE = "BODY_TYPE"
    KIND = "KIND"
    MORE = "MORE"


class Enough(Exception):  # noqa: N818  (not an error: it ends the walk)
    """As many findings as were asked for."""


class Walk:
    """One check: its findings so far and what it is allowed to let pass."""

    def __init__(
        self,
        *,
        lenient: bool,
        limit: int,
        lookup: Lookup | None = None,
        own: Reference | None = None,
        own_type: str = "",
    ) -> None:
        self.lenient = lenient
        self.found: list[Finding] = []
        self.more = False
        self._left = {False: limit, True: limit}
        self._lookup = lookup
        self._own = own
        self._own_type = own_type

    def add(self, pointer: str, code: Code, message: str, *, warning: bool = False) -> None:
        """Notes a finding. Raises Enough when there are more errors than the limit.

        Warnings have a limit of their own, so that they cannot hide an error.
        """
        if self._left[warning] == 0:
            self.more = True
            if not warning:
                raise Enough
            return
        self._left[warning] -= 1
        self.found.append(Finding(pointer, str(code), message, warning))

    def tolerated(self, pointer: str, code: Code, message: str) -> None:
        """Notes what only a strict check refuses."""
        self.add(pointer, code, message, warning=self.lenient)

    def member(self, pointer: str, member: Field | Group, value: Any, *, partial: bool) -> None:
        """Checks one value; `partial` allows null, which clears, and lets required ones be missing.

        Arrays are replaced as a whole, so nothing in them is partial.
        """
        if value is None and partial:
            return
        if value is None and not (isinstance(member, Field) and member.type == "object"):
            self.add(pointer, Code.NULL, "null is not a value; leave the member out")
            return
        if not member.many:
            self._one(pointer, member, value, partial=partial)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                place = f"{pointer}/{index}"
                if item is None:
                    self.add(place, Code.NULL, "null is not an item of an array")
                else:
                    self._one(place, member, item, partial=False)
        elif isinstance(member, Group) and isinstance(value, dict):
            self.tolerated(pointer, Code.TYPE, "an array is expected, not a single object")
            if self.lenient:
                self._one(pointer, member, value, partial=False)
        else:
            self.add(pointer, Code.TYPE, f"an array is expected, not {_shown(value)}")

    def group(self, pointer: str, group: Group, value: Any, *, partial: bool) -> None:
        """Checks the members of one object, in the model's order, then reports unknown ones."""
        if not isinstance(value, dict):
            self.add(pointer, Code.TYPE, f"an object is expected, not {_shown(value)}")
            return
        known = set()
        for name, member in group.members.items():
            key = self._spelling(name, member.also, value)
            if key is None:
                if member.required and not partial:
                    self.add(f"{pointer}/{escape(name)}", Code.REQUIRED, "is required here")
                continue
            known.add(key)
            place = f"{pointer}/{escape(key)}"
            if key != name:
                self.tolerated(place, Code.SPELLING, f"write {name}")
            self.member(place, member, value[key], partial=partial)
        self.unknown(pointer, (name for name in value if name not in known), group.members)

    def unknown(self, pointer: str, names: Iterable[object], known: Iterable[str]) -> None:
        """Reports members that the model does not know, in the order of their names."""
        for name in sorted(map(str, names)):
            if self.lenient and self._left[True] == 0:
                self.more = True  # near names are costly to look for
                return
            near = get_close_matches(name[:128], known, 1)
            hint = f"; is {near[0]} meant?" if near else ""
            place = f"{pointer}/{escape(name[:256])}"
            self.tolerated(place, Code.UNKNOWN, f"the model has no such member{hint}")

    def _spelling(self, name: str, also: tuple[str, ...], value: dict[str, Any]) -> str | None:
        if name in value:
            return name
        return next((other for other in also if other in value), None)

    def _one(self, pointer: str, member: Field | Group, value: Any, *, partial: bool) -> None:
        if isinstance(member, Group):
            self.group(pointer, member, value, partial=partial)
        elif member.type in ("integer", "number"):
            self._number(pointer, member, value)
        elif member.type == "boolean":
            if not isinstance(value, bool):
                self.add(pointer, Code.TYPE, f"true or false is expected, not {_shown(value)}")
        elif member.type == "object":
            if not isinstance(value, dict | None):
                self.add(pointer, Code.TYPE, f"an object or null is expected, not {_shown(value)}")
        elif not isinstance(value, str):
            self.add(pointer, Code.TYPE, f"a string is expected, not {_shown(value)}")
        else:
            self._string(pointer, member, value)

    def _number(self, pointer: str, field: Field, value: Any) -> None:
        if isinstance(value, float):
            self.add(pointer, Code.INEXACT, "a float is not exact; give an int or a Decimal")
        elif not is_exact(value):
            self.add(pointer, Code.TYPE, f"a number is expected, not {_shown(value)}")
        elif field.type == "integer" and not isinstance(value, int):
            self.add(pointer, Code.TYPE, f"a whole number is expected, not {_shown(value)}")
        elif field.codes and value not in field.codes:
            self.add(pointer, Code.ENUM, f"{_shown(value)} is none of {_ranges(field.codes)}")
        elif (field.least is not None and value < field.least) or (
            field.most is not None and value > field.most
        ):
            limits = f"{field.least} to {field.most}"
            self.add(pointer, Code.RANGE, f"{_shown(value)} is not within {limits}")

    def _string(self, pointer: str, field: Field, value: str) -> None:
        if field.max and len(value) > field.max:
            self.add(pointer, Code.LENGTH, f"{len(value)} characters; at most {field.max}")
        elif not _is_unicode(value):
            self.add(pointer, Code.UNICODE, "holds half of a surrogate pair, which is no character")
        elif field.values and value not in field.values:
            self.add(pointer, Code.ENUM, f"{_shown(value)} is none of {', '.join(field.values)}")
        elif field.type == "currency" and value not in CURRENCIES:
            self.add(pointer, Code.ENUM, f"{_shown(value)} is none of {', '.join(CURRENCIES)}")
        elif field.type == "date" and not is_date(value):
            self.add(pointer, Code.FORMAT, f"{_shown(value)} is not a date yyyy-MM-dd")
        elif field.type == "date-time" and not is_date_time(value):
            problem = f"{_shown(value)} is not a full RFC 3339 date-time with offset"
            self.add(pointer, Code.FORMAT, problem, warning=self.lenient and is_date(value))
        elif field.type == "ref":
            self._reference(pointer, field, value)

    def _reference(self, pointer: str, field: Field, value: str) -> None:
        reference = parse_reference(value)
        if reference is None:
            form = f"not objectId/version of at most {REFERENCE_MAX} characters"
            self.add(pointer, Code.FORMAT, f"{_shown(value)} is {form}")
        elif self._lookup is not None:
            own = reference == self._own
            kind = self._own_type if own else self._lookup(*reference)
            if kind is None:
                self.add(pointer, Code.REFERENCE_UNKNOWN, f"there is no snapshot {_shown(value)}")
            elif kind != field.to:
                problem = f"{_shown(value)} is of type {kind}, not {field.to}"
                self.add(pointer, Code.REFERENCE_TYPE, problem)


def escape(name: str) -> str:
    """One member's name as it stands in a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _shown(value: object) -> str:
    """A value for a message: short, on one line, without what a terminal would take for itself."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and not is_exact(value):
        return "a number that is endless or too long"
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else str(value)
    if len(text) > _SHOWN_MAX:
        text = f"{text[:_SHOWN_MAX]}…"
    return f'"{text}"' if isinstance(value, str) else text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _ranges(codes: tuple[int, ...]) -> str:
    """The shortest list of codes: (0, 1, 2, 255) → "0–2, 255"."""
    runs: list[list[int]] = []
    for code in codes:
        if runs and code == runs[-1][-1] + 1:
            runs[-1].append(code)
        else:
            runs.append([code])
    return ", ".join(f"{r[0]}–{r[-1]}" if len(r) > 2 else ", ".join(map(str, r)) for r in runs)
