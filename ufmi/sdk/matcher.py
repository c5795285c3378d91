"""The matcher (订单撮合系统 OMS): publishes signed orders and has matches settled."""

from __future__ import annotations

from collections.abc import Sequence

from ufmi.crypto import Signer
from ufmi.frontend import Executed
from ufmi.node import Node
from ufmi.protocol.orders import S1, OrderReference
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
