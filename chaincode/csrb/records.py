"""What channel `csrb` keeps, and what a report brings. Bodies lie in the object store, not here."""

from __future__ import annotations

import msgspec

OBJECT_ID_MAX = 128
OWNER_MAX = 64
LOCATION_MAX = 512
SEALS_MAX = 16
ERRORS_MAX = 100
ERROR_MAX = 512  # characters
REPLACED_MAX = 1_000
VERSIONS_MAX = 999_999
OPERATIONS = ("create", "update", "overwrite", "delete")
TYPES = (
    "subject", "account", "product", "transactionreport", "registration", "settlement",
    "infodisclosure",
)  # fmt: skip


class Record(msgspec.Struct, frozen=True, gc=False):
    """Base of all records."""


class Parameters(Record, frozen=True):
    """What `init` is given, as JSON."""

    nonce: str
    relay_msp: str
    relays: tuple[str, ...]  # SHA-256 of the X.509 certificates (DER) that may report, hex
    seal_keys: tuple[str, ...]  # SM2 public keys with which relays seal, hex
    regulator_msp: str
    regulator_key: str  # SM2 public key to which what is private is enveloped, hex
    v: int = 1


class Source(Record, frozen=True):
    """Where a snapshot comes from: a line of a transaction of a block of a channel."""

    channel: str
    block: int
    transaction: str
    line: int  # by its place in the transaction, from 0
    place: int = 0  # among all that its block brings, snapshots and exceptions, from 0


class Snapshot(Record, frozen=True):
    """One version of an object: its header, and where its body is and what it hashes to."""

    id: str
    type: str
    version: int
    operation: str
    timestamp: int  # UNIX seconds, of the business operation
    hash: str  # SM3 of the stored bytes
    content: str  # SM3 of the canonical form without seal, which whoever recomputes it gets too
    size: int  # of the stored bytes
    location: str  # key in the object store
    owner: str  # who reports it: an institution, or UFMI
    seals: tuple[str, ...]  # public keys that sealed it, hex
    private: bool  # in an envelope for the regulator
    source: Source
    replaced: tuple[str, ...] = ()  # hashes of what stood here before an overwrite
    v: int = 1

    @property
    def name(self) -> str:
        """As references name it."""
        return f"{self.id}/{self.version}"


class Object(Record, frozen=True):
    """An object over its life."""

    id: str
    type: str
    owner: str
    latest: int
    deleted: bool = False
    v: int = 1


class Anchor(Record, frozen=True):
    """A block of another channel, fixed here."""

    number: int
    hash: str
    previous: str  # hash of the block before it; empty for block 0
    v: int = 1


class Fault(Record, frozen=True):
    """Why an object was not taken: an entry of the exception log."""

    source: Source
    id: str
    type: str
    version: int
    operation: str
    owner: str
    content: str  # SM3 of the canonical form of what was not taken, or empty where it has none
    errors: tuple[str, ...]  # pointer, code and words of each
    corrected: str = ""  # objectId/version that put it right
    v: int = 1


class Correction(Record, frozen=True):
    """Says that a snapshot puts right what stands in the exception log."""

    owner: str
    block: int  # of the exception's source
    place: int
    by: str  # objectId/version, a snapshot of the same owner in the same report


class Progress(Record, frozen=True):
    """How far a channel has been reported: all that its blocks bring before this place."""

    block: int  # the next block
    index: int  # how much of what it brings is there already
    hash: str  # of the block before it, hex; empty for block 0
    v: int = 1


START = Progress(0, 0, "")


class Totals(Record, frozen=True):
    """How much was reported of a channel altogether."""

    reports: int = 0
    snapshots: int = 0
    exceptions: int = 0
    corrected: int = 0
    v: int = 1


class Report(Record, frozen=True):
    """What a relay brings in one transaction, which carries on where the last one ended."""

    channel: str
    begin: Progress
    end: Progress
    anchors: tuple[Anchor, ...]
    snapshots: tuple[Snapshot, ...]
    faults: tuple[Fault, ...] = ()
    corrections: tuple[Correction, ...] = ()
