"""Building bodies field by field: a wrong name or value is refused where it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Self, TypeAlias

from ufmi.errors import Finding, InvalidObject
from ufmi.regulatory import model
from ufmi.regulatory.model import Field, Group
from ufmi.regulatory.text import Object
from ufmi.regulatory.walk import Code, Enough, Walk, escape

Value: TypeAlias = "None | bool | int | Decimal | str | Sequence[Value] | Mapping[str, Value]"


class Part:
    """A group under construction.

    Paths are names joined by dots, below this group: "basic_account_information".
    """

    def __init__(self, group: Group, pointer: str, *, increment: bool = False) -> None:
        self._group = group
        self._pointer = pointer
        self._increment = increment
        self._value: Object = {}

    def put(self, path: str = "", /, **fields: Value) -> Self:
        """Sets fields of the group at `path`, which comes into being; None leaves a field out.

        Returns this part, so that calls can follow each other.

        Raises:
            InvalidObject: no such group or field, or a value that breaks the field's rules.
        """
        group, pointer, _ = self._find(path)
        if group.many and path:
            raise _wrong(pointer, Code.TYPE, "is an array; use add")
        given = {name: _plain(value) for name, value in fields.items() if value is not None}
        for name, value in given.items():
            _check(group, pointer, name, value)
        self._make(path).update(given)
        return self

    def add(self, path: str, /, **fields: Value) -> Part:
        """Appends an item to the array of groups at `path` and returns it, to be filled further.

        Raises:
            InvalidObject: as `put`.
        """
        group, pointer, value = self._find(path)
        if not group.many or not path:
            raise _wrong(pointer, Code.TYPE, "is not an array; use put")
        count = len(value) if isinstance(value, list) else 0
        item = Part(group, f"{pointer}/{count}").put("", **fields)
        above, _, last = path.rpartition(".")
        self._make(above).setdefault(last, []).append(item._value)
        return item

    def clear(self, path: str, /, *names: str) -> Self:
        """In an increment: clears members of the group at `path`, that is, sends null for them.

        Raises:
            InvalidObject: no such group or member, or this is not an increment.
        """
        group, pointer, _ = self._find(path)
        if not self._increment or (group.many and path):
            raise _wrong(pointer, Code.NULL, "only members of an increment can be cleared")
        for name in names:
            if name not in group.members:
                raise _unknown(group, pointer, name)
        self._make(path).update(dict.fromkeys(names))
        return self

    def value(self) -> Object:
        """The JSON object built so far."""
        return self._value

    def _find(self, path: str) -> tuple[Group, str, object]:
        """The group at a path, its pointer and what is there now; nothing is made."""
        group, pointer = self._group, self._pointer
        value: object = self._value
        for name in filter(None, path.split(".")):
            if group.many and group is not self._group:
                raise _wrong(pointer, Code.TYPE, "is an array; use add")
            member = group.members.get(name)
            if not isinstance(member, Group):
                raise _unknown(group, pointer, name)
            group, pointer = member, f"{pointer}/{escape(name)}"
            value = value.get(name) if isinstance(value, dict) else None
        return group, pointer, value

    def _make(self, path: str) -> Object:
        value = self._value
        for name in filter(None, path.split(".")):
            inner = value.get(name)
            if not isinstance(inner, dict):
                inner = value[name] = {}
            value = inner
        return value


class Body(Part):
    """The body of a snapshot of one type. Raises KeyError for a type that does not exist.

    With `increment`, members can be cleared, and required ones may be missing.
    """

    def __init__(self, kind: str, *, increment: bool = False) -> None:
        self._type = model.object_type(kind)
        super().__init__(self._type.group, f"/body/{self._type.body}", increment=increment)

    def body(self) -> Object:
        """The whole `body`, its one group inside. `check` says what is missing."""
        return {self._type.body: self._value}


def document(**fields: Value) -> Object:
    """One document (附件): where a file is, and its hash. Raises InvalidObject as `Part.put`."""
    return Part(model.document(), "").put("", **fields).value()


def _plain(value: Value) -> Value:
    """A copy in lists and dicts, which later changes of the original do not reach."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value


def _check(group: Group, pointer: str, name: str, value: Value) -> None:
    member = group.members.get(name)
    if member is None:
        raise _unknown(group, pointer, name)
    walk = Walk(lenient=False, limit=1)
    with suppress(Enough):
        walk.member(f"{pointer}/{escape(name)}", member, value, partial=False)
    if walk.found:
        raise InvalidObject(walk.found)


def _unknown(group: Group, pointer: str, name: str) -> InvalidObject:
    walk = Walk(lenient=False, limit=1)
    member = group.members.get(name)
    if isinstance(member, Field):
        return _wrong(f"{pointer}/{escape(name)}", Code.TYPE, "is a field, not a group")
    walk.unknown(pointer, [name], group.members)
    return InvalidObject(walk.found)


def _wrong(pointer: str, code: Code, message: str) -> InvalidObject:
    return InvalidObject([Finding(pointer, str(code), message)])
