"""What a contract function sees of the ledger, whichever ledger runs it.

State is declared first (one read of all keys) or read as it is needed, changed within savepoints,
and written once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ufmi.errors import ContractFailure, LimitExceeded, UndeclaredKey

KEYS_MAX = 20_000
# With the contract's name and two bytes: what an embedded ledger's store takes as one key.
KEY_BYTES_MAX = 400
VALUE_BYTES_MAX = 256 * 1024
EVENT_BYTES_MAX = 1024 * 1024
SCAN_MAX = 1_000


class Modification(NamedTuple):
    """One entry of a key's history."""

    tx_id: str
    timestamp_ms: int
    value: bytes | None  # None: deleted


class Stub(Protocol):
    """What a ledger offers to the runtime for one transaction. Keys are UTF-8 texts.

    `scan` gives committed keys with start ≤ key < end in the order of their bytes, "" meaning no
    bound. It can be served by Fabric's GetStateByRange: take the iterator's batches until there
    are `limit` or no more, then close it. Not by its pagination with bookmarks, which Fabric
    refuses to transactions that write.
    """

    channel: str
    tx_id: str
    timestamp_ms: int
    creator_msp: str
    creator_certificate: bytes  # PEM

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]: ...

    def put_many(self, items: Sequence[tuple[str, bytes | None]]) -> None: ...

    def scan(self, start: str, end: str, limit: int) -> list[tuple[str, bytes]]: ...

    def history(self, key: str, limit: int) -> list[Modification]: ...

    def set_event(self, name: str, payload: bytes) -> None: ...


@dataclass(frozen=True)
class Caller:
    """The X.509 identity that proposed the transaction."""

    msp: str
    certificate: bytes  # PEM

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate in DER, hex."""
        certificate = x509.load_pem_x509_certificate(self.certificate)
        return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


_Record = TypeVar("_Record")
_MISSING: Any = object()
# Dictionaries are written sorted by key, structures in declared order: one value, one encoding.
_encoder = msgspec.json.Encoder(order="deterministic")
_decoders: dict[type, msgspec.json.Decoder[Any]] = {}


def encode_record(record: Any) -> bytes:
    """The bytes of a record in the state."""
    return _encoder.encode(record)


def decode_record(raw: bytes, kind: type[_Record]) -> _Record:
    """The record that bytes of the state hold."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    found: _Record = decoder.decode(raw)
    return found


class _Slot(msgspec.Struct, gc=False):
    """A key: what was read, what it is now, whether it may be written."""

    writable: bool
    raw: Any = None  # bytes; None: nothing there; _MISSING: not read
    read: Any = _MISSING  # the record that `raw` holds, once it was asked for
    value: Any = _MISSING  # the record as it is now


_Undo = list[tuple[_Slot, Any]]


class Savepoint:
    """Writes since its beginning, to be undone together. Made by `Context.savepoint`."""

    __slots__ = ("_context", "_outer", "_undo")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._undo: _Undo = []
        self._outer: _Undo | None = None

    def __enter__(self) -> None:
        self._outer, self._context._undo = self._context._undo, self._undo

    def __exit__(self, kind: object, *_: object) -> None:
        self._context._undo = self._outer
        if kind is not None:
            for slot, value in reversed(self._undo):
                slot.value = value
        elif self._outer is not None:
            self._outer.extend(self._undo)


# How a transaction gets at its keys: as it began, so it goes on.
_UNDECIDED, _DECLARED, _FREE = range(3)


class Context:
    """One transaction, as a contract function sees it.

    A function that calls `declare` is held to what it declares. One that never does is free: it
    reads each key when it asks for it, and may read ranges.

    Attributes:
        channel: the channel's name.
        tx_id: the transaction's id.
        timestamp_ms: its time, milliseconds since 1970, UTC: the only clock of a contract.
        caller: who proposed it.
    """

    def __init__(self, stub: Stub, *, read_only: bool = False) -> None:
        self._stub = stub
        self._read_only = read_only
        self.channel = stub.channel
        self.tx_id = stub.tx_id
        self.timestamp_ms = stub.timestamp_ms
        self.caller = Caller(stub.creator_msp, stub.creator_certificate)
        self._slots: dict[str, _Slot] = {}
        self._changed: dict[str, _Slot] = {}
        self._access = _UNDECIDED
        self._ranged = 0  # keys that ranges gave, and ranges
        self._undo: _Undo | None = None
        self._event: tuple[str, bytes] | None = None

    # -- state ------------------------------------------------------------------------------

    def declare(self, reads: Iterable[str], writes: Iterable[str] = ()) -> None:
        """Reads all keys of the transaction in one request. Only these can be used afterwards.

        Raises:
            LimitExceeded: more than KEYS_MAX keys.
            ContractFailure: keys or ranges were used before without being declared.
        """
        if self._access == _FREE:
            raise ContractFailure(
                "a function that has used state freely cannot declare keys any more",
                hint="Declare all keys first, or none",
            )
        self._access = _DECLARED
        slots = self._slots
        fresh = []
        for keys, writable in ((writes, True), (reads, False)):
            for key in keys:
                slot = slots.get(key)
                if slot is None:
                    slots[key] = _Slot(writable)
                    fresh.append(key)
                elif writable:
                    slot.writable = True
        if len(slots) > KEYS_MAX:
            raise LimitExceeded(f"more than {KEYS_MAX} keys in one transaction")
        for key, raw in zip(fresh, self._stub.get_many(fresh), strict=True):
            slots[key].raw = raw

    def get(self, key: str, kind: type[_Record]) -> _Record | None:
        """The record under a key, or None. Treat it as unchangeable; `put` a new one.

        What this transaction has put is what it gets.
        """
        slot = self._slots.get(key)
        if slot is None:
            slot = self._free_slot(key, "read without being declared")
        value: _Record | None = slot.value
        if value is _MISSING:
            raw = slot.raw
            if raw is _MISSING:
                (raw,) = self._stub.get_many((key,))
                slot.raw = raw
            value = None if raw is None else decode_record(raw, kind)
            slot.read = slot.value = value
        return value

    def put(self, key: str, record: Any) -> None:
        """Sets a key. None deletes it. Where keys are declared, it is one declared for writing."""
        slot = self._slots.get(key)
        if slot is None:
            slot = self._free_slot(key, "written without being declared for it")
        if not slot.writable:
            raise UndeclaredKey(f"the key {key} was written without being declared for it")
        if self._undo is not None:
            self._undo.append((slot, slot.value))
        slot.value = record
        self._changed[key] = slot

    def savepoint(self) -> Savepoint:
        """A `with` block that undoes all writes within, and only them, where it raises."""
        return Savepoint(self)

    def _free_slot(self, key: str, problem: str) -> _Slot:
        """A key that is used without being declared. Nothing is read yet."""
        if self._access == _DECLARED:
            raise UndeclaredKey(f"the key {key} was {problem}")
        self._access = _FREE
        slot = self._slots[key] = _Slot(True)
        slot.raw = _MISSING
        self._check_number()
        return slot

    def _check_number(self) -> None:
        if len(self._slots) + self._ranged > KEYS_MAX:
            raise LimitExceeded(f"more than {KEYS_MAX} keys in one transaction")

    # -- ranges and history -----------------------------------------------------------------

    def scan(self, start: str, end: str, limit: int) -> list[tuple[str, bytes]]:
        """Committed keys with start ≤ key < end, ascending, at most `limit` and SCAN_MAX.

        "" is no bound. The transaction's own writes are not seen. In a submit function the range
        becomes part of what the transaction has read: it is invalid if by its commit there are
        other keys or versions in it. Read on after the last key with start = key + "\\0".

        Raises:
            ContractFailure: in a submit function that has declared keys.
            LimitExceeded: more than KEYS_MAX keys in all.
        """
        if self._read_only:
            return self._stub.scan(start, end, min(limit, SCAN_MAX))
        if self._access == _DECLARED:
            raise ContractFailure(
                "a submit function that declares keys cannot read ranges",
                hint="Declare all keys that it needs, or none",
            )
        self._access = _FREE
        found = self._stub.scan(start, end, min(limit, SCAN_MAX))
        self._ranged += 1 + len(found)
        self._check_number()
        return found

    def history(self, key: str, limit: int = SCAN_MAX) -> list[Modification]:
        """The values that a key had, newest first. Queries only.

        No ledger's validation covers history, so a submit function must not depend on it.
        """
        if not self._read_only:
            raise ContractFailure(
                "history is for evaluate functions",
                hint="Keep what a submit function needs in the state",
            )
        return self._stub.history(key, min(limit, SCAN_MAX))

    # -- the end ----------------------------------------------------------------------------

    def emit(self, name: str, payload: bytes) -> None:
        """Sets the transaction's event. There is one; a second call replaces the first."""
        if len(payload) > EVENT_BYTES_MAX:
            raise LimitExceeded(f"an event is larger than {EVENT_BYTES_MAX} bytes")
        self._event = (name, payload)

    def finish(self) -> None:
        """Hands each changed key to the ledger once, and the event. Called by the runtime."""
        items = []
        for key, slot in self._changed.items():
            record = slot.value
            # Undone by a savepoint: as it was read, or never read at all.
            if record is slot.read:
                continue
            value = None if record is None else _encoder.encode(record)
            if value == slot.raw:
                continue
            if value is not None and len(value) > VALUE_BYTES_MAX:
                raise LimitExceeded(f"the value of {key} is larger than {VALUE_BYTES_MAX} bytes")
            items.append((key, value))
        if items and self._read_only:
            raise ContractFailure("an evaluate function cannot write")
        self._stub.put_many(items)
        if self._event is not None:
            self._stub.set_event(*self._event)
