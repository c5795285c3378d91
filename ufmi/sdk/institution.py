"""What bank and registry have in common: they answer what UFMI forwards, once and for good."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Protocol

from ufmi.crypto import Signer
from ufmi.errors import Refused
from ufmi.frontend import Delivery, Executed, deliveries_of
from ufmi.node import Node
from ufmi.protocol import Code, Form, Line, Message, decode, read_line
from ufmi.sdk.party import Client

# What a book calls the instruction that a lock belongs to: its broker or address, its number.
LockName = tuple[str, str]


class Book(Protocol):
    """A bank's or registry's own book, as far as UFMI concerns it. All amounts are integers.

    Every call is durable when it returns, and repeating one changes nothing.
    """

    def knows(self, account: str) -> bool:
        """Whether there is such an account."""
        ...

    def lock(self, name: LockName, account: str, item: str, amount: int) -> bool:
        """Locks cash (item: currency) or an asset (item: its own id); False if it is not there."""
        ...

    def release(self, name: LockName) -> None:
        """Gives back what was locked, unless it was confirmed."""
        ...

    def confirm(self, name: LockName) -> None:
        """UFMI has minted: what is locked stays locked."""
        ...

    def answer(self, name: LockName, line: str = "") -> str:
        """Keeps the signed answer to an instruction, the first one only; returns what is kept."""
        ...

    def locked_total(self, item: str) -> int:
        """What is locked and confirmed of a currency or asset."""
        ...


class CashBook(Book, Protocol):
    """A bank's book: what withdrawals need beside that (9.4.2.6)."""

    def move_out(self, name: LockName, item: str, amount: int) -> bool:
        """Moves locked and confirmed cash to the opening bank's account for that; whether it did.

        From then on it is no longer locked for tokens.
        """
        ...

    def expect(self, name: LockName, account: str) -> None:
        """Keeps whom a withdrawal is to be credited to, the first one only."""
        ...

    def expected(self, name: LockName) -> str:
        """The account that `expect` was given; empty if none."""
        ...

    def pay_in(self, name: LockName, account: str, item: str, amount: int) -> bool:
        """Credits an account with cash that has come from a paying bank; whether it has come."""
        ...


class AssetBook(Book, Protocol):
    """A registry's book: who owns what is on the ledger, by address (10.4.3.5)."""

    def transfer(self, name: LockName, item: str, amount: int, source: str, target: str) -> None:
        """Records a transfer between addresses; from nobody ("") when it comes onto the ledger."""
        ...


class Institution(Client, ABC):
    """A bank or registry with a book of its own, connected to UFMI.

    It answers what is forwarded to it as it comes, and `catch_up` answers what came while it was
    away. The first signed answer is kept in the book before it is sent, so that the same one is
    sent again after a crash: UFMI then gives the first result.
    """

    def __init__(self, node: Node, id: str, signer: Signer, book: Book) -> None:
        super().__init__(node, id, signer)
        self.book = book
        # `catch_up` runs in the caller's thread, deliveries in the front-end's.
        self._one_at_a_time = threading.RLock()
        node.frontend.connect(id, self.receive)

    def catch_up(self, block: int = 0) -> None:
        """Deals with everything that UFMI sent since a block."""
        for one in self.node.channel.past_blocks(block):
            for delivery in deliveries_of(one):
                if delivery.to == self.id:
                    self.receive(delivery)

    def receive(self, delivery: Delivery) -> None:
        """Deals with one delivery; one that came before changes nothing."""
        form = decode(delivery.text)
        with self._one_at_a_time:
            if delivery.line is None:
                self.on_result(form)
            elif isinstance(form, Message):
                self.on_forward(form, delivery)

    @abstractmethod
    def on_forward(self, message: Message, delivery: Delivery) -> None:
        """A message forwarded by UFMI."""

    @abstractmethod
    def on_result(self, form: Form) -> None:
        """An answer by UFMI."""

    def reply(
        self, name: LockName, message: Message, documents: tuple[str, ...] = ()
    ) -> Executed | None:
        """Sends the answer to an instruction, the kept one if there is one.

        Args:
            documents: those that the answer names by digest.
        """
        kept = self.book.answer(name)
        if kept:
            recorded = self.node.result(message.identity)
            if recorded is not None:
                # It was executed; what follows from it is delivered by itself.
                return None
        else:
            kept = self.book.answer(name, self.sign(message, documents).encode().decode())
        line: Line = read_line(kept)
        try:
            return self.send_line(line)
        except Refused as refusal:
            # Nothing was minted, so nothing may stay locked.
            if refusal.result_code != Code.ID_REUSED:
                self.book.release(name)
            return None
