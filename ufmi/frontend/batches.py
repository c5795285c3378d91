"""Batches: queued messages that may run together, in order of arrival where they conflict."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from functools import cached_property

import msgspec

from ufmi.frontend.pending import Pending
from ufmi.frontend.receipts import Receipt
from ufmi.protocol import Entry, Keys, Line, Message, Result

LINES_MAX = 500
BYTES_MAX = 512 * 1024
WINDOW = 2_000


class Executed(msgspec.Struct):
    """A message with its result and where it stands."""

    result: Result
    block: int
    transaction_id: str


class Queued(msgspec.Struct, eq=False, dict=True):
    """A message on its way to the ledger."""

    entry: Entry
    message: Message
    signed: Line
    line: bytes  # the same, as `execute` takes it
    receipt: Receipt | None
    done: Pending[Executed] = msgspec.field(default_factory=Pending)

    @cached_property
    def keys(self) -> Keys:
        """The keys that it declares; needed only where batches are in flight together."""
        return self.message.keys(self.entry)


class KeyLocks:
    """Which keys the batches in flight read and write, and how many messages each."""

    def __init__(self) -> None:
        self._readers: dict[str, int] = {}
        self._writers: dict[str, int] = {}

    def free(self, keys: Keys) -> bool:
        """Whether a message with these keys conflicts with none that holds."""
        # Asked of every message in the window for every batch.
        written = self._writers.keys()
        return (
            written.isdisjoint(keys.writes)
            and written.isdisjoint(keys.reads)
            and self._readers.keys().isdisjoint(keys.writes)
        )

    def hold(self, keys: Keys) -> None:
        _add(self._readers, keys.reads)
        _add(self._writers, keys.writes)

    def release(self, batch: Iterable[Queued]) -> None:
        for item in batch:
            _subtract(self._readers, item.keys.reads)
            _subtract(self._writers, item.keys.writes)


def _add(counts: dict[str, int], keys: Iterable[str]) -> None:
    for key in keys:
        counts[key] = counts.get(key, 0) + 1


def _subtract(counts: dict[str, int], keys: Iterable[str]) -> None:
    for key in keys:
        if counts[key] > 1:
            counts[key] -= 1
        else:
            del counts[key]


def next_batch(queue: deque[Queued], lines_max: int = LINES_MAX) -> list[Queued]:
    """Takes the next messages in order of arrival; for when nothing else is in flight."""
    batch: list[Queued] = []
    size = 0
    lines_max = min(lines_max, LINES_MAX)
    while queue and len(batch) < lines_max:
        size += len(queue[0].line)
        if size > BYTES_MAX and batch:
            break
        batch.append(queue.popleft())
    return batch


def form_batch(queue: deque[Queued], locks: KeyLocks, lines_max: int = LINES_MAX) -> list[Queued]:
    """Takes the next messages that conflict neither with batches in flight nor, out of order,
    with messages that have to wait. The batch holds its keys.
    """
    batch: list[Queued] = []
    waiting: list[Queued] = []
    ahead = KeyLocks()
    size = 0
    lines_max = min(lines_max, LINES_MAX)
    while queue and len(batch) < lines_max and len(batch) + len(waiting) < WINDOW:
        item = queue[0]
        if size + len(item.line) > BYTES_MAX and batch:
            break
        queue.popleft()
        if locks.free(item.keys) and ahead.free(item.keys):
            batch.append(item)
            size += len(item.line)
        else:
            waiting.append(item)
            ahead.hold(item.keys)
    queue.extendleft(reversed(waiting))
    for item in batch:
        locks.hold(item.keys)
    return batch
