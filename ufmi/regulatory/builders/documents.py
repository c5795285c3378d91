"""What a document adds to an object: fields that fit the object model, and nothing else.

A document that was erased, was never given or cannot be read leaves a word in required fields.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from ufmi.crypto import sm3_hex
from ufmi.errors import UfmiError
from ufmi.regulatory import model
from ufmi.regulatory.formats import parse_reference
from ufmi.regulatory.merging import merge
from ufmi.regulatory.model import Field, Group
from ufmi.regulatory.text import Object, read
from ufmi.regulatory.walk import Enough, Walk

# The document with a digest; that it was erased; or that nobody gave it.
Documents = Callable[[str], bytes | Literal["erased"] | None]
# Whether a reference leads to an object of a type.
Resolves = Callable[[str, str], bool]

ERASED = "已删除"
MISSING = "未提供"
UNREADABLE = "无法识别"
ORGANISATION = "organization_subject_information"
PERSON = "personal_subject_information"
_MEMBER = f'"{ORGANISATION}"'.encode()


@dataclass(frozen=True)
class Content:
    """A document's structure for one type of object, and the word for what it does not tell."""

    structure: Object
    word: str

    def named(self, digest: str) -> Object:
        """The document as an attachment of the object: its hash and, if it says nothing, why."""
        return {"hash": digest} if self.structure else {"hash": digest, "summary": self.word}


def no_documents(digest: str) -> None:
    """Knows no document."""


def content(documents: Documents, digest: str, kind: str) -> Content:
    """What the document with a digest says about an object of a type. An empty digest names none.

    A document has the members salt, structure, text and v; below structure stands the one key
    that the object has under `body`.
    """
    found = documents(digest) if digest else None
    if found is None:
        return Content({}, MISSING)
    if isinstance(found, str):
        return Content({}, ERASED)
    try:
        structure = read(found)["structure"][model.object_type(kind).body]
    except (UfmiError, KeyError, TypeError):
        structure = None
    if not isinstance(structure, dict) or sm3_hex(found) != digest:
        return Content({}, UNREADABLE)
    return Content(structure, MISSING)


def is_organisation(documents: Documents, digest: str) -> bool:
    """Whether a user's document is about an organisation. Without one, a user is a person."""
    found = documents(digest)
    # Most are about persons, and looking is cheaper than reading.
    if not isinstance(found, bytes) or _MEMBER not in found:
        return False
    structure = content(documents, digest, "subject").structure
    return ORGANISATION in structure and PERSON not in structure


def compose(
    kind: str, document: Object, defaults: Object, facts: Object, resolves: Resolves
) -> Object:
    """The body of an object: the document over the defaults, what the ledger says over both."""
    found = model.object_type(kind)
    fitting = _group(found.group, document, merge(defaults, facts), resolves)
    return {found.body: merge(merge(defaults, fitting or {}), facts)}


def _group(group: Group, value: Object, given: Any, resolves: Resolves) -> Object | None:
    """The members that fit; None where those that the group must have are not all there."""
    given = given if isinstance(given, dict) else {}
    kept: Object = {}
    for name, member in group.members.items():
        if name in value:
            fitting = _member(member, value[name], given.get(name), resolves)
            if fitting is not None:
                kept[name] = fitting
        needed = isinstance(member, Field) and member.required
        if needed and name not in kept and name not in given:
            return None
    return kept


def _member(member: Field | Group, value: Any, given: Any, resolves: Resolves) -> Any:
    if isinstance(member, Group):
        if not member.many:
            return _group(member, value, given, resolves) if isinstance(value, dict) else None
        items = value if isinstance(value, list) else []
        fitting = [_group(member, item, None, resolves) for item in items if isinstance(item, dict)]
        return [item for item in fitting if item]
    walk = Walk(lenient=False, limit=1)
    with suppress(Enough):
        walk.member("", member, value, partial=False)
    if walk.found:
        return None
    if member.type == "ref":
        # A document may name objects that are not here.
        return value if parse_reference(value) and resolves(value, member.to) else None
    return value
