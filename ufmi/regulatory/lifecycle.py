"""The life cycle of an object: which snapshot may follow which (JR/T 0314—2024, 6.5).

create      version 0              the id is new
update      latest + 1             full or increment
overwrite   v, then v+1 … latest   full or increment on v−1
delete      latest + 1             no body; nothing may follow
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ufmi.errors import LifecycleError
from ufmi.regulatory.text import Object


class Rule(StrEnum):
    """What a snapshot broke. The values are stable."""

    ID_TAKEN = "ID_TAKEN"
    OBJECT_UNKNOWN = "OBJECT_UNKNOWN"
    OBJECT_DIFFERS = "OBJECT_DIFFERS"
    DELETED = "DELETED"
    VERSION_WRONG = "VERSION_WRONG"
    VERSION_UNKNOWN = "VERSION_UNKNOWN"
    OVERWRITE_OPEN = "OVERWRITE_OPEN"
    TOO_MANY = "TOO_MANY"


class State(msgspec.Struct, frozen=True):
    """What of an object's past decides what may come next.

    `due` is the version that must be overwritten next, while an overwrite has not yet reached the
    latest version.
    """

    object_id: str
    type: str
    latest: int = 0
    deleted: bool = False
    due: int | None = None


def step(state: State | None, snapshot: Object) -> State:
    """The state after a snapshot; `state` is None before the first one.

    The snapshot must have passed `check`; its body is not looked at.

    Raises:
        LifecycleError: it may not come now. `rule` says why.
    """
    content = snapshot["header"]["content"]
    operation, version = content["operation"], content["version"]
    object_id, kind = content["object_id"], content["type"]
    if state is None:
        if operation != "create":
            raise LifecycleError(Rule.OBJECT_UNKNOWN, f"{object_id} has not been created")
        return State(object_id, kind)
    if (object_id, kind) != (state.object_id, state.type):
        problem = f"{kind} {object_id} is not {state.type} {state.object_id}"
        raise LifecycleError(Rule.OBJECT_DIFFERS, problem)
    if operation == "create":
        raise LifecycleError(Rule.ID_TAKEN, f"{object_id} exists or has existed")
    if state.deleted:
        raise LifecycleError(Rule.DELETED, f"{object_id} was deleted; nothing may follow")
    if operation == "overwrite":
        return _overwritten(state, version)
    if state.due is not None:
        problem = f"{object_id} is being overwritten; version {state.due} is next"
        raise LifecycleError(Rule.OVERWRITE_OPEN, problem)
    if version != state.latest + 1:
        problem = f"{object_id} has version {state.latest}; {operation} makes the next one"
        raise LifecycleError(Rule.VERSION_WRONG, f"{problem}, not {version}")
    return msgspec.structs.replace(state, latest=version, deleted=operation == "delete")


def _overwritten(state: State, version: int) -> State:
    if state.due is not None and version != state.due:
        problem = f"{state.object_id} is being overwritten; version {state.due} is next"
        raise LifecycleError(Rule.OVERWRITE_OPEN, f"{problem}, not {version}")
    if version > state.latest:
        problem = f"{state.object_id} has no version {version} to overwrite"
        raise LifecycleError(Rule.VERSION_UNKNOWN, problem)
    due = version + 1 if version < state.latest else None
    return msgspec.structs.replace(state, due=due)
