"""The bank (银行系统 BS): confirms accounts and locks cash for deposits."""

from __future__ import annotations

from ufmi.crypto import sm3_hex
from ufmi.frontend import Delivery
from ufmi.protocol import Form, Message
from ufmi.protocol.codes import mark_currency
from ufmi.protocol.funds import Y1, Y1Locked, Y1Result
from ufmi.protocol.governance import Ended
from ufmi.protocol.users import X1, X1Bank
from ufmi.sdk.institution import Institution
from ufmi.sdk.papers import offered


class Bank(Institution):
    """A bank's connection to UFMI, over its own book."""

    def on_forward(self, message: Message, delivery: Delivery) -> None:
        if isinstance(message, X1):
            self._confirm_account(message, delivery.unified)
        elif isinstance(message, Y1):
            self._lock(message)

    def _confirm_account(self, x1: X1, unified: str) -> None:
        accepted = self.book.knows(x1.bank_user)
        digest, documents = offered(self.book if accepted else None, x1.bank_user, unified)
        self.reply(
            (x1.ag, f"x1.{x1.tx}"),
            X1Bank(
                tx=x1.tx,
                bank_user=x1.bank_user,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                ag=x1.ag,
                unified=unified,
                accepted=accepted,
                answered=sm3_hex(x1.text().encode()),
                document=digest,
            ),
            documents,
        )

    def _lock(self, y1: Y1) -> None:
        name = (y1.ag, y1.tx)
        locked = self.book.lock(name, y1.bank_user, y1.currency, y1.amount)
        self.reply(
            name,
            Y1Locked(
                tx=y1.tx,
                locked=locked,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                ag=y1.ag,
                address=y1.address,
                mark=y1.mark,
                amount=y1.amount,
                answered=sm3_hex(y1.text().encode()),
            ),
        )

    def on_result(self, form: Form) -> None:
        if isinstance(form, Y1Result):
            name = (form.ag, form.tx)
            if form.code == "OK":
                self.book.confirm(name)
            else:
                self.book.release(name)
        elif isinstance(form, Ended) and form.kind == "DEPOSIT":
            self.book.release((form.owner, form.number))

    def locked(self, mark: str) -> int:
        """Cash that this bank keeps locked for tokens of a mark, by its own book."""
        return self.book.locked_total(mark_currency(mark))
