"""What channel `csrb` keeps, and what a report brings. Bodies lie in the object store, not here."""

from __future__ import annotations

import msgspec

OBJECT_ID_MAX = 128
LOCATION_MAX = 512
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
    regulator_msp: str
    v: int = 1


class Source(Record, frozen=True):
    """Where a snapshot comes from: a line of a transaction of a block of a channel."""

    channel: str
    block: int
    transaction: str
    line: int  # by its place in the transaction, from 0


class Snapshot(Record, frozen=True):
    """One version of an object: its header, and where its body is and what it hashes to."""

    id: str
    type: str
    version: int
    operation: str
    timestamp: int  # UNIX seconds, of the business operation
    hash: str  # SM3 of the stored bytes
    size: int
    location: str  # key in the object store
    owner: str  # who reports it: an institution, or UFMI
    seals: tuple[str, ...]  # public keys that sealed it, hex
    private: bool  # in an envelope for the regulator
    source: Source
    replaced: tuple[str, ...] = ()  # hashes of what stood here before an overwrite
    v: int = 1


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
    previous: str


class Fault(Record, frozen=True):
    """Why an object was not taken: an entry of the exception log."""

    source: Source
    id: str
    type: str
    owner: str
    errors: tuple[str, ...]  # pointer, code and words of each
    corrected: str = ""  # objectId/version that put it right
    v: int = 1


class Progress(Record, frozen=True):
    """How far a channel has been reported: all snapshots of all blocks before this place."""

    block: int  # the next block
    index: int  # how many of its snapshots are there already
    hash: str  # of the block before it, hex
    v: int = 1


class Report(Record, frozen=True):
    """What a relay brings in one transaction, which carries on where the last one ended."""

    channel: str
    begin: Progress
    end: Progress
    anchors: tuple[Anchor, ...]
    snapshots: tuple[Snapshot, ...]
    faults: tuple[Fault, ...] = ()
