"""The fold: blocks of the business channel in order, and the objects that each brings about."""

from __future__ import annotations

from chaincode.csrb.records import Source
from ufmi.errors import ProtocolError, StoreCorrupted, UsageError
from ufmi.frontend.deliveries import ExecutedLine, lines_of
from ufmi.ledger import Block
from ufmi.protocol import Message, decode
from ufmi.regulatory.builders import (
    assets,
    funds,
    governance,
    holdings,
    orders,
    settlement,
    users,
)
from ufmi.regulatory.builders.documents import Documents, no_documents
from ufmi.regulatory.builders.draft import Draft
from ufmi.regulatory.builders.state import State, export, restore
from ufmi.regulatory.builders.step import BUILDS, Step

# Importing the modules registers what they build.
__all__ = [
    "Builder",
    "assets",
    "funds",
    "governance",
    "holdings",
    "orders",
    "settlement",
    "users",
]


class Builder:
    """Makes the report objects of a ledger, block by block.

    The same blocks give the same objects to whoever folds them, as far as the documents are still
    there. After an error a builder is of no more use; take up the last checkpoint. Not for
    several threads.

    Args:
        documents: gives the document with a digest, `"erased"`, or None if it was never given.
        channel: the name of the business channel, for the objects' sources.
    """

    def __init__(self, documents: Documents = no_documents, channel: str = "udl") -> None:
        self._documents = documents
        self._channel = channel
        self.state = State()

    @classmethod
    def resume(
        cls, checkpoint: bytes, documents: Documents = no_documents, channel: str = "udl"
    ) -> Builder:
        """A builder that goes on from a checkpoint. Raises StoreCorrupted."""
        builder = cls(documents, channel)
        builder.state = restore(checkpoint)
        return builder

    def checkpoint(self) -> bytes:
        """What was folded so far, as JSON: `resume` goes on with block `state.block`."""
        return export(self.state)

    def block(self, block: Block) -> list[Draft]:
        """The objects that a block brings about, in order.

        Raises:
            UsageError: it is not the next block.
            StoreCorrupted: it does not follow from the blocks before it.
        """
        if block.number != self.state.block:
            raise UsageError(
                f"block {block.number} was given, {self.state.block} is next",
                hint="Fold all blocks of the channel in order, from block 0 or a checkpoint",
            )
        drafts: list[Draft] = []
        for transaction in block.transactions():
            for at, line in enumerate(lines_of(transaction)):
                if line.result.accepted and not line.result.repeated:
                    drafts += self._line(line, at)
        self.state.block += 1
        return drafts

    def _line(self, line: ExecutedLine, at: int) -> list[Draft]:
        source = Source(self._channel, line.block, line.transaction_id, at)
        try:
            message = decode(line.line.text)
            if not isinstance(message, Message):
                raise ValueError(f"{message.NAME} is no message")
            # A message for another ledger is never accepted.
            self.state.network = self.state.network or message.network
            build = BUILDS.get(type(message))
            if build is None:
                return []
            text, result = line.line.text, line.result
            step = Step(self.state, self._documents, message, text, result, line.entry.time, source)
            build(step, message)
        except (KeyError, ValueError, ProtocolError) as problem:
            raise StoreCorrupted(
                f"line {at} of a transaction in block {line.block} does not follow from the blocks"
                f" before it: {problem!r}",
                transaction_id=line.transaction_id,
            ) from problem
        return step.drafts
