"""The bank (银行系统 BS): confirms accounts, locks cash for deposits, pays withdrawals out.

Every step of a withdrawal follows from what UFMI sends, so a bank that was away goes on where it
stopped: `catch_up`.
"""

from __future__ import annotations

from collections.abc import Callable

from ufmi.crypto import Signer, sm3_hex
from ufmi.frontend import Delivery, Executed
from ufmi.node import Node
from ufmi.protocol import Form, Message
from ufmi.protocol.codes import mark_bank, mark_currency
from ufmi.protocol.funds import Y1, Y1Locked, Y1Result
from ufmi.protocol.governance import Ended
from ufmi.protocol.users import X1, X2, X1Bank, X2Bank
from ufmi.protocol.withdrawals import (
    Y2,
    Receive,
    Y2Burn,
    Y2Credited,
    Y2Moved,
    Y2Received,
    Y2Status,
)
from ufmi.sdk.institution import CashBook, Institution
from ufmi.sdk.papers import offered
from ufmi.sdk.wallet import Wallet


class Bank(Institution):
    """A bank's connection to UFMI, over its own book.

    Args:
        agrees: whether the bank agrees to an update (X2). If not given, it does where no address
            changes; to others it may after asking its customer.
    """

    book: CashBook

    def __init__(
        self,
        node: Node,
        id: str,
        signer: Signer,
        book: CashBook,
        agrees: Callable[[X2], bool] = lambda x2: not x2.addresses,
    ) -> None:
        self.agrees = agrees
        super().__init__(node, id, signer, book)

    def on_forward(self, message: Message, delivery: Delivery) -> None:
        if isinstance(message, X1):
            self._confirm_account(message, delivery.unified)
        elif isinstance(message, X2):
            self._update(message)
        elif isinstance(message, Y1):
            self._lock(message)
        elif isinstance(message, Y2):
            # Who is to be credited once the cash has come.
            self.book.expect((message.ag, message.tx), message.bank_user)

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

    def name_receiving_address(self, wallet: Signer, tx: str = "") -> Executed:
        """RECEIVE: the address that takes in tokens to be paid out (9.3.2.2). Raises Refused."""
        tx = tx or self.new_tx()
        proof = Wallet(self.node, wallet).bind(broker=self.id, tx=tx, user=self.id)
        return self.send(
            Receive(
                tx=tx,
                proof=(proof,),
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
            )
        )

    def _update(self, x2: X2) -> None:
        account = self.node.account(x2.unified, x2.ag)
        at_bank = account.bank_user if account else "?"
        digest, documents = offered(self.book if account else None, at_bank, x2.unified)
        self.reply(
            (x2.ag, f"x2.{x2.tx}"),
            X2Bank(
                tx=x2.tx,
                bank_user=at_bank,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                ag=x2.ag,
                unified=x2.unified,
                accepted=self.agrees(x2),
                answered=sm3_hex(x2.text().encode()),
                addresses=x2.addresses,
                document=digest,
            ),
            documents,
        )

    # -- withdrawals ------------------------------------------------------------------------

    def _burn(self, received: Y2Received) -> None:
        """Agrees to destroy what came, if its cash is there to be moved (9.4.2.6.2 a)."""
        covered = self.book.locked_total(mark_currency(received.mark)) >= received.cash
        self.reply(
            (received.ag, f"burn.{received.tx}.{received.mark}"),
            Y2Burn(
                tx=received.tx,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                ag=received.ag,
                address=received.address,
                mark=received.mark,
                amount=received.quantity,
                burn=covered,
                answered=received.answered,
            ),
        )

    def _follow(self, status: Y2Status) -> None:
        """What UFMI accepted decides what is to be done next."""
        if status.status == "BURNING" and mark_bank(status.mark) == self.id:
            self.move(status)
        elif status.status == "MOVED" and status.bank == self.id:
            self.credit(status)

    def move(self, status: Y2Status, attempt: int = 0) -> None:
        """Moves the cash of a part to the opening bank and says so (9.4.2.6.2 b to d).

        Where the book could not move it, call again with the next attempt.
        """
        name = (status.ag, f"{status.tx}.{status.mark}")
        answer = (status.ag, f"move.{status.tx}.{status.mark}.{attempt}")
        # What was answered stands: cash moves only with an answer that says so.
        moved = not self.book.answer(answer) and self.book.move_out(
            name, mark_currency(status.mark), status.amount
        )
        self.reply(
            answer,
            Y2Moved(
                tx=status.tx,
                moved=moved,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                ag=status.ag,
                address=status.address,
                mark=status.mark,
                amount=status.amount,
                attempt=attempt,
                answered=status.answered,
            ),
        )

    def credit(self, status: Y2Status, attempt: int = 0) -> None:
        """As the opening bank: credits the user with what came and says so (9.4.2.6.3).

        Where the cash has not come, call again with the next attempt.
        """
        name = (status.ag, f"{status.tx}.{status.mark}")
        answer = (status.ag, f"credit.{status.tx}.{status.mark}.{attempt}")
        payee = "" if self.book.answer(answer) else self.book.expected((status.ag, status.tx))
        paid = bool(payee) and self.book.pay_in(
            name, payee, mark_currency(status.mark), status.amount
        )
        self.reply(
            answer,
            Y2Credited(
                tx=status.tx,
                paying=mark_bank(status.mark),
                amount=status.amount,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                ag=status.ag,
                address=status.address,
                mark=status.mark,
                received=paid,
                attempt=attempt,
                answered=status.answered,
            ),
        )

    def on_result(self, form: Form) -> None:
        if isinstance(form, Y2Received):
            self._burn(form)
        elif isinstance(form, Y2Status) and form.code == "OK":
            self._follow(form)
        elif isinstance(form, Y1Result):
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
