"""What builders hand over: one version of one data object, not yet sealed or stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chaincode.csrb.records import Source
from ufmi.regulatory.text import Object

# Who answers for everything that follows from the ledger by rule.
OWNER = "UFMI"


@dataclass(frozen=True)
class Draft:
    """A snapshot with what the regulatory channel keeps beside it.

    Attributes:
        snapshot: header and body, unsealed.
        private: holds data about a person; stored in an envelope for the regulator.
        source: the line of the ledger that brought it about.
        documents: digests of the documents that went into the body. Once one of them is erased,
            the same line gives the same header and another body.
    """

    snapshot: Object
    private: bool
    source: Source
    documents: tuple[str, ...] = ()
    owner: str = OWNER

    @property
    def header(self) -> Object:
        found: Object = self.snapshot["header"]
        return found

    @property
    def body(self) -> Object:
        found: Object = self.snapshot["body"]
        return found

    @property
    def type(self) -> str:
        return str(self._content["type"])

    @property
    def object_id(self) -> str:
        return str(self._content["object_id"])

    @property
    def version(self) -> int:
        return int(self._content["version"])

    @property
    def operation(self) -> str:
        return str(self._content["operation"])

    @property
    def timestamp(self) -> int:
        """Unix time in seconds of the message's arrival."""
        return int(self._content["timestamp"])

    @property
    def reference(self) -> str:
        """How others refer to it: `objectId/version`."""
        return f"{self.object_id}/{self.version}"

    @property
    def _content(self) -> dict[str, Any]:
        content: dict[str, Any] = self.header["content"]
        return content
