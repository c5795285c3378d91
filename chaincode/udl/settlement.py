"""结算管理 on the ledger: delivery versus payment, all legs or none (guide 12.4).

No owner signs here: the contract holds every leg to the limits of the orders that owners signed
and that lock what they may spend.
"""

from __future__ import annotations

from msgspec.structs import replace

from chaincode.udl.assets import tradable
from chaincode.udl.orders import money
from chaincode.udl.run import Data, Refusal, Run, effect, open_market, require
from chaincode.udl.tokens import credit_cash, credit_holding, pick, without
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
        # What remains must be exactly payable at the owner's limit.
        money(order.price, order.rest, asset)
        done = replace(order, status="FILLED") if order.rest == 0 else order
        run.context.put(state.order(reference.address, reference.number), done)
    return Code.OK, {"quantity": t1.quantity, "paid": paid}


def _check_shape(t1: T1) -> None:
    """Orders, legs and totals agree with each other."""
    names = {(order.address, order.number) for order in t1.orders}
    require(len(names) == len(t1.orders), Code.LEGS_MISMATCH, "an order is listed twice")
    assets = {(order.asset, order.asset_class) for order in t1.orders}
    require(len(assets) == 1, Code.LEGS_MISMATCH, "the orders are of different assets")
    used = set()
    for leg in t1.legs:
        require(max(leg.buy, leg.sell) < len(t1.orders), Code.LEGS_MISMATCH, "no such order")
        sides = (t1.orders[leg.buy].side, t1.orders[leg.sell].side)
        require(sides == (Side.BUY, Side.SELL), Code.LEGS_MISMATCH, "a leg needs buy and sell")
        used |= {leg.buy, leg.sell}
    require(len(used) == len(t1.orders), Code.LEGS_MISMATCH, "an order is in no leg")
    total = sum([leg.quantity for leg in t1.legs])
    require(total == t1.quantity, Code.LEGS_MISMATCH, f"the legs make {total} together")
    prices = {leg.price for leg in t1.legs}
    price = prices.pop() if len(prices) == 1 else 0
    require(t1.price == price, Code.LEGS_MISMATCH, "the price is not that of the legs")


def _open_order(run: Run, sender: str, reference: OrderReference, asset: Asset) -> OrderRecord:
    """The order of a reference if this sender may settle it now; else refuses."""
    name = f"{reference.address}/{reference.number}"
    order = run.context.get(state.order(reference.address, reference.number), OrderRecord)
    if order is None:
        raise Refusal(Code.ORDER_UNKNOWN, f"there is no order {name}")
    described = (reference.asset, reference.asset_class, str(reference.side))
    require(
        described == (order.asset, order.asset_class, order.side) and order.asset == asset.code,
        Code.ORDER_MISMATCH,
        f"the order {name} is another",
    )
    require(
        sender == order.publisher or sender in order.adopters,
        Code.NOT_ADOPTED,
        f"{sender} neither published nor adopted {name}",
    )
    require(order.status != "FILLED", Code.ORDER_USED_UP, f"{name} is filled")
    require(order.status == "OPEN", Code.ORDER_CLOSED, f"{name} is {order.status.lower()}")
    require(order.valid_until >= run.now, Code.ORDER_EXPIRED, f"{name} has expired")
    # An address whose key was revoked since still settles what its owner had signed.
    address = run.context.get(state.address(reference.address), Address)
    require(address and not address.frozen, Code.ADDRESS_FROZEN, f"{reference.address} is frozen")
    return order


def _exchange(run: Run, t1: T1, leg: Leg, orders: list[OrderRecord], asset: Asset) -> int:
    """Delivery against payment of one leg. Returns what the buyer paid."""
    buy, sell = orders[leg.buy], orders[leg.sell]
    require(
        sell.price <= leg.price <= buy.price,
        Code.PRICE_BEYOND_LIMIT,
        f"{leg.price} is not within {sell.price} and {buy.price}",
    )
    require(
        leg.quantity <= min(buy.rest, sell.rest),
        Code.ORDER_USED_UP,
        f"{leg.quantity} of at most {min(buy.rest, sell.rest)} that are left",
    )
    cost = money(leg.price, leg.quantity, asset)
    reserved = money(buy.price, leg.quantity, asset)
    payment = pick(buy.held_cash, cost)
    left = without(buy.held_cash, payment) if payment is not None else {}
    saved = pick(left, reserved - cost)
    if payment is None or saved is None:
        raise RuntimeError(f"a buy order holds less than its rest needs: {t1.orders[leg.buy]}")
    buyer, seller = t1.orders[leg.buy].address, t1.orders[leg.sell].address
    credit_cash(run.context, seller, payment)
    credit_cash(run.context, buyer, saved)
    credit_holding(run.context, buyer, asset.code, leg.quantity)
    orders[leg.buy] = replace(buy, rest=buy.rest - leg.quantity, held_cash=without(left, saved))
    orders[leg.sell] = replace(sell, rest=sell.rest - leg.quantity, held=sell.held - leg.quantity)
    return cost
