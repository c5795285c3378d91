"""The auditor: reads everything, changes nothing, and trusts no one's word for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ufmi.frontend import executed_lines
from ufmi.frontend.deliveries import ExecutedLine
from ufmi.ledger.embedded.verify import Verification, verify_channel
from ufmi.node import Node
from ufmi.protocol import AMOUNT_MAX
from ufmi.reconcile import LockedBook, Reconciliation, reconcile
from ufmi.statement import Statement, statement


class Auditor:
    """An auditor's connection to UFMI."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def messages(self, sender: str = "", start: int = 0) -> Iterator[ExecutedLine]:
        """Executed messages in the ledger's order, with their results.

        Args:
            sender: only those of this institution or address.
            start: the first block.
        """
        for block in self.node.channel.past_blocks(start):
            for one in executed_lines(block):
                if not sender or f"/{sender}/" in one.result.id:
                    yield one

    def reconcile(self, books: Mapping[str, LockedBook] | None = None) -> Reconciliation:
        """Checks every invariant of the market, against institutions' own books where given."""
        return reconcile(self.node, books)

    def statement(self, subject: str, start: int = 0, end: int = AMOUNT_MAX) -> Statement:
        """What an address, user or institution had, got and gave. See `ufmi.statement`."""
        return statement(self.node, subject, start, end)

    def verify(self) -> list[Verification]:
        """Checks every channel from its blocks: chain, signatures, verdicts, state."""
        ledger = self.node.embedded
        return [
            verify_channel(ledger.channel(name), ledger.topology.orderer)
            for name in ledger.topology.channels
        ]
