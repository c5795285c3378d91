"""The broker (中介系统 ASS): registers users and assets, asks for deposits."""

from __future__ import annotations

from collections.abc import Sequence

from ufmi.documents import Document
from ufmi.frontend import Executed
from ufmi.protocol.assets import P1
from ufmi.protocol.codes import CURRENCIES
from ufmi.protocol.funds import Y1
from ufmi.protocol.records import Account
from ufmi.protocol.users import X1, Proof
from ufmi.sdk.papers import attached
from ufmi.sdk.party import Client


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
        user = self.node.user(unified)
        accounts = user.accounts if user else ()
        return next((one for one in accounts if one.broker == self.id), None)

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
