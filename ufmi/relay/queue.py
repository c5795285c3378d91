"""What waits to be reported, in order: items and finished blocks, cut into reports by limits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from chaincode.csrb.forms import CORRECTIONS_MAX
from chaincode.csrb.records import (
    START,
    Anchor,
    Correction,
    Progress,
    Report,
    Snapshot,
)
from ufmi.contract import encode_record
from ufmi.relay.examine import Item, Unit


@dataclass(frozen=True)
class Limits:
    """How much one report brings at most, all below what the contract and the ledger take."""

    items: int = 500
    anchors: int = 200
    # Of the report. A unit is not divided, so one may make it larger, far below what fits.
    bytes: int = 512 * 1024


# Stores bodies and gives their records, all at once.
Prepare = Callable[[list[Item]], list[Snapshot]]
_ANCHOR_BYTES = 180
_ITEM_BYTES = 1_000


class Queue:
    """Begins where the channel's progress is; `advance` follows it, whoever made it.

    Attributes:
        begin: the place from which the next report has to go on.
    """

    def __init__(self, channel: str, limits: Limits) -> None:
        self._channel = channel
        self._limits = limits
        self._waiting: deque[Unit | Anchor] = deque()
        self._items = self._anchors = 0
        self.begin = START

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def full(self) -> bool:
        """Whether there is enough for a whole report."""
        return self._items >= self._limits.items or self._anchors >= self._limits.anchors

    def add(self, unit: Unit) -> None:
        """Adds items of a block, unless they are reported already."""
        source = unit.items[-1].source
        if (source.block, source.place) >= (self.begin.block, self.begin.index):
            self._waiting.append(unit)
            self._items += len(unit.items)

    def end_block(self, anchor: Anchor) -> None:
        """Says that all that a block brings has been added."""
        if anchor.number >= self.begin.block:
            self._waiting.append(anchor)
            self._anchors += 1

    def advance(self, progress: Progress) -> None:
        """Lets go of what is reported, to exactly this place."""
        self.begin = progress
        while self._waiting and self._is_before(self._waiting[0], progress):
            gone = self._waiting.popleft()
            if isinstance(gone, Anchor):
                self._anchors -= 1
            else:
                self._items -= len(gone.items)

    @staticmethod
    def _is_before(one: Unit | Anchor, progress: Progress) -> bool:
        if isinstance(one, Anchor):
            return one.number < progress.block
        source = one.items[-1].source
        return (source.block, source.place) < (progress.block, progress.index)

    def clear(self) -> None:
        """Lets go of everything."""
        self._waiting.clear()
        self._items = self._anchors = 0

    def report(self, prepare: Prepare) -> Report:
        """The next report. It stays in the queue until `advance`."""
        items, anchors, end = self._front()
        good = [item for item in items if not item.errors]
        faults = [item.fault() for item in items if item.errors]
        corrections = [one for item in good for one in item.corrections]
        return Report(
            self._channel,
            self.begin,
            end,
            tuple(anchors),
            tuple(prepare(good)),
            tuple(faults),
            tuple(corrections),
        )

    def _front(self) -> tuple[list[Item], list[Anchor], Progress]:
        """Whole units and anchors from the front, within the limits, and where they end."""
        items: list[Item] = []
        anchors: list[Anchor] = []
        end = self.begin
        size = corrections = 0
        for one in self._waiting:
            if isinstance(one, Anchor):
                size += _ANCHOR_BYTES
                if len(anchors) >= self._limits.anchors:
                    break
                anchors.append(one)
                end = Progress(one.number + 1, 0, one.hash)
                continue
            size += sum(map(_size, one.items))
            corrections += sum(len(item.corrections) for item in one.items)
            over = (
                len(items) + len(one.items) > self._limits.items
                or size > self._limits.bytes
                or corrections > CORRECTIONS_MAX
            )
            if over and (items or anchors):
                break
            items += one.items
            last = one.items[-1].source
            end = Progress(last.block, last.place + 1, end.hash)
        return items, anchors, end


def _size(item: Item) -> int:
    """About how many bytes an item adds to a report."""
    errors = sum(len(error.encode()) + 4 for error in item.errors)
    return _ITEM_BYTES + errors + sum(map(_correction_bytes, item.corrections))


def _correction_bytes(one: Correction) -> int:
    return len(encode_record(one)) + 1
