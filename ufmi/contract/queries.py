"""Queries that every contract with readable keys offers."""

from __future__ import annotations

import msgspec

from ufmi.contract.context import Context, encode_record
from ufmi.contract.contract import Contract, evaluate


class StateQueries(Contract):
    """A contract whose records, under text keys, may be read by who may query it."""

    @evaluate
    def get(self, context: Context, key: bytes) -> bytes:
        """The record under a key, as JSON; `null` if there is none."""
        name = key.decode()
        found = context.scan(name, name + "\x00", 1)
        return found[0][1] if found else b"null"

    @evaluate
    def scan(self, context: Context, start: bytes, end: bytes, limit: bytes = b"1000") -> bytes:
        """Records with start ≤ key < end: a JSON list of [key, record], at most 1000."""
        found = context.scan(start.decode(), end.decode(), int(limit))
        return encode_record([(key, msgspec.Raw(value)) for key, value in found])

    @evaluate
    def history(self, context: Context, key: bytes) -> bytes:
        """What stood under a key, newest first: a JSON list of [transaction, time, record]."""
        entries = [
            (entry.tx_id, entry.timestamp_ms, msgspec.Raw(entry.value or b"null"))
            for entry in context.history(key.decode())
        ]
        return encode_record(entries)
