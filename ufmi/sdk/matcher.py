"""The matcher (订单撮合系统 OMS): orders, subscriptions, settlements."""

from __future__ import annotations

from collections.abc import Sequence

from ufmi.crypto import Signer
from ufmi.frontend import Executed
from ufmi.node import Node
from ufmi.protocol.orders import (
    S1,
    S2,
    S3,
    S4,
    OrderReference,
    S2Cancelled,
    S2Removed,
    S4Adopted,
)
from ufmi.protocol.settlement import T1, Leg
from ufmi.sdk.party import Client
from ufmi.sdk.wallet import SignedOrder


def reference(signed: SignedOrder) -> OrderReference:
    """How T1 names an order."""
    order = signed.order
    return OrderReference(order.number, order.asset_class, order.asset, order.side, order.address)


class Matcher(Client):
    """A matcher's connection to UFMI."""

    def __init__(self, node: Node, id: str, signer: Signer, market: str) -> None:
        super().__init__(node, id, signer)
        self.market = market

    def publish(self, signed: SignedOrder, tx: str = "") -> Executed:
        """S1 (11.5.1): has an order checked and its cover locked. Raises Refused."""
        order = signed.order
        return self.send(
            S1(
                tx=tx or self.new_tx(),
                number=order.number,
                asset_class=order.asset_class,
                asset=order.asset,
                side=order.side,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                market=self.market,
                order=order,
                signature=signed.signature,
            )
        )

    def cancel(self, order: OrderReference, tx: str = "") -> Executed:
        """S2 (11.5.2): withdraws an order that this matcher published. Raises Refused."""
        return self.send(
            S2(
                tx=tx or self.new_tx(),
                number=order.number,
                asset_class=order.asset_class,
                asset=order.asset,
                side=order.side,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                address=order.address,
            )
        )

    def removed(self, cancelled: S2Cancelled) -> Executed:
        """S2.removed (11.5.2.5.2): says that a cancelled order was taken down. Raises Refused."""
        return self.send(
            S2Removed(
                tx=cancelled.tx,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                by=cancelled.by,
                address=cancelled.address,
                number=cancelled.number,
            )
        )

    def subscribe(
        self,
        *,
        asset_class: str = "",
        asset: str = "",
        side: str = "",
        subscribe: bool = True,
        tx: str = "",
    ) -> Executed:
        """S3 (11.5.3): follows orders of a kind (empty: any), or no longer. Raises Refused."""
        return self.send(
            S3(
                tx=tx or self.new_tx(),
                manager=self.id,
                asset_class=asset_class,
                asset=asset,
                side=side,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                subscribe=subscribe,
            )
        )

    def adopt(self, broadcast: S4, adopted: bool = True) -> Executed:
        """S4.adopted (11.5.4.5): whether this matcher publishes an order that was broadcast.

        Raises Refused.
        """
        return self.send(
            S4Adopted(
                tx=broadcast.tx,
                adopted=adopted,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                publisher=broadcast.publisher,
                address=broadcast.address,
                number=broadcast.number,
            )
        )

    def settle(
        self, buy: SignedOrder, sell: SignedOrder, quantity: int, price: int, tx: str = ""
    ) -> Executed:
        """T1 (12.4) of one trade between two orders. Raises Refused."""
        return self.settle_legs([reference(buy), reference(sell)], [Leg(0, 1, quantity, price)], tx)

    def settle_legs(
        self, orders: Sequence[OrderReference], legs: Sequence[Leg], tx: str = ""
    ) -> Executed:
        """T1 over several orders, all legs or none. Legs name orders by place. Raises Refused."""
        prices = {leg.price for leg in legs}
        return self.send(
            T1(
                tx=tx or self.new_tx(),
                orders=tuple(orders),
                quantity=sum(leg.quantity for leg in legs),
                price=prices.pop() if len(prices) == 1 else 0,
                trade_time=self.node.clock.now_ms(),
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                market=self.market,
                legs=tuple(legs),
            )
        )
