"""One accepted message of the ledger, and the objects that it brings about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from chaincode.csrb.records import Source
from ufmi.crypto import sm3_hex
from ufmi.protocol import Message, Result
from ufmi.regulatory.builders.documents import Documents
from ufmi.regulatory.builders.draft import Draft
from ufmi.regulatory.builders.state import Known, Party, State
from ufmi.regulatory.builders.values import moment
from ufmi.regulatory.formats import parse_reference
from ufmi.regulatory.snapshots import Operation, snapshot
from ufmi.regulatory.text import Object, canonical

_PREFIX = 12  # hex digits of the network's digest: enough to tell ledgers apart

# In front of each kind of object id.
_TYPES = {
    "SU": "subject",
    "AC": "account",
    "PR": "product",
    "TR": "transactionreport",
    "RE": "registration",
    "ST": "settlement",
    "DI": "infodisclosure",
}


class Step:
    """What a builder works with: the state so far, the message, its place and time."""

    def __init__(
        self,
        state: State,
        documents: Documents,
        message: Message,
        text: str,
        result: Result,
        time: int,
        source: Source,
    ) -> None:
        self.state = state
        self.documents = documents
        self.message = message
        self.text = text
        self.result = result
        self.time = time  # of arrival, milliseconds since 1970 (UTC)
        self.source = source
        self.drafts: list[Draft] = []

    @property
    def digest(self) -> str:
        """SM3 of the message's text."""
        return sm3_hex(self.text.encode())

    @property
    def moment(self) -> str:
        return moment(self.time)

    @property
    def day(self) -> str:
        return self.moment[:10]

    def id(self, *parts: str | int) -> str:
        """An object id: the network, the kind of object, and what makes it the only one.

        A transaction id or number, in which there may be dashes, comes last.
        """
        return "-".join([self.state.network[:_PREFIX], *[str(part) for part in parts]])

    def party(self, id: str) -> Party:
        return self.state.parties[id]

    def subject(self, id: str) -> str:
        """The reference to the subject of a party or user."""
        return self.reference("SU", id)

    def product(self, code: str) -> str:
        """The reference to the product of an asset or mark."""
        return self.reference("PR", code)

    def account(self, unified: str, broker: str, kind: str) -> str:
        """The reference to an account; `kind` is S (securities) or C (cash)."""
        return self.reference("AC", unified, broker, kind)

    def reference(self, *parts: str) -> str:
        """The reference to an object as it is now."""
        id = self.id(*parts)
        return f"{id}/{self.state.objects[id].version}"

    def resolves(self, reference: str, kind: str) -> bool:
        """Whether a reference leads to an object of this ledger that may still change."""
        found = parse_reference(reference)
        if found is None:
            return False
        known = self.state.objects.get(found.object_id)
        prefix = found.object_id[_PREFIX + 1 : _PREFIX + 3]
        return known is not None and found.version <= known.version and _TYPES[prefix] == kind

    def once(
        self, parts: tuple[str | int, ...], body: Object, metadata: Mapping[str, Any] | None = None
    ) -> str:
        """Creates an object that never changes; returns its reference."""
        return self._draft("create", self.id(*parts), 0, body, metadata or {})

    def keep(
        self,
        parts: tuple[str, ...],
        facts: Mapping[str, Any],
        body: Callable[[], Object],
        metadata: Mapping[str, Any] | None = None,
        *,
        private: bool = False,
        documents: tuple[str, ...] = (),
        increment: bool = False,
    ) -> None:
        """Creates an object, or its next version if what the ledger says about it has changed.

        Args:
            facts: what the ledger says, without references, times and texts of documents.
            increment: the body of an update holds only what changed.
        """
        id = self.id(*parts)
        digest = sm3_hex(canonical({**facts, "documents": list(documents)}))
        known = self.state.objects.get(id)
        if known is not None and known.facts == digest:
            return
        version = known.version + 1 if known else 0
        self.state.objects[id] = Known(version, digest)
        self._draft(
            "update" if known else "create",
            id,
            version,
            body(),
            metadata or {},
            private=private,
            documents=documents,
            full=not (known and increment),
        )

    def forget(self, *parts: str) -> None:
        """The object will neither change nor be referred to any more."""
        self.state.objects.pop(self.id(*parts), None)

    def _draft(
        self,
        operation: Operation,
        id: str,
        version: int,
        body: Object,
        metadata: Mapping[str, Any],
        *,
        private: bool = False,
        documents: tuple[str, ...] = (),
        full: bool = True,
    ) -> str:
        source = self.source
        made = snapshot(
            operation,
            _TYPES[id[_PREFIX + 1 : _PREFIX + 3]],
            id,
            version,
            body,
            timestamp=max(self.time // 1000, 1),
            full=full,
        )
        made["header"]["metadata"] = {
            **(made["header"]["metadata"] or {}),
            "source": {
                "channel": source.channel,
                "block": source.block,
                "transaction": source.transaction,
                "line": source.line,
                "message": self.message.identity,
            },
            **{name: value for name, value in metadata.items() if value not in ("", None)},
        }
        named = tuple([one for one in documents if one])
        self.drafts.append(Draft(made, private, source, named))
        return f"{id}/{version}"


Build = Callable[[Step, Any], None]
BUILDS: dict[type[Message], Build] = {}
_Build = TypeVar("_Build", bound=Build)


def builds(*kinds: type[Message]) -> Callable[[_Build], _Build]:
    """Registers the function that follows accepted messages of some classes."""

    def register(function: _Build) -> _Build:
        for kind in kinds:
            BUILDS[kind] = function
        return function

    return register
