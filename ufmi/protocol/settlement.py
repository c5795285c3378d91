"""结算管理: what matchers matched is settled in order of arrival, atomically (guide chapter 12)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ufmi.protocol import keys as state
from ufmi.protocol.holdings import Z3
from ufmi.protocol.kinds import (
    Amount,
    AmountOrZero,
    Decimals,
    Digest,
    Institution,
    Market,
    Opaque,
    OpaqueOrNone,
    Role,
    Side,
    Time,
    TxId,
    list_of,
)
from ufmi.protocol.message import Entry, Form, Keys, Message, form, message, struct_kind
from ufmi.protocol.orders import OrderReference
from ufmi.protocol.results import Result

ORDERS_MAX = 12
LEGS_MAX = 12


class Leg(msgspec.Struct, frozen=True, gc=False):
    """One exchange: the buy order and the sell order by their place in the list, from 0."""

    buy: Decimals
    sell: Decimals
    quantity: Amount
    price: Amount


_ORDERS = list_of(struct_kind(OrderReference), ORDERS_MAX, least=2)
_LEGS = list_of(struct_kind(Leg), LEGS_MAX, least=1)


@message("T1", Role.MATCHER)
class T1(Message, frozen=True):
    """清结算 (12.4): settles trades between two or more orders of one asset, all or nothing."""

    tx: TxId
    orders: Annotated[tuple[OrderReference, ...], _ORDERS]
    quantity: Amount  # over all legs
    price: AmountOrZero  # of every leg; 0 where the legs' prices differ
    trade_time: Time
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    market: Market
    legs: Annotated[tuple[Leg, ...], _LEGS]

    def touches(self, entry: Entry) -> Keys:
        reads = [state.party(self.market)]
        writes = []
        for order in self.orders:
            reads += (state.asset(order.asset), state.address(order.address))
            # A buyer gets back what a better price saves, a seller the rest of an order that ends.
            writes.append(state.order(order.address, order.number))
            writes.append(state.cash(order.address))
            if order.side is Side.BUY:
                writes.append(state.holding(order.address, order.asset))
        return Keys(tuple(reads), tuple(writes))

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        answer = T1Result(
            tx=self.tx,
            code=result.code,
            quantity=self.quantity if result.accepted else 0,
            detail=result.detail[:64],
        )
        sent: list[tuple[str, Form]] = [(self.sender, answer)]
        if not result.accepted:
            return sent
        told = [str(party) for party in result.data.get("told", ())]
        settled = T1Settled(
            tx=self.tx,
            orders=self.orders,
            quantity=self.quantity,
            price=self.price,
            trade_time=self.trade_time,
            network=self.network,
            matcher=self.sender,
            legs=self.legs,
        )
        owners = list(dict.fromkeys([order.address for order in self.orders]))
        sent += [(party, settled) for party in told + owners]
        registry = str(result.data.get("registry", ""))
        return sent + ([(registry, one) for one in self._transfers()] if registry else [])

    def _transfers(self) -> list[Z3]:
        """What the asset's registry hears of each leg (10.4.3)."""
        return [
            Z3(
                tx=self.tx,
                asset=self.orders[leg.sell].asset,
                quantity=leg.quantity,
                source=self.orders[leg.sell].address,
                target=self.orders[leg.buy].address,
                network=self.network,
                matcher=self.sender,
                leg=at,
            )
            for at, leg in enumerate(self.legs)
        ]


@form("T1.result")
class T1Result(Form, frozen=True):
    """12.4.6: settled or rejected (驳回), with the reason."""

    tx: TxId
    code: Opaque
    quantity: AmountOrZero
    detail: OpaqueOrNone


@form("T1.settled")
class T1Settled(Form, frozen=True):
    """12.4.6: the broadcast of a settlement, to the orders' matchers, owners and their brokers."""

    tx: TxId
    orders: Annotated[tuple[OrderReference, ...], _ORDERS]
    quantity: Amount
    price: AmountOrZero
    trade_time: Time
    # Ours.
    network: Digest
    matcher: Institution
    legs: Annotated[tuple[Leg, ...], _LEGS]
