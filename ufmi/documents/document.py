"""A salted document about a person, an account or a product: structure, text, digest (rule 8).

The text of X1, X1.bank, X1.registry or P1.registry carries the digest; the document travels beside
it. A document has two forms at once (7.3.4, 8.4.1.2): a structure, whose groups and fields are
those of the cross-chain object model, and a text for full-text search. The salt makes the digest
say nothing to those who do not have the document.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from ufmi.crypto import sm3_hex
from ufmi.documents import model
from ufmi.errors import InvalidField, MalformedDocument

SALT_BYTES = 16
# As a JSON string within a line, which has to hold the text of the message too.
DOCUMENT_BYTES_MAX = 20_000
_DEPTH_MAX = 24
_SALT = re.compile(r"[0-9a-f]{32}")
_MEMBERS = {"salt", "structure", "text", "v"}

# What `make` makes documents about: the group at the root, and the groups that do not apply.
_ABOUT = {
    "person": ("subject_information", "organization_subject_information"),
    "organisation": ("subject_information", "personal_subject_information"),
    "account": ("account_information", ""),
    "product": ("product_information", ""),
}
_TYPE = "subject_information.basic_information_subject.general_information_subject.subject_type"
_SUBJECT_TYPES = {"person": 2, "organisation": 1}

_encoder = msgspec.json.Encoder(order="sorted", decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_quoter = msgspec.json.Encoder()

Value = Any  # what JSON can say: str, int, Decimal, bool, lists and objects of these


@dataclass(frozen=True)
class Document:
    """A document. Equal documents have equal bytes, and so equal digests."""

    structure: dict[str, Value]
    text: str
    salt: str  # hex
    # Paths that the object model does not have; those of another version of it, perhaps.
    unknown: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """`subject`, `account` or `product`."""
        return next(iter(self.structure)).removesuffix("_information")

    def encode(self) -> str:
        """The canonical JSON: sorted names, no blanks, numbers in their one form."""
        whole = {"salt": self.salt, "structure": self.structure, "text": self.text, "v": 1}
        return _encoder.encode(whole).decode()

    @property
    def digest(self) -> str:
        """SM3 of the canonical JSON (hex): what the text of a message carries."""
        return sm3_hex(self.encode().encode())

    def fields(self) -> Iterator[tuple[str, str]]:
        """Path and value, as text, of every field; places in lists are left out of the paths."""
        yield from scalars(self.structure)


def make(
    about: str,
    values: Mapping[str, Value],
    *,
    text: str = "",
    salt: bytes = b"",
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> Document:
    """A new document.

    Args:
        about: `person`, `organisation`, `account` or `product`.
        values: by the names of fields or groups in the object model. A name that stands in
            several groups is given with its group, `equity_issue_information.product_issue_price`.
            Decimals are `decimal.Decimal`, never float.
        text: the text form; written from the structure if none is given.
        salt: 16 bytes; random if none are given.

    Raises:
        InvalidField: names what is wrong and where.
    """
    if about not in _ABOUT:
        raise InvalidField("about", f"{about!r} is none of {', '.join(_ABOUT)}")
    salt = salt or random_bytes(SALT_BYTES)
    if len(salt) != SALT_BYTES:
        raise InvalidField("salt", f"has to have {SALT_BYTES} bytes")
    top, other = _ABOUT[about]
    structure: dict[str, Value] = {top: {}}
    for name, value in values.items():
        _put(structure, _place(name, top, other), _plain(value, name))
    if about in _SUBJECT_TYPES:
        _put(structure, tuple(_TYPE.split(".")), _SUBJECT_TYPES[about])
    document = Document(structure, text or render(structure), salt.hex())
    unknown = _check(document)
    if unknown:
        raise InvalidField(unknown[0], "is not in the object model", hint=_like(unknown[0]))
    return document


def _put(structure: dict[str, Value], path: tuple[str, ...], value: Value) -> None:
    at = structure
    for part in path[:-1]:
        at = at.setdefault(part, {})
        if not isinstance(at, dict):
            raise InvalidField(part, "is given as a value and as a group")
    if at.get(path[-1], value) != value:
        raise InvalidField(path[-1], "is given twice")
    at[path[-1]] = value


def _place(name: str, top: str, other: str) -> tuple[str, ...]:
    wanted = tuple(name.split("."))
    found = [
        path
        for path in model.places().get(wanted[-1], ())
        if path[0] == top and other not in path and path[-len(wanted) :] == wanted
    ]
    if not found:
        raise InvalidField(name, "is not in the object model", hint=_like(name))
    if len(found) > 1:
        groups = ", ".join(f"{path[-2]}.{path[-1]}" for path in found)
        raise InvalidField(name, f"stands in several groups: {groups}")
    return found[0]


def _like(name: str) -> str:
    """A hint with the names that come near."""
    leaves = {part for path in model.field_paths() for part in path.split(".")}
    near = difflib.get_close_matches(name.split(".")[-1], sorted(leaves), 3)
    return f"Perhaps {' or '.join(near)}" if near else "docs/documents.md says how fields are named"


def read(raw: str | bytes) -> Document:
    """Reads a document and checks it.

    Raises:
        MalformedDocument: not a document in its one canonical form, or too long.
        InvalidField: a field of the structure breaks its rule.
    """
    try:
        data = raw.encode() if isinstance(raw, str) else raw
        text = data.decode()
    except UnicodeError as problem:
        raise MalformedDocument("the document is not Unicode") from problem
    if quoted_size(text) > DOCUMENT_BYTES_MAX:
        raise MalformedDocument(f"the document has more than {DOCUMENT_BYTES_MAX} bytes in a line")
    try:
        whole = _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, ValueError, ArithmeticError) as problem:
        raise MalformedDocument(f"the document is not JSON: {problem}") from problem
    if not isinstance(whole, dict) or whole.keys() != _MEMBERS or whole["v"] != 1:
        raise MalformedDocument("a document has salt, structure, text and v, which is 1")
    salt, structure, shown = whole["salt"], whole["structure"], whole["text"]
    if not isinstance(salt, str) or not _SALT.fullmatch(salt):
        raise MalformedDocument(f"the salt has to be {SALT_BYTES} bytes in lower-case hexadecimal")
    if not isinstance(structure, dict) or not isinstance(shown, str):
        raise MalformedDocument("the structure has to be an object, and the text a text")
    document = Document(_plain(structure, ""), shown, salt)
    unknown = _check(document)
    if document.encode() != text:
        raise MalformedDocument("the document is not in its canonical form")
    return Document(document.structure, shown, salt, tuple(unknown))


def quoted_size(text: str) -> int:
    """How many bytes a document takes within a line. Raises MalformedDocument."""
    try:
        return len(_quoter.encode(text))
    except UnicodeError as problem:
        raise MalformedDocument("the document is not Unicode") from problem


def _check(document: Document) -> list[str]:
    """Checks structure and size; what the model does not have."""
    structure = document.structure
    tops = model.root().members
    if len(structure) != 1 or next(iter(structure)) not in tops:
        raise InvalidField("structure", f"has to have exactly one of {', '.join(tops)}")
    unknown: list[str] = []
    for name, value in structure.items():
        group = tops[name]
        if isinstance(group, model.Group):
            model.check_group(value, group, name, unknown)
    subject = structure.get("subject_information")
    if subject is not None:
        _check_subject(subject)
    try:
        size = quoted_size(document.encode())
    except UnicodeError as problem:
        raise InvalidField("text", "is not Unicode") from problem
    if size > DOCUMENT_BYTES_MAX:
        raise InvalidField("text", f"makes the document longer than {DOCUMENT_BYTES_MAX} bytes")
    return unknown


def _check_subject(subject: dict[str, Value]) -> None:
    """A subject is a person or an organisation, and says which."""
    choices = {"personal_subject_information": 2, "organization_subject_information": 1}
    given = [name for name in choices if name in subject]
    if len(given) != 1:
        raise InvalidField(
            "subject_information", f"has to have exactly one of {', '.join(choices)}"
        )
    basic = subject.get("basic_information_subject", {})
    said = basic.get("general_information_subject", {}).get("subject_type")
    if said not in (None, choices[given[0]]):
        raise InvalidField(_TYPE, f"{said} does not fit {given[0]}")


def _plain(value: Value, path: str, depth: int = 0) -> Value:
    """The value with every number in its one form. Raises InvalidField."""
    if depth > _DEPTH_MAX:
        raise InvalidField(path, f"is nested deeper than {_DEPTH_MAX}")
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise InvalidField(path, "has a name that is no text")
        return {
            name: _plain(one, f"{path}.{name}" if path else name, depth + 1)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(one, f"{path}[{at}]", depth + 1) for at, one in enumerate(value)]
    if isinstance(value, Decimal):
        return model.plain_number(value, path)
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if abs(value) > model.NUMBER_MAX:
            raise InvalidField(path, f"is beyond {model.NUMBER_MAX}")
        return value
    hint = "Give a decimal.Decimal" if isinstance(value, float) else "Leave out what is not set"
    raise InvalidField(path, f"cannot be {type(value).__name__}", hint=hint)


def scalars(value: Value, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and value, as text, of everything in a JSON value that is no list and no object."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from scalars(one, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for one in value:
            yield from scalars(one, path)
    elif isinstance(value, bool):
        yield path, "true" if value else "false"
    elif value is not None:
        yield path, str(value)


def render(structure: Mapping[str, Value]) -> str:
    """The text form of a structure: a line a field, by its Chinese name."""
    return "\n".join(_lines(structure, model.root()))


def _lines(value: Mapping[str, Value], group: model.Group) -> Iterator[str]:
    for name, member in group.members.items():
        if name not in value:
            continue
        inner = value[name]
        if isinstance(member, model.Field):
            shown = "、".join(one for _, one in scalars(inner))
            if shown:
                yield f"{member.label}：{shown}"
            continue
        for one in inner if isinstance(inner, list) else [inner]:
            if isinstance(one, Mapping):
                yield from _lines(one, member)
