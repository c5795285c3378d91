"""Blocks of Fabric: hashes, and one reader for blocks of both ledgers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from ufmi.errors import StoreCorrupted
from ufmi.ledger.proposals import Endorsed, Malformed, read_transaction
from ufmi.ledger.protos import (
    ENDORSER_TRANSACTION,
    VALID,
    chaincode_event,
    common,
    validation_name,
)

SIGNATURES = 0
TRANSACTIONS_FILTER = 2
COMMIT_HASH = 4


def header_bytes(number: int, previous_hash: bytes, data_hash: bytes) -> bytes:
    """The ASN.1 DER form of a block header, which is hashed and signed."""
    size = (number.bit_length() // 8) + 1
    inner = b"\x02" + bytes([size]) + number.to_bytes(size, "big")
    for part in (previous_hash, data_hash):
        inner += b"\x04" + _length(len(part)) + part
    return b"\x30" + _length(len(inner)) + inner


def _length(size: int) -> bytes:
    if size < 128:
        return bytes([size])
    raw = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(raw)]) + raw


def header_hash(header: Any) -> bytes:
    """SHA-256 of a block header: what the next block names as previous."""
    return hashlib.sha256(
        header_bytes(header.number, header.previous_hash, header.data_hash)
    ).digest()


def data_hash(envelopes: list[bytes]) -> bytes:
    """SHA-256 over a block's envelopes."""
    digest = hashlib.sha256()
    for envelope in envelopes:
        digest.update(envelope)
    return digest.digest()


@dataclass(frozen=True)
class BlockTransaction:
    """One transaction in a block."""

    block: int
    at: int
    tx_id: str
    code: int
    endorsed: Endorsed | None  # None: not an endorser transaction, or unreadable

    @property
    def valid(self) -> bool:
        return self.code == VALID

    @property
    def status(self) -> str:
        """Fabric's validation code by name."""
        return validation_name(self.code)

    @property
    def event(self) -> Any | None:
        """The chaincode event, if there is one."""
        if self.endorsed is None or not self.endorsed.action.events:
            return None
        return chaincode_event.ChaincodeEvent.FromString(self.endorsed.action.events)


class Block:
    """A block, decoded as far as asked."""

    def __init__(self, message: Any) -> None:
        self.message = message
        self.number = int(message.header.number)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Block:
        """Raises StoreCorrupted."""
        try:
            return cls(common.Block.FromString(raw))
        except Exception as problem:
            raise StoreCorrupted(f"a block cannot be read: {problem}") from problem

    @property
    def hash(self) -> bytes:
        return header_hash(self.message.header)

    @property
    def codes(self) -> bytes:
        """One validation code a transaction. Raises StoreCorrupted."""
        metadata = self.message.metadata.metadata
        codes = bytes(metadata[TRANSACTIONS_FILTER]) if len(metadata) > TRANSACTIONS_FILTER else b""
        if len(codes) != len(self.message.data.data):
            raise StoreCorrupted(f"block {self.number} does not have a code a transaction")
        return codes

    def transactions(self) -> Iterator[BlockTransaction]:
        """All transactions in order."""
        codes = self.codes
        for at, raw in enumerate(self.message.data.data):
            tx_id, endorsed = "", None
            try:
                envelope = common.Envelope.FromString(raw)
                payload = common.Payload.FromString(envelope.payload)
                header = common.ChannelHeader.FromString(payload.header.channel_header)
                tx_id = header.tx_id
                if header.type == ENDORSER_TRANSACTION:
                    endorsed = read_transaction(payload)
            except (Malformed, DecodeError):
                pass  # its validation code says what is wrong with it
            yield BlockTransaction(self.number, at, tx_id, codes[at], endorsed)
