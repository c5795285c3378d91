"""The broker (中介系统 ASS): users, assets, deposits and withdrawals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ufmi.documents import Document
from ufmi.errors import NotFound
from ufmi.frontend import Executed
from ufmi.protocol.assets import P1, P2, P3, P2Update, P3Result
from ufmi.protocol.codes import CURRENCIES, mark_currency
from ufmi.protocol.funds import Y1
from ufmi.protocol.records import Account
from ufmi.protocol.users import X1, X2, X3, Consented, Proof, X2Update, X3Result
from ufmi.protocol.withdrawals import MARKS_MAX, Y2
from ufmi.sdk.papers import attached
from ufmi.sdk.party import Client
from ufmi.sdk.wallet import SignedWithdrawal


class Broker(Client):
    """A broker's connection to UFMI."""

    def register_user(
        self,
        *,
        broker_user: str,
        bank: str,
        bank_user: str,
        registry: str,
        registry_user: str,
        person: str,
        document: Document | str,
        proofs: Sequence[Proof],
        unified: str = "",
        tx: str = "",
        documents: tuple[str, ...] = (),
    ) -> Executed:
        """X1 (7.5.1): the unified id is in `result.data["unified"]`.

        Args:
            person: HMAC-SM3 of the identity document under the market's secret (hex).
            document: the salted document about the person, which is sent along; or its SM3 (hex).
            proofs: of the user's first addresses, made with `Wallet.bind` for the same `tx`.
            unified: the id of a user who is registered already.
            documents: further documents for the line; with a digest, the document itself.

        Raises:
            Refused: by the front-end or the contract.
        """
        digest, documents = attached(document, documents)
        return self.send(
            X1(
                tx=tx or self.new_tx(),
                ag=self.id,
                broker_user=broker_user,
                bank_user=bank_user,
                registry_user=registry_user,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                bank=bank,
                registry=registry,
                document=digest,
                person=person,
                unified=unified,
                proofs=tuple(proofs),
            ),
            documents,
        )

    def register_asset(
        self, *, registry: str, registry_asset: str, bank: str, currency: str, tx: str = ""
    ) -> Executed:
        """P1 (8.5.1): codes of the asset and of the bank's money. Raises Refused."""
        return self.send(
            P1(
                tx=tx or self.new_tx(),
                ag=self.id,
                registry_asset=registry_asset,
                bank=bank,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                registry=registry,
                currency=currency,
            )
        )

    def account(self, unified: str) -> Account | None:
        """The user's account with this broker, or None."""
        return self.node.account(unified, self.id)

    def deposit(
        self, *, unified: str, address: str, amount: int, currency: str, tx: str = ""
    ) -> Executed:
        """Y1 (9.4.1): asks the user's bank to lock `amount` (smallest unit). Raises Refused.

        The tokens come when the bank has answered; `Y1.result` tells.
        """
        account = self.account(unified)
        return self.send(
            Y1(
                tx=tx or self.new_tx(),
                ag=self.id,
                bank=account.bank if account else self.id,
                unified=unified,
                broker_user=account.broker_user if account else "?",
                bank_user=account.bank_user if account else "?",
                currency=currency,
                amount=amount,
                unit=CURRENCIES[currency],
                address=address,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
            )
        )

    def withdraw(self, signed: SignedWithdrawal, unified: str) -> Executed:
        """Y2 (9.4.2): has what a wallet signed paid out to the user's bank account.

        `PENDING`; each bank's tokens go their own way, `node.withdrawal` and `Y2.result` tell.
        Raises Refused.
        """
        order = signed.order
        account = self.account(unified)
        free = self.node.cash(order.address)
        marks = sorted(mark for mark in free if mark_currency(mark) == order.currency)
        return self.send(
            Y2(
                tx=order.number,
                ag=self.id,
                bank=order.bank,
                unified=unified,
                broker_user=account.broker_user if account else "?",
                bank_user=account.bank_user if account else "?",
                currency=order.currency,
                amount=order.amount,
                unit=CURRENCIES[order.currency],
                address=order.address,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                marks=tuple(_enough(free, marks, order.amount)),
                order=order,
                signature=signed.signature,
            )
        )

    # -- updates and questions --------------------------------------------------------------

    def update_user(
        self,
        *,
        unified: str,
        remove: Sequence[str] = (),
        add: Sequence[Proof] = (),
        consent: Consented | None = None,
        tx: str = "",
    ) -> Executed:
        """X2 (7.5.2): addresses to delete and to add; bank and registry bring their latest.

        `PENDING`; go on with `complete_update` when they have answered. Raises Refused.
        """
        account = self.account(unified)
        return self.send(
            X2(
                tx=tx or self.new_tx(),
                ag=self.id,
                unified=unified,
                remove=tuple(remove),
                add=tuple(add),
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                bank=account.bank if account else self.id,
                registry=account.registry if account else self.id,
                consent=(consent,) if consent else (),
            )
        )

    def complete_update(
        self, tx: str, document: str = "", documents: tuple[str, ...] = ()
    ) -> Executed:
        """X2.update (7.5.2.5.3): brings the latest information of all three. Raises Refused."""
        update = self.node.update(self.id, tx)
        if update is None:
            raise NotFound(f"{self.id} has no update {tx}")
        message = X2Update(
            tx=tx,
            unified=update.unified,
            document=document,
            bank_document=update.bank_document,
            registry_document=update.registry_document,
            network=self.node.network,
            sender=self.id,
            valid_until=self.valid_until(),
            answered=update.answered,
        )
        return self.send(message, documents)

    def update_asset(
        self, *, registry: str, registry_asset: str, bank: str, tx: str = ""
    ) -> Executed:
        """P2 (8.5.2): asks the registry for its latest information. Raises Refused.

        `PENDING`; go on with `complete_asset_update` when it has answered.
        """
        return self.send(
            P2(
                tx=tx or self.new_tx(),
                ag=self.id,
                registry_asset=registry_asset,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                bank=bank,
                registry=registry,
            )
        )

    def complete_asset_update(self, tx: str) -> Executed:
        """P2.update (8.5.2.5.2): brings what the registry answered. Raises Refused."""
        amendment = self.node.amendment(self.id, tx)
        if amendment is None:
            raise NotFound(f"{self.id} has no update {tx}")
        return self.send(
            P2Update(
                tx=tx,
                asset=amendment.asset,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                answered=amendment.answered,
                name=amendment.name or "?",
                document=amendment.document,
            )
        )

    def find_user(self, *, unified: str = "", broker_user: str = "") -> dict[str, Any]:
        """X3 (7.5.3): the user's id and his accounts with this broker. Raises Refused."""
        answer = self.ask(
            X3(
                tx=self.new_tx(),
                ag=self.id,
                unified=unified,
                broker_user=broker_user,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
            )
        )
        assert isinstance(answer, X3Result)
        found: dict[str, Any] = json.loads(answer.account)
        return found

    def find_asset(self, asset: str, bank: str) -> dict[str, Any]:
        """P3 (8.5.3): the asset's record in UAR and the marks of a bank. Raises Refused."""
        answer = self.ask(
            P3(
                tx=self.new_tx(),
                ag=self.id,
                asset=asset,
                bank=bank,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
            )
        )
        assert isinstance(answer, P3Result)
        found: dict[str, Any] = json.loads(answer.information)
        return found


def _enough(free: dict[str, int], marks: list[str], amount: int) -> list[str]:
    """The first marks, in order of bank id, that cover an amount; all of them if they do not."""
    needed: list[str] = []
    for mark in marks[:MARKS_MAX]:
        needed.append(mark)
        amount -= free[mark]
        if amount <= 0:
            break
    return needed
