"""The life of an object (JR/T 0314, 6.5): create, update, overwrite to the latest, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from chaincode.csrb.records import LOCATION_MAX, OBJECT_ID_MAX, OPERATIONS, TYPES, Object, Snapshot
from ufmi.contract import Context
from ufmi.errors import ContractFailure

VERSIONS_MAX = 999_999


def apply(
    context: Context,
    snapshots: Sequence[Snapshot],
    object_key: Callable[[str], str],
    snapshot_key: Callable[[str, int], str],
) -> None:
    """Takes snapshots in order. Raises ContractFailure where a life cycle forbids one."""
    # Objects of which later versions have to be overwritten too: id → the next one.
    rewriting: dict[str, int] = {}
    for snapshot in snapshots:
        _check_form(snapshot)
        key = object_key(snapshot.id)
        known = context.get(key, Object)
        changed = _following(known, snapshot, rewriting)
        place = snapshot_key(snapshot.id, snapshot.version)
        if snapshot.operation == "overwrite":
            before = context.get(place, Snapshot)
            assert before is not None
            snapshot = replace(snapshot, replaced=(*before.replaced, before.hash))
        elif snapshot.replaced:
            raise ContractFailure(f"{snapshot.id} replaces nothing")
        context.put(place, snapshot)
        if changed != known:
            context.put(key, changed)
    for id, version in rewriting.items():
        raise ContractFailure(f"{id} must be overwritten from version {version} on too")


def _check_form(snapshot: Snapshot) -> None:
    fits = (
        0 < len(snapshot.id) <= OBJECT_ID_MAX
        and "/" not in snapshot.id
        and snapshot.type in TYPES
        and snapshot.operation in OPERATIONS
        and 0 <= snapshot.version <= VERSIONS_MAX
        and len(snapshot.hash) == 64
        and 0 < len(snapshot.location) <= LOCATION_MAX
        and bool(snapshot.seals)
    )
    if not fits:
        raise ContractFailure(f"the snapshot {snapshot.id}/{snapshot.version} is not well formed")


def _following(known: Object | None, snapshot: Snapshot, rewriting: dict[str, int]) -> Object:
    """The object after a snapshot; raises ContractFailure where it cannot follow."""
    id, version, operation = snapshot.id, snapshot.version, snapshot.operation
    wanted = rewriting.pop(id, None)
    if wanted is not None and (operation, version) != ("overwrite", wanted):
        raise ContractFailure(f"{id} must be overwritten from version {wanted} on first")
    if operation == "create":
        if known is not None:
            raise ContractFailure(f"{id} exists already")
        if version:
            raise ContractFailure(f"{id} is created with version 0, not {version}")
        return Object(id, snapshot.type, snapshot.owner, 0)
    if known is None:
        raise ContractFailure(f"there is no object {id}")
    if known.deleted:
        raise ContractFailure(f"{id} is deleted: nothing follows")
    if (known.type, known.owner) != (snapshot.type, snapshot.owner):
        raise ContractFailure(f"{id} is a {known.type} of {known.owner}")
    if operation == "overwrite":
        if version > known.latest:
            raise ContractFailure(f"{id} has no version {version}")
        if version < known.latest:
            rewriting[id] = version + 1
        return known
    if version != known.latest + 1:
        raise ContractFailure(f"version {known.latest + 1} of {id} follows, not {version}")
    return replace(known, latest=version, deleted=operation == "delete")
