"""The wallet (用户客户端 C): holds an address's key and signs what its owner wants."""

from __future__ import annotations

from collections.abc import Sequence

from ufmi.crypto import Signer
from ufmi.frontend import Executed
from ufmi.node import Node
from ufmi.protocol import Side
from ufmi.protocol.holdings import Z1
from ufmi.protocol.orders import Cancel, Order
from ufmi.protocol.users import Bind, Consent, Consented, Proof
from ufmi.protocol.withdrawals import Withdraw
from ufmi.sdk.party import Client


class SignedOrder:
    """An order and its owner's signature, ready for a matcher."""

    def __init__(self, order: Order, signature: str) -> None:
        self.order = order
        self.signature = signature


class SignedWithdrawal:
    """A withdrawal and its owner's signature, ready for a broker."""

    def __init__(self, order: Withdraw, signature: str) -> None:
        self.order = order
        self.signature = signature


class Wallet(Client):
    """One address of a user."""

    def __init__(self, node: Node, signer: Signer) -> None:
        super().__init__(node, signer.address, signer)

    @property
    def address(self) -> str:
        return self.id

    def consent(
        self,
        *,
        unified: str,
        broker: str,
        tx: str,
        remove: Sequence[str] = (),
        add: Sequence[Proof] = (),
    ) -> Consented:
        """The owner's consent to one change of his addresses, by one that he has (X2)."""
        consent = Consent(
            network=self.node.network,
            valid_until=self.valid_until(),
            ag=broker,
            tx=tx,
            unified=unified,
            remove=tuple(remove),
            add=tuple([proof.bind.key for proof in add]),
            key=self.signer.public_key.to_hex(),
        )
        return Consented(consent, self.signer.sign(consent.text().encode()).hex())

    def withdraw(
        self,
        *,
        broker: str,
        bank: str,
        payee: str,
        currency: str,
        amount: int,
        number: str = "",
        valid_until: int = 0,
    ) -> SignedWithdrawal:
        """Signs that money is to be paid out (9.4.2).

        Args:
            bank: where the account is.
            payee: salted digest of the account to be paid (hex).
            amount: in the currency's smallest unit.
        """
        order = Withdraw(
            number=number or self.new_tx(),
            network=self.node.network,
            valid_until=valid_until or self.valid_until(),
            address=self.address,
            key=self.signer.public_key.to_hex(),
            ag=broker,
            bank=bank,
            payee=payee,
            currency=currency,
            amount=amount,
        )
        return SignedWithdrawal(order, self.signer.sign(order.text().encode()).hex())

    def cancel(self, order: Order, tx: str = "") -> Executed:
        """CANCEL: withdraws an order of this address. Raises Refused."""
        return self.send(
            Cancel(
                tx=tx or self.new_tx(),
                number=order.number,
                asset_class=order.asset_class,
                asset=order.asset,
                side=order.side,
                network=self.node.network,
                sender=self.address,
                valid_until=self.valid_until(),
            )
        )

    def bind(self, *, broker: str, tx: str, user: str) -> Proof:
        """Proof that this wallet holds its address, for one X1 or X2 of one broker."""
        bind = Bind(
            network=self.node.network,
            valid_until=self.valid_until(),
            ag=broker,
            tx=tx,
            user=user,
            key=self.signer.public_key.to_hex(),
        )
        return Proof(bind, self.signer.sign(bind.text().encode()).hex())

    def bring_onchain(
        self,
        *,
        unified: str,
        broker: str,
        broker_user: str,
        registry: str,
        registry_asset: str,
        quantity: int,
        tx: str = "",
    ) -> Executed:
        """Z1 (10.4.1): asks the registry to lock `quantity` (smallest unit). Raises Refused."""
        return self.send(
            Z1(
                tx=tx or self.new_tx(),
                ag=broker,
                broker_user=broker_user,
                unified=unified,
                address=self.address,
                registry_asset=registry_asset,
                quantity=quantity,
                network=self.node.network,
                sender=self.address,
                valid_until=self.valid_until(),
                registry=registry,
            )
        )

    def order(
        self,
        *,
        side: Side,
        asset: str,
        asset_class: str,
        price: int,
        quantity: int,
        currency: str,
        number: str = "",
        valid_until: int = 0,
        matchers: Sequence[str] = (),
        broadcast: bool = False,
    ) -> SignedOrder:
        """Signs an order (11.3): the limits within which its tokens may be spent.

        Args:
            price: limit, in the smallest currency unit for one whole unit of the asset.
            quantity: in the asset's smallest unit.
            matchers: who may publish it; any if empty.
        """
        order = Order(
            number=number or self.new_tx(),
            asset_class=asset_class,
            asset=asset,
            side=side,
            network=self.node.network,
            valid_until=valid_until or self.valid_until(),
            address=self.address,
            key=self.signer.public_key.to_hex(),
            price=price,
            quantity=quantity,
            currency=currency,
            matchers=tuple(matchers),
            broadcast=broadcast,
        )
        return SignedOrder(order, self.signer.sign(order.text().encode()).hex())
