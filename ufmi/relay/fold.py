"""The relay's way along the business channel: each block verified, built, checked and queued.

It begins at its last checkpoint, or at block 0 where there is none: the same blocks give the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from chaincode.csrb.records import Anchor, Progress
from ufmi.errors import UfmiError
from ufmi.ledger import Block
from ufmi.ledger.orderers import BlockVerifier
from ufmi.relay.examine import Draft, examine, units
from ufmi.relay.past import Past, Place
from ufmi.relay.queue import Queue

# A checkpoint holds the builder's whole state, so it is written only so often.
SAVE_BLOCKS = 500
SAVE_SECONDS = 30.0

_log = structlog.get_logger("ufmi.relay")


class Builder(Protocol):
    """Folds blocks of the business channel into report objects: a pure function of them all."""

    def block(self, block: Block) -> Sequence[Draft]:
        """The objects that the next block brings about, in order."""
        ...

    def checkpoint(self) -> bytes:
        """What it needs to go on after the last block that it was given."""
        ...


# A builder that goes on from a checkpoint; a new one where there is none.
MakeBuilder = Callable[[bytes | None], Builder]


class Fold:
    """Not for several threads."""

    def __init__(self, past: Past, make_builder: MakeBuilder) -> None:
        self._past = past
        self._make = make_builder
        self.reload()

    @property
    def block(self) -> int:
        """The next block to fold."""
        return self._verifier.number

    def reload(self) -> None:
        """Goes back to the last checkpoint, or to block 0 where it is of no use."""
        self._past.drop()
        place = self._past.place()
        try:
            if place is not None:
                self._verifier = BlockVerifier(place.block, place.hash, place.config)
                self._builder = self._make(place.builder)
        except UfmiError as problem:
            _log.warning("the checkpoint is made anew from block 0", reason=str(problem))
            place = None
        if place is None:
            self.restart()
        self._saved = (self.block, time.monotonic())

    def restart(self) -> None:
        """Goes back to block 0."""
        self._past.clear()
        self._verifier = BlockVerifier()
        self._builder = self._make(None)
        self._saved = (0, time.monotonic())

    def is_on(self, progress: Progress) -> bool:
        """Whether what the channel says of the next block's predecessor is what was folded."""
        if progress.block != self.block:
            return True
        return progress.hash == self._verifier.previous.hex()

    def take(self, block: Block, queue: Queue) -> None:
        """Folds the next block and queues what it brings.

        Where it raises, part of the block may be folded: `reload` then.

        Raises:
            BlockNotProven: it is not what the channel's orderers signed.
        """
        self._verifier.take(block)
        for unit in units(self._builder.block(block)):
            examine(self._past, unit)
            queue.add(unit)
        previous = bytes(block.message.header.previous_hash).hex()
        queue.end_block(Anchor(block.number, block.hash.hex(), previous))

    def save_if_due(self, *, now: bool = False) -> None:
        """Writes a checkpoint from time to time. Everything folded must have been reported."""
        block, moment = self._saved
        due = self.block - block >= SAVE_BLOCKS or time.monotonic() - moment >= SAVE_SECONDS
        if self.block == block or not (due or now):
            return
        verifier = self._verifier
        self._past.save(
            Place(verifier.number, verifier.previous, verifier.config, self._builder.checkpoint())
        )
        self._saved = (self.block, time.monotonic())

    def close(self) -> None:
        self._past.close()
