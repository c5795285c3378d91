"""The structure that documents may have, read from `model.txt`: groups, fields and their kinds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from ufmi.errors import InvalidField

NUMBER_MAX = 2**53 - 1
DECIMALS_MAX = 6
_DIGITS_MAX = 18
_REF_MAX = 256
CURRENCIES = ("156", "840", "036", "978", "276", "344")
_FILE_MEMBERS = {
    "uri",
    "url",
    "hash",
    "file_name",
    "file_number",
    "summary",
    "term_of_validity_type",
    "term_of_validity",
    "algorithm_type",
}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


@dataclass(frozen=True)
class Field:
    """A field: its kind, whether its group must have it, its Chinese name."""

    name: str
    kind: str
    required: bool
    label: str


@dataclass
class Group:
    """A group of fields and further groups; `many` if it stands in a list."""

    name: str
    label: str = ""
    many: bool = False
    members: dict[str, Field | Group] = field(default_factory=dict)


@cache
def root() -> Group:
    """All groups: one below the root for subjects, accounts and products each."""
    found = group = Group("")
    text = files("ufmi.documents").joinpath("model.txt").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("@"):
            path, label = line[1:].split(" ", 1)
            group = found
            for part in path.split("."):
                group = _below(group, part)
            group.label = label
        elif line and not line.startswith("#"):
            name, kind, label = line.split(" ", 2)
            bare = name.removesuffix("!")
            group.members[bare] = Field(bare, kind, name != bare, label)
    return found


def _below(group: Group, part: str) -> Group:
    name = part.removesuffix("[]")
    member = group.members.setdefault(name, Group(name, many=part != name))
    if isinstance(member, Field):
        raise TypeError(f"{name} is a field and a group in model.txt")
    return member


@cache
def places() -> dict[str, list[tuple[str, ...]]]:
    """Where groups and fields stand that have one place only, outside lists, by their names."""
    found: dict[str, list[tuple[str, ...]]] = {}

    def walk(group: Group, path: tuple[str, ...]) -> None:
        for name, member in group.members.items():
            here = (*path, name)
            found.setdefault(name, []).append(here)
            if isinstance(member, Group) and not member.many:
                walk(member, here)

    walk(root(), ())
    return found


@cache
def field_paths() -> frozenset[str]:
    """The dotted paths of all fields."""
    found = root()

    def walk(group: Group, path: str) -> Iterator[str]:
        for name, member in group.members.items():
            if isinstance(member, Group):
                yield from walk(member, f"{path}{name}.")
            else:
                yield f"{path}{name}"

    return frozenset(walk(found, ""))


def check_group(value: Any, group: Group, path: str, unknown: list[str]) -> None:
    """Checks a value against a group; notes what the model does not have.

    Raises:
        InvalidField: naming the path.
    """
    if not isinstance(value, dict):
        raise InvalidField(path, "is a group of fields, so it has to be an object")
    for name, inner in value.items():
        here = f"{path}.{name}"
        member = group.members.get(name)
        if member is None:
            unknown.append(here)
        elif isinstance(member, Field):
            _check(inner, member.kind, here)
        elif not member.many:
            check_group(inner, member, here, unknown)
        else:
            if not isinstance(inner, list):
                raise InvalidField(here, "is a list of groups")
            for at, item in enumerate(inner):
                check_group(item, member, f"{here}[{at}]", unknown)
    for member in group.members.values():
        if isinstance(member, Field) and member.required and member.name not in value:
            raise InvalidField(f"{path}.{member.name}", f"({member.label}) is missing")


def _check(value: Any, kind: str, path: str) -> None:
    if kind.startswith("list/"):
        if not isinstance(value, list):
            raise InvalidField(path, "is a list")
        for at, item in enumerate(value):
            _check(item, kind.removeprefix("list/"), f"{path}[{at}]")
        return
    problem = _problem(value, kind)
    if problem:
        raise InvalidField(path, problem)


def _problem(value: Any, kind: str) -> str:
    """What is wrong with a value of a kind; "" if nothing is."""
    if kind.startswith("text"):
        return _text(value, int(kind[4:] or 0))
    if kind.startswith("code:"):
        return "" if _whole(value) and _listed(value, kind[5:]) else f"is one of {kind[5:]}"
    checks: dict[str, Callable[[], str]] = {
        "ref": lambda: _text(value, _REF_MAX),
        "integer": lambda: "" if _whole(value) else "is a whole number",
        "number": lambda: "" if _number(value) else "is a number",
        "boolean": lambda: "" if isinstance(value, bool) else "is true or false",
        "currency": lambda: "" if value in CURRENCIES else f"is one of {', '.join(CURRENCIES)}",
        "date": lambda: "" if _date(value) else "is a date such as 2026-07-16",
        "moment": lambda: "" if _moment(value) else "is a time such as 2026-07-16T09:00:00+08:00",
        "files": lambda: "" if _files(value) else "is a list of attachments",
        "identities": lambda: "" if _identities(value) else 'is a list of {"type", "code"}',
    }
    return checks[kind]()


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str):
        return "is a text"
    return f"is longer than {longest} characters" if 0 < longest < len(value) else ""


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return _whole(value) or isinstance(value, Decimal)


def _listed(value: int, codes: str) -> bool:
    for part in codes.split(","):
        low, _, high = part.partition("-")
        if int(low) <= value <= int(high or low):
            return True
    return False


def _date(value: Any) -> bool:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _moment(value: Any) -> bool:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _files(value: Any) -> bool:
    # Later objects have one attachment where the model says a list.
    found = value if isinstance(value, list) else [value]
    return all(
        isinstance(one, dict)
        and one.keys() <= _FILE_MEMBERS
        and all(isinstance(part, str) or _whole(part) for part in one.values())
        for one in found
    )


def _identities(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict)
        and one.keys() == {"type", "code"}
        and _whole(one["type"])
        and isinstance(one["code"], str)
        for one in value
    )


def plain_number(value: Decimal, path: str) -> int | Decimal:
    """The one form of a number: whole if it is whole, else without zeros at its end.

    Raises:
        InvalidField: not finite, or of more digits than any system agrees about.
    """
    if not value.is_finite():
        raise InvalidField(path, "is not a finite number")
    sign, digits, exponent = value.normalize().as_tuple()
    if isinstance(exponent, int) and exponent >= 0:
        whole = int(value)
        if abs(whole) > NUMBER_MAX:
            raise InvalidField(path, f"is beyond {NUMBER_MAX}")
        return whole
    if len(digits) > _DIGITS_MAX or not isinstance(exponent, int) or exponent < -DECIMALS_MAX:
        raise InvalidField(path, f"has more than {DECIMALS_MAX} decimals or {_DIGITS_MAX} digits")
    return Decimal((sign, digits, exponent))
