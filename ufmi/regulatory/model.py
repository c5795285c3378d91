"""The object model: header, document and seven types of object, read from `fields/*.toml`.

Those files are the one source of the model. The checks, the JSON Schema and the builder follow it.
Every line of them is a field: its JSON type, whether its group must have it, its Chinese and
English name, codes, labels where published, length, target of a reference, other spellings.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

PROTOCOL = "区域性股权市场跨链业务数据模型"
MODEL_VERSION = "2.0.0"
TYPES = (
    "subject",
    "account",
    "product",
    "transactionreport",
    "registration",
    "settlement",
    "infodisclosure",
)
# GB/T 12406: yuan, US dollar, Australian dollar, euro, German mark, Hong Kong dollar.
CURRENCIES = ("156", "840", "036", "978", "276", "344")

Kind = Literal[
    "string", "integer", "number", "boolean", "date", "date-time", "currency", "ref", "object"
]
_ARRAYS = {"integers": "integer", "strings": "string"}


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A member with a plain value, or with an array of plain values (`many`).

    `max` is the greatest number of characters; 0 is no limit. `codes` are the legal integers,
    `values` the legal strings; empty is no limit. `to` is the type that a reference names.
    """

    type: Kind
    zh: str
    en: str
    required: bool = False
    many: bool = False
    max: int = 0
    codes: tuple[int, ...] = ()
    values: tuple[str, ...] = ()
    labels: dict[int, str] = {}
    least: int | None = None
    most: int | None = None
    to: str = ""
    note: str = ""
    also: tuple[str, ...] = ()


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON object with named members, or an array of such objects (`many`)."""

    zh: str
    en: str
    required: bool = False
    many: bool = False
    also: tuple[str, ...] = ()
    members: dict[str, Field | Group] = {}

    def fields(self) -> int:
        """How many fields there are in it and in its groups; a document field counts as one."""
        total = 0
        for member in self.members.values():
            documents = isinstance(member, Group) and member.members is document().members
            total += 1 if isinstance(member, Field) or documents else member.fields()
        return total


class ObjectType(msgspec.Struct, frozen=True):
    """One of the seven types: `header.content.type`, its one key under `body`, its group."""

    name: str
    body: str
    group: Group


@cache
def header() -> Group:
    """The members of `header`."""
    return _group(_read("header"))


@cache
def document() -> Group:
    """The members of one document (附件)."""
    return _group(_read("document"))


@cache
def object_type(name: str) -> ObjectType:
    """One of `TYPES`. Raises KeyError for another name."""
    if name not in TYPES:
        raise KeyError(name)
    data = _read(name)
    return ObjectType(data["type"], data["body"], _group(data))


@cache
def body_keys() -> dict[str, str]:
    """The key under `body` and the type that it belongs to, for all types."""
    return {object_type(name).body: name for name in TYPES}


def _read(name: str) -> dict[str, Any]:
    path = files("ufmi.regulatory") / "fields" / f"{name}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _group(data: dict[str, Any]) -> Group:
    """Makes the tree of groups out of one file, whose tables are named by path."""
    zh, en = data["names"]
    root = Group(zh=zh, en=en, members={})
    for path, table in data.items():
        if not isinstance(table, dict):
            continue
        target = root
        *above, last = path.split(".")
        for part in above:
            step = target.members[part.removesuffix("[]")]
            assert isinstance(step, Group)
            target = step
        if last:
            zh, en = table.pop("names")
            group = Group(
                zh=zh,
                en=en,
                required=table.pop("required", False),
                many=last.endswith("[]"),
                also=tuple(table.pop("also", ())),
                members={},
            )
            target.members[last.removesuffix("[]")] = group
            target = group
        for name, data_of_field in table.items():
            target.members[name] = _member(data_of_field)
    return root


def _member(data: dict[str, Any]) -> Field | Group:
    if data["type"] == "documents":
        return Group(zh=data["zh"], en=data["en"], many=True, members=document().members)
    many = data["type"] in _ARRAYS
    made = {
        **data,
        "type": _ARRAYS.get(data["type"], data["type"]),
        "many": many,
        "codes": _codes(data.get("codes", "")),
        "labels": {int(code): label for code, label in data.get("labels", {}).items()},
    }
    return msgspec.convert(made, Field)


def _codes(text: str) -> tuple[int, ...]:
    """The integers of a list such as "0-3,255"."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)
