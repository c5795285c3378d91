"""结算管理 on the ledger: delivery versus payment, all legs or none (guide 12.4).

No owner signs here: the contract holds every leg to the limits of the orders that owners signed
and that lock what they may spend.
"""

from __future__ import annotations

from msgspec.structs import replace

from chaincode.udl.assets import tradable
from chaincode.udl.orders import money, require_open
from chaincode.udl.run import Data, Refusal, Run, effect, open_market
from chaincode.udl.tokens import credit_cash, credit_holding, return_cash, take
from ufmi.protocol import Code, Side
from ufmi.protocol import keys as state
from ufmi.protocol.orders import OrderReference
from ufmi.protocol.records import Address, Asset, OrderRecord
from ufmi.protocol.settlement import T1, Leg


@effect(T1)
def settle(run: Run, t1: T1) -> tuple[Code, Data]:
    """Settles exactly the legs of the T1, or nothing."""
    open_market(run, t1.market)
    _check_shape(t1)
    asset = tradable(run, t1.orders[0].asset)
    orders = [_open_order(run, t1.sender, reference, asset) for reference in t1.orders]
    paid = 0
    for leg in t1.legs:
        paid += _exchange(run, t1, leg, orders, asset)
    for reference, order in zip(t1.orders, orders, strict=True):
        done = _after_fill(run, reference, order, asset)
        run.context.put(state.order(reference.address, reference.number), done)
    data: Data = {"quantity": t1.quantity, "paid": paid}
    told = {one for order in orders for one in (order.publisher, *order.adopters)}
    told |= {_broker(run, reference) for reference in t1.orders}
    told -= {t1.sender, ""}
    if told:
        data["told"] = sorted(told)
    if asset.tracked:
        data["registry"] = asset.registry
    return Code.OK, data


def _broker(run: Run, reference: OrderReference) -> str:
    """With whom the owner registered his address: his broker hears of the settlement too."""
    address = run.context.get(state.address(reference.address), Address)
    return address.broker if address is not None else ""


def _after_fill(
    run: Run, reference: OrderReference, order: OrderRecord, asset: Asset
) -> OrderRecord:
    """The order after all legs. What better prices saved goes back to the buyer at once.

    What remains must be exactly payable at the owner's limit.
    """
    needed = money(order.price, order.rest, asset) if order.rest else 0
    held_cash = order.held_cash
    if reference.side is Side.BUY:
        saved = sum(held_cash.values()) - needed
        if saved:
            returned, held_cash = take(held_cash, saved)
            return_cash(run.context, reference.address, returned)
    if held_cash is order.held_cash and order.rest:
        return order
    status = order.status if order.rest else "FILLED"
    return replace(order, held_cash=held_cash, status=status)


def _check_shape(t1: T1) -> None:
    """Orders, legs and totals agree with each other."""
    orders, first = t1.orders, t1.orders[0]
    if len({(order.address, order.number) for order in orders}) != len(orders):
        raise Refusal(Code.LEGS_MISMATCH, "an order is listed twice")
    for order in orders:
        if order.asset != first.asset or order.asset_class != first.asset_class:
            raise Refusal(Code.LEGS_MISMATCH, "the orders are of different assets")
    used = set()
    total, price = 0, t1.legs[0].price
    for leg in t1.legs:
        if max(leg.buy, leg.sell) >= len(orders):
            raise Refusal(Code.LEGS_MISMATCH, "a leg names an order that is not listed")
        if orders[leg.buy].side is not Side.BUY or orders[leg.sell].side is not Side.SELL:
            raise Refusal(Code.LEGS_MISMATCH, "a leg needs a buy and a sell order")
        used.add(leg.buy)
        used.add(leg.sell)
        total += leg.quantity
        if leg.price != price:
            price = 0
    if len(used) != len(orders):
        raise Refusal(Code.LEGS_MISMATCH, "an order is in no leg")
    if (t1.quantity, t1.price) != (total, price):
        raise Refusal(Code.LEGS_MISMATCH, "quantity or price are not those of the legs")


def _open_order(run: Run, sender: str, reference: OrderReference, asset: Asset) -> OrderRecord:
    """The order of a reference if this sender may settle it now; else refuses."""
    order = run.context.get(state.order(reference.address, reference.number), OrderRecord)
    name = f"{reference.address}/{reference.number}"
    if order is None:
        raise Refusal(Code.ORDER_UNKNOWN, f"there is no order {name}")
    if (
        reference.asset != order.asset
        or reference.asset_class != order.asset_class
        or reference.side != order.side
        or order.asset != asset.code
    ):
        raise Refusal(Code.ORDER_MISMATCH, f"the order {name} is another")
    if sender != order.publisher and sender not in order.adopters:
        raise Refusal(Code.NOT_ADOPTED, f"{sender} neither published nor adopted {name}")
    require_open(order, name)
    if order.valid_until < run.now:
        raise Refusal(Code.ORDER_EXPIRED, f"{name} has expired")
    # An address whose key was revoked since still settles what its owner had signed.
    address = run.context.get(state.address(reference.address), Address)
    if address is None or address.frozen:
        raise Refusal(Code.ADDRESS_FROZEN, f"{reference.address} is frozen")
    return order


def _exchange(run: Run, t1: T1, leg: Leg, orders: list[OrderRecord], asset: Asset) -> int:
    """Delivery against payment of one leg. Returns what the buyer paid."""
    buy, sell = orders[leg.buy], orders[leg.sell]
    if not sell.price <= leg.price <= buy.price:
        raise Refusal(
            Code.PRICE_BEYOND_LIMIT, f"{leg.price} is not within {sell.price} and {buy.price}"
        )
    left = min(buy.rest, sell.rest)
    if leg.quantity > left:
        raise Refusal(Code.ORDER_USED_UP, f"{leg.quantity} of at most {left} that are left")
    cost = money(leg.price, leg.quantity, asset)
    payment, held = take(buy.held_cash, cost)
    credit_cash(run.context, t1.orders[leg.sell].address, payment)
    credit_holding(run.context, t1.orders[leg.buy].address, asset.code, leg.quantity)
    orders[leg.buy] = replace(buy, rest=buy.rest - leg.quantity, held_cash=held)
    orders[leg.sell] = replace(sell, rest=sell.rest - leg.quantity, held=sell.held - leg.quantity)
    return cost
