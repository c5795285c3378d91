"""The life of an object (JR/T 0314, 6.5): create, update, overwrite to the latest, delete."""

from __future__ import annotations

from msgspec.structs import replace

from chaincode.csrb.records import VERSIONS_MAX, Object
from ufmi.errors import ContractFailure


class Lives:
    """Objects as snapshots follow each other. An overwrite goes on until the latest version.

    It needs no ledger, so a relay holds what it builds to the very same rules.
    """

    def __init__(self) -> None:
        # Objects of which later versions have to be overwritten too: id → the next one.
        self._rewriting: dict[str, int] = {}

    def follow(
        self, known: Object | None, id: str, type: str, owner: str, version: int, operation: str
    ) -> Object:
        """The object after a snapshot. Raises ContractFailure where it cannot follow."""
        wanted = self._rewriting.get(id)
        if wanted is not None and (operation, version) != ("overwrite", wanted):
            raise ContractFailure(f"{id} must be overwritten from version {wanted} on first")
        found = _following(known, id, type, owner, version, operation)
        self._rewriting.pop(id, None)
        if operation == "overwrite" and version < found.latest:
            self._rewriting[id] = version + 1
        return found

    def finish(self) -> None:
        """Raises ContractFailure where an overwrite has not come to the latest version."""
        for id, version in self._rewriting.items():
            raise ContractFailure(f"{id} must be overwritten from version {version} on too")


def _following(
    known: Object | None, id: str, type: str, owner: str, version: int, operation: str
) -> Object:
    if operation == "create":
        if known is not None:
            raise ContractFailure(f"{id} exists already")
        if version:
            raise ContractFailure(f"{id} is created with version 0, not {version}")
        return Object(id, type, owner, 0)
    if known is None:
        raise ContractFailure(f"there is no object {id}")
    if known.deleted:
        raise ContractFailure(f"{id} is deleted: nothing follows")
    if (known.type, known.owner) != (type, owner):
        raise ContractFailure(f"{id} is a {known.type} of {known.owner}")
    if operation == "overwrite":
        if not 0 <= version <= known.latest:
            raise ContractFailure(f"{id} has no version {version}")
        return known
    if version != known.latest + 1 or version > VERSIONS_MAX:
        raise ContractFailure(f"version {known.latest + 1} of {id} follows, not {version}")
    return replace(known, latest=version, deleted=operation == "delete")
