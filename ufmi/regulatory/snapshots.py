"""Snapshots: one version of a data object, header and body, as a JSON object in memory."""

from __future__ import annotations

from typing import Any, Literal

from ufmi.regulatory.model import MODEL_VERSION, PROTOCOL
from ufmi.regulatory.text import Object

Operation = Literal["create", "update", "overwrite", "delete"]

# Nothing in the standard tells a full body from an increment. `metadata` is free for the local
# chain, so it says so there; a body without the mark is merged, which is right for both as long as
# a full body leaves out nothing that was there before.
_MARK = "body"
_FULL = "full"
_INCREMENT = "increment"


def snapshot(
    operation: Operation,
    kind: str,
    object_id: str,
    version: int,
    body: Object | None,
    *,
    timestamp: int,
    full: bool = True,
    remark: str = "",
) -> Object:
    """Puts a snapshot together; `check` says whether it is a good one.

    `kind` is the type of the object, `timestamp` Unix time in seconds. `full` tells whether the
    body is the whole object or an increment; it matters for update and overwrite.
    """
    marked = operation in ("update", "overwrite")
    header: Object = {
        "model": {"protocol": PROTOCOL, "version": MODEL_VERSION},
        "content": {
            "type": kind,
            "object_id": object_id,
            "version": version,
            "operation": operation,
            "timestamp": timestamp,
        },
        "metadata": {_MARK: _FULL if full else _INCREMENT} if marked else None,
    }
    if remark:
        header["remark"] = remark
    return {"header": header} if body is None else {"header": header, "body": body}


def create(kind: str, object_id: str, body: Object, *, timestamp: int, remark: str = "") -> Object:
    """The first snapshot of an object, version 0."""
    return snapshot("create", kind, object_id, 0, body, timestamp=timestamp, remark=remark)


def update(
    kind: str,
    object_id: str,
    version: int,
    body: Object,
    *,
    timestamp: int,
    full: bool = False,
    remark: str = "",
) -> Object:
    """A new version, one above the latest; an increment unless `full`."""
    return snapshot(
        "update", kind, object_id, version, body, timestamp=timestamp, full=full, remark=remark
    )


def overwrite(
    kind: str,
    object_id: str,
    version: int,
    body: Object,
    *,
    timestamp: int,
    full: bool = True,
    remark: str = "",
) -> Object:
    """A corrected snapshot for an existing version; an increment is one on the version before."""
    return snapshot(
        "overwrite", kind, object_id, version, body, timestamp=timestamp, full=full, remark=remark
    )


def delete(kind: str, object_id: str, version: int, *, timestamp: int, remark: str = "") -> Object:
    """The end of an object, one version above the latest, without a body."""
    return snapshot("delete", kind, object_id, version, None, timestamp=timestamp, remark=remark)


def is_full(value: Object) -> bool:
    """Whether the body of a snapshot is the whole object rather than an increment.

    It is on create, on an overwrite of version 0, before which there is nothing, and where the
    metadata say so.
    """
    header = _part(value, "header")
    content = _part(header, "content")
    if content.get("operation") == "create" or content.get("version") == 0:
        return True
    return _part(header, "metadata").get(_MARK) == _FULL


def _part(value: Any, name: str) -> Object:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}
