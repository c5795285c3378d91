"""The history of one object in memory: all its snapshots, and the whole object by version."""

from __future__ import annotations

from copy import deepcopy

from ufmi.errors import LifecycleError
from ufmi.regulatory import lifecycle, merging
from ufmi.regulatory.checks import ensure_valid
from ufmi.regulatory.lifecycle import Rule, State
from ufmi.regulatory.snapshots import is_full, overwrite
from ufmi.regulatory.text import Object, canonical
from ufmi.regulatory.walk import Lookup

SNAPSHOTS_MAX = 10_000


class History:
    """Applies the snapshots of one object in their order.

    A snapshot that breaks a rule changes nothing. `lenient` is for objects that others made, with
    `lookup` references must lead somewhere; see `check`. Not safe for several threads.
    """

    def __init__(self, *, lenient: bool = False, lookup: Lookup | None = None) -> None:
        self._lenient = lenient
        self._lookup = lookup
        self._state: State | None = None
        self._snapshots: list[Object] = []
        # By version: the snapshot that counts, and the whole body after it.
        self._stored: list[Object] = []
        self._bodies: list[Object | None] = []

    def apply(self, snapshot: Object) -> None:
        """Takes the next snapshot.

        Raises:
            InvalidObject: the snapshot, or what it makes of the object, breaks the model.
            LifecycleError: it may not come now.
            MalformedObject: it, or what it makes of the object, is too large to be written.
        """
        ensure_valid(snapshot, lenient=self._lenient, lookup=self._lookup)
        state = lifecycle.step(self._state, snapshot)
        if len(self._snapshots) >= SNAPSHOTS_MAX:
            problem = f"an object has at most {SNAPSHOTS_MAX} snapshots"
            raise LifecycleError(Rule.TOO_MANY, problem)
        canonical(snapshot)
        snapshot = deepcopy(snapshot)  # the caller may go on changing his
        version: int = snapshot["header"]["content"]["version"]
        before = self._bodies[version - 1] if version > 0 else None
        body = merging.merged_body(before, snapshot)
        if not is_full(snapshot) and body is not None:
            whole = {**snapshot, "body": body}
            ensure_valid(whole, lenient=self._lenient, full=True, lookup=self._lookup)
            canonical(whole)
        if version == len(self._stored):
            self._stored.append(snapshot)
            self._bodies.append(body)
        else:
            self._stored[version] = snapshot
            self._bodies[version] = body
        self._snapshots.append(snapshot)
        self._state = state

    @property
    def state(self) -> State | None:
        """What the life cycle knows; None before the object was created."""
        return self._state

    @property
    def latest(self) -> int | None:
        """The latest version; None before the object was created."""
        return self._state.latest if self._state else None

    @property
    def deleted(self) -> bool:
        return self._state is not None and self._state.deleted

    @property
    def snapshots(self) -> tuple[Object, ...]:
        """All snapshots in the order in which they came, overwritten ones too."""
        return tuple(self._snapshots)

    def stored(self, version: int) -> Object:
        """The snapshot of a version as it came. Raises LifecycleError: no such version."""
        return self._stored[self._known(version)]

    def merged(self, version: int) -> Object:
        """The snapshot of a version with its whole body; without one where it is the deletion.

        While an overwrite has not reached the latest version, later versions are still the old
        ones. Raises LifecycleError: no such version.
        """
        header = {"header": self._stored[self._known(version)]["header"]}
        body = self._bodies[version]
        return header if body is None else {**header, "body": body}

    def overwrites(
        self, version: int, body: Object, *, timestamp: int, full: bool = True, remark: str = ""
    ) -> list[Object]:
        """The snapshots that correct one version: a new body for it, the later ones as they were.

        Increments stay increments, so the correction shows in all later versions except where they
        say otherwise themselves. Raises LifecycleError: no such version, or the object is deleted.
        """
        self._known(version)
        assert self._state is not None
        if self._state.deleted:
            raise LifecycleError(Rule.DELETED, f"{self._state.object_id} was deleted")
        bodies = [(body, full)] + [(s["body"], is_full(s)) for s in self._stored[version + 1 :]]
        return [
            overwrite(
                self._state.type,
                self._state.object_id,
                number,
                one,
                timestamp=timestamp,
                full=whole,
                remark=remark,
            )
            for number, (one, whole) in enumerate(bodies, version)
        ]

    def _known(self, version: int) -> int:
        if not 0 <= version < len(self._stored):
            raise LifecycleError(Rule.VERSION_UNKNOWN, f"there is no version {version}")
        return version
