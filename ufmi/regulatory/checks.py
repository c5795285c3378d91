"""Checking whole snapshots: header, body, and what ties the two and parts of the body together."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ufmi.errors import Finding, InvalidObject
from ufmi.regulatory import model, ties
from ufmi.regulatory.formats import OBJECT_ID_MAX, Reference, is_object_id
from ufmi.regulatory.model import Group
from ufmi.regulatory.snapshots import is_full
from ufmi.regulatory.text import Object
from ufmi.regulatory.walk import Code, Enough, Lookup, Walk

FINDINGS_MAX = 100


def check(
    snapshot: object,
    *,
    lenient: bool = False,
    full: bool | None = None,
    lookup: Lookup | None = None,
    limit: int = FINDINGS_MAX,
) -> list[Finding]:
    """Everything wrong with a snapshot, in the order of the model; errors and warnings.

    `lenient` is for what others send: unknown members, other spellings seen in real data, a single
    object for an array of one, a plain date for a date-time are warnings. `full` demands a whole
    body; by default the snapshot tells (`is_full`), and an increment may hold null and lack
    required members. With `lookup`, references must lead to objects of the right type. At most
    `limit` errors and as many warnings; one more, MORE, says that there are others.
    """
    walk = Walk(lenient=lenient, limit=max(limit, 1), lookup=lookup, **_own(snapshot))
    with suppress(Enough):
        _snapshot(walk, snapshot, full)
    if walk.more:
        walk.found.append(Finding("", Code.MORE, "there are more findings than listed", True))
    return walk.found


def errors(findings: list[Finding]) -> list[Finding]:
    """The findings that make an object invalid."""
    return [finding for finding in findings if not finding.warning]


def ensure_valid(
    snapshot: object,
    *,
    lenient: bool = False,
    full: bool | None = None,
    lookup: Lookup | None = None,
) -> None:
    """Raises InvalidObject, with the findings, where `check` finds an error."""
    found = errors(check(snapshot, lenient=lenient, full=full, lookup=lookup))
    if found:
        raise InvalidObject(found)


def _snapshot(walk: Walk, snapshot: object, full: bool | None) -> None:
    if not isinstance(snapshot, dict):
        walk.add("", Code.TYPE, "a snapshot is an object with header and body")
        return
    if "header" in snapshot:
        _header(walk, snapshot["header"])
    else:
        walk.add("/header", Code.REQUIRED, "is required here")
    content = _content(snapshot)
    _body(walk, snapshot, content, is_full(snapshot) if full is None else full)
    walk.unknown("", (name for name in snapshot if name not in ("header", "body")), ())


def _header(walk: Walk, header: object) -> None:
    walk.group("/header", model.header(), header, partial=False)
    content = _content({"header": header})
    object_id = content.get("object_id")
    if isinstance(object_id, str) and not is_object_id(object_id):
        if not object_id:
            walk.add("/header/content/object_id", Code.FORMAT, "is empty")
        elif len(object_id) <= OBJECT_ID_MAX:
            problem = "has a blank, a slash or a character that does not print"
            walk.tolerated("/header/content/object_id", Code.FORMAT, problem)
    operation, version = content.get("operation"), content.get("version")
    if isinstance(version, int) and not isinstance(version, bool) and version >= 0:
        if operation == "create" and version != 0:
            walk.add("/header/content/version", Code.VERSION, "create makes version 0")
        if operation in ("update", "delete") and version == 0:
            walk.add("/header/content/version", Code.VERSION, f"{operation} makes version 1 or up")


def _body(walk: Walk, snapshot: Object, content: Object, full: bool) -> None:
    present = "body" in snapshot
    body = snapshot.get("body")
    if content.get("operation") == "delete":
        if present and body == {}:
            walk.tolerated("/body", Code.BODY_PRESENT, "leave the body of a delete out")
        elif present:
            walk.add("/body", Code.BODY_PRESENT, "a delete has no body")
        return
    if not present:
        walk.add("/body", Code.BODY_MISSING, "only a delete has no body")
        return
    if not isinstance(body, dict):
        walk.add("/body", Code.TYPE, "an object is expected")
        return
    keys = model.body_keys()
    groups = [key for key in keys if key in body]
    if len(groups) != 1:
        problem = f"exactly one of the seven groups is expected, not {len(groups)}"
        walk.add("/body", Code.BODY_COUNT, problem)
    for key in groups:
        if content.get("type") in model.TYPES and content["type"] != keys[key]:
            problem = f"belongs to type {keys[key]}, but the header says {content['type']}"
            walk.add(f"/body/{key}", Code.BODY_TYPE, problem)
        _object(walk, f"/body/{key}", keys[key], body[key], full)
    walk.unknown("/body", (name for name in body if name not in keys), keys)


def _object(walk: Walk, pointer: str, kind: str, value: Any, full: bool) -> None:
    group: Group = model.object_type(kind).group
    walk.member(pointer, group, value, partial=not full)
    if full and isinstance(value, dict):
        ties.check(walk, pointer, kind, value)


def _content(snapshot: object) -> Object:
    header = snapshot.get("header") if isinstance(snapshot, dict) else None
    content = header.get("content") if isinstance(header, dict) else None
    return content if isinstance(content, dict) else {}


def _own(snapshot: object) -> dict[str, Any]:
    """An object may name itself, as a trading centre that certifies itself does."""
    content = _content(snapshot)
    object_id, version, kind = (content.get(name) for name in ("object_id", "version", "type"))
    if isinstance(object_id, str) and isinstance(version, int) and isinstance(kind, str):
        return {"own": Reference(object_id, version), "own_type": kind}
    return {}
