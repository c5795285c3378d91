"""Ordering: envelopes in, blocks out, cut by number, size and time as in Fabric."""

from __future__ import annotations

import threading
from typing import Any

from google.protobuf.message import DecodeError

from ufmi.errors import AccessDenied, LedgerError, SubmitError
from ufmi.ledger.embedded.channel import EmbeddedChannel
from ufmi.ledger.proposals import Malformed, read_headers
from ufmi.ledger.protos import common
from ufmi.ledger.wire import field

WAITING_MAX = 10_000


class Orderer:
    """Orders the transactions of one channel."""

    def __init__(self, channel: EmbeddedChannel) -> None:
        self._channel = channel
        self._cut = channel.topology.cut
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._timer: threading.Timer | None = None

    def submit(self, message: Any) -> None:
        """Takes an `Envelope` in. Where that fills a block, returns after its commit.

        Raises:
            SubmitError: not a transaction that a member of the channel signed, too large, or
                too many are waiting.
            StorageFailed: the block could not be written; the transaction is not in the ledger.
        """
        envelope = self._admit(message)
        with self._lock:
            if len(self._waiting) >= WAITING_MAX:
                raise SubmitError(f"more than {WAITING_MAX} transactions wait", retryable=True)
            if self._waiting_bytes + len(envelope) > self._cut.bytes_preferred and self._waiting:
                self._commit()
            self._waiting.append(envelope)
            self._waiting_bytes += len(envelope)
            full = (
                len(self._waiting) >= self._cut.count
                or self._waiting_bytes >= self._cut.bytes_preferred
            )
            if full or self._cut.timeout_ms == 0:
                self._commit()
            elif self._timer is None:
                self._timer = threading.Timer(self._cut.timeout_ms / 1000, self._on_time)
                self._timer.daemon = True
                self._timer.start()

    def cut(self) -> None:
        """Makes a block of what is waiting, now."""
        with self._lock:
            self._commit()

    def drop(self) -> None:
        """Forgets what is waiting. For tests that go back to an anchor."""
        with self._lock:
            self._waiting, self._waiting_bytes = [], 0

    def _on_time(self) -> None:
        try:
            self.cut()
        except LedgerError:
            return  # whoever waits for these transactions is told by the channel

    def _commit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if batch:
            self._channel.commit(batch, admitted=True)

    def _admit(self, envelope: Any) -> bytes:
        """The envelope's bytes, if a member of the channel signed it and it is not too large."""
        payload, signature = envelope.payload, envelope.signature
        try:
            _, signature_header = read_headers(common.Payload.FromString(payload).header)
            member = self._channel.membership.member(signature_header.creator)
            member.verify(signature, payload)
        except (AccessDenied, Malformed) as problem:
            raise SubmitError(problem.message) from problem
        except DecodeError as problem:
            raise SubmitError("the envelope cannot be read") from problem
        raw = b"".join(field(1, [payload]) + field(2, [signature]))
        if len(raw) > self._cut.bytes_max:
            raise SubmitError(f"the transaction is larger than {self._cut.bytes_max} bytes")
        return raw

    def close(self) -> None:
        """Commits what is waiting and stops."""
        self.cut()
