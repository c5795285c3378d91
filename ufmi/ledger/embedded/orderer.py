"""Ordering: envelopes in, blocks out, cut by number, size and time as in Fabric."""

from __future__ import annotations

import threading

from ufmi.errors import AccessDenied, LedgerError, SubmitError
from ufmi.ledger.embedded.channel import EmbeddedChannel
from ufmi.ledger.proposals import Malformed, read_headers
from ufmi.ledger.protos import common

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

    def submit(self, envelope: bytes) -> None:
        """Takes an envelope in. Where that fills a block, returns after its commit.

        Raises:
            SubmitError: not a transaction that a member of the channel signed, too large, or
                too many are waiting.
            StorageFailed: the block could not be written; the transaction is not in the ledger.
        """
        self._admit(envelope)
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

    def _admit(self, raw: bytes) -> None:
        if len(raw) > self._cut.bytes_max:
            raise SubmitError(f"the transaction is larger than {self._cut.bytes_max} bytes")
        try:
            envelope = common.Envelope.FromString(raw)
            payload = common.Payload.FromString(envelope.payload)
            _, signature_header = read_headers(payload.header)
            member = self._channel.membership.member(signature_header.creator)
            member.verify(envelope.signature, envelope.payload)
        except (AccessDenied, Malformed) as problem:
            raise SubmitError(problem.message) from problem
        except ValueError as problem:
            raise SubmitError("the envelope cannot be read") from problem

    def close(self) -> None:
        """Commits what is waiting and stops."""
        self.cut()
