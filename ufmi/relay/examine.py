"""Checks what builders draft against the merged history, and says where each item goes.

What passes becomes a snapshot, what does not an entry of the exception log. An overwrite that goes
on to later versions passes or fails as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from msgspec.structs import replace

from chaincode.csrb.forms import is_object_id
from chaincode.csrb.lifecycle import Lives
from chaincode.csrb.records import (
    ERROR_MAX,
    ERRORS_MAX,
    OBJECT_ID_MAX,
    OWNER_MAX,
    Correction,
    Fault,
    Snapshot,
    Source,
)
from ufmi.errors import ContractFailure, InvalidSeal, MalformedObject, UfmiError
from ufmi.regulatory.checks import check, errors
from ufmi.regulatory.merging import merged_body
from ufmi.regulatory.seals import SEALS_MAX, content_digest, verify_seals
from ufmi.regulatory.snapshots import is_full
from ufmi.regulatory.text import SNAPSHOT_BYTES_MAX, Object, canonical
from ufmi.relay.past import Past

# How many versions one overwrite may go through: it has to fit into one report.
CHAIN_MAX = 200
_SEAL_ROOM = 1_024


class Draft(Protocol):
    """What a builder hands over: a snapshot, not yet sealed, with what is kept beside it."""

    @property
    def snapshot(self) -> Object: ...

    @property
    def private(self) -> bool: ...

    @property
    def source(self) -> Source: ...

    @property
    def owner(self) -> str: ...


@dataclass
class Item:
    """A draft in its place: good where it has no errors."""

    draft: Draft
    source: Source
    content: str = ""  # SM3 of the canonical form without seal
    errors: tuple[str, ...] = ()
    corrections: tuple[Correction, ...] = ()
    # Once its body is stored: a report that is tried again brings the same.
    stored: Snapshot | None = None

    @property
    def header(self) -> dict[str, Any]:
        """The part of the header that names the object, as far as there is one."""
        header = self.draft.snapshot.get("header")
        content = header.get("content") if isinstance(header, dict) else None
        return content if isinstance(content, dict) else {}

    def fault(self) -> Fault:
        """The entry of the exception log for what is wrong."""
        head = self.header
        version = head.get("version")
        return Fault(
            self.source,
            _clean(head.get("object_id", ""), OBJECT_ID_MAX),
            _clean(head.get("type", ""), OWNER_MAX),
            version if type(version) is int and 0 <= version < 2**53 else -1,
            _clean(head.get("operation", ""), OWNER_MAX),
            self.draft.owner,
            self.content,
            tuple([_clean(error, ERROR_MAX) for error in self.errors[:ERRORS_MAX]]),
        )


@dataclass
class Unit:
    """Items that belong into one report together."""

    items: list[Item] = field(default_factory=list)


def units(drafts: Sequence[Draft]) -> Iterator[Unit]:
    """The drafts of a block, each in its place; an overwrite that goes on is one unit."""
    unit = Unit()
    last: tuple[object, ...] = ()
    for place, draft in zip(count(), drafts, strict=False):
        item = Item(draft, replace(draft.source, place=place))
        head = item.header
        name = (head.get("operation"), head.get("object_id"), head.get("version"))
        if unit.items and not (name[0] == "overwrite" and name == last):
            yield unit
            unit = Unit()
        unit.items.append(item)
        version = name[2]
        following = version + 1 if type(version) is int else None
        last = (name[0], name[1], following)
    if unit.items:
        yield unit


def examine(past: Past, unit: Unit) -> None:
    """Fills in what is wrong with the items of a unit, or takes them all into the past."""
    for item in unit.items:
        item.content = _digest(item.draft.snapshot)
    try:
        with past.trial():
            _take(past, unit)
    except _Wrong:
        for item in unit.items:
            item.errors = item.errors or (
                "/header/content/operation OVERWRITE_OPEN: another version of this overwrite"
                " was not taken",
            )
            past.fault(*_fault_key(item))
        return
    for item in unit.items:
        id, owner = item.header["object_id"], item.draft.owner
        by = f"{id}/{item.header['version']}"
        item.corrections = tuple(
            [Correction(owner, block, place, by) for block, place in past.correct(owner, id)]
        )


def _clean(text: object, most: int) -> str:
    """A text of anybody's, short enough and in Unicode."""
    return str(text)[:most].encode(errors="replace").decode()


class _Wrong(Exception):  # noqa: N818  (not an error: it undoes a trial)
    """An item of a unit is not good."""


def _take(past: Past, unit: Unit) -> None:
    lives = Lives()
    for item in unit.items:
        item.errors = _errors(past, lives, item)
        if item.errors:
            raise _Wrong
    try:
        lives.finish()
        if len(unit.items) > CHAIN_MAX:
            raise ContractFailure(f"more than {CHAIN_MAX} versions overwritten at once")
    except ContractFailure as problem:
        unit.items[-1].errors = (f"/header/content/version LIFECYCLE: {problem.message}",)
        raise _Wrong from problem


def _errors(past: Past, lives: Lives, item: Item) -> tuple[str, ...]:
    """What is wrong with one snapshot; it is in the past where nothing is."""
    snapshot = item.draft.snapshot
    found = errors(check(snapshot, lookup=past.type_of, limit=ERRORS_MAX))
    if found:
        return _texts(found)
    found_seals = _seal_errors(snapshot)
    if found_seals:
        return found_seals
    head = item.header
    if not is_object_id(head["object_id"]):
        return ("/header/content/object_id FORMAT: too many bytes for a key of the ledger",)
    id, version = head["object_id"], head["version"]
    try:
        life = past.life(id)
        after = lives.follow(life, id, head["type"], item.draft.owner, version, head["operation"])
        body = merged_body(past.body_before(id, version), snapshot)
        if body is not None and not is_full(snapshot):
            whole = {**snapshot, "body": body}
            canonical(whole)
            found = errors(check(whole, full=True, lookup=past.type_of, limit=ERRORS_MAX))
            if found:
                return _texts(found)
        past.take(after, snapshot, body)
    except ContractFailure as problem:
        return (f"/header/content/version LIFECYCLE: {problem.message}",)
    except MalformedObject as problem:
        return (f"/body MALFORMED: {problem.message}",)
    return ()


def _seal_errors(snapshot: Object) -> tuple[str, ...]:
    """What is wrong with seals of others; the relay's own comes later and needs room."""
    if snapshot["header"].get("seal") is not None:
        try:
            if len(verify_seals(snapshot)) >= SEALS_MAX:
                return (f"/header/seal SEAL: more than {SEALS_MAX - 1} seals of others",)
        except InvalidSeal as problem:
            return (f"/header/seal SEAL: {problem.message}",)
    try:
        if len(canonical(snapshot)) > SNAPSHOT_BYTES_MAX - _SEAL_ROOM:
            return (f"/body MALFORMED: more than {SNAPSHOT_BYTES_MAX - _SEAL_ROOM} bytes",)
    except MalformedObject as problem:
        return (f"/body MALFORMED: {problem.message}",)
    return ()


def _texts(findings: Sequence[Any]) -> tuple[str, ...]:
    return tuple([f"{one.pointer or '/'} {one.code}: {one.message}" for one in findings])


def _digest(snapshot: Object) -> str:
    try:
        return content_digest(snapshot)
    except UfmiError:
        # What cannot be written has no digest; the check says what is wrong with it.
        return ""


def _fault_key(item: Item) -> tuple[str, str, int, int]:
    fault = item.fault()
    return fault.owner, fault.id, fault.source.block, fault.source.place
