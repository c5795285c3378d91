"""订单管理 on the ledger: orders lock what they may spend (guide 11.5.1)."""

from __future__ import annotations

from msgspec.structs import replace

from chaincode.udl.assets import tradable
from chaincode.udl.run import Data, Refusal, Run, effect, open_market, require, usable_address
from chaincode.udl.tokens import return_cash, return_holding, take_cash, take_holding
from ufmi.contract import Context
from ufmi.crypto import sm3_hex
from ufmi.protocol import AMOUNT_MAX, Code, Side
from ufmi.protocol import keys as state
from ufmi.protocol.orders import S1, Order
from ufmi.protocol.records import Asset, OrderRecord


@effect(S1)
def publish(run: Run, s1: S1) -> tuple[Code, Data]:
    """Checks that the order is its owner's will and covered, and locks the cover."""
    order = s1.order
    same = (s1.number, s1.asset_class, s1.asset, s1.side)
    require(
        same == (order.number, order.asset_class, order.asset, order.side),
        Code.ORDER_MISMATCH,
        "S1 describes another order than its owner signed",
    )
    require(order.network == s1.network, Code.PROOF_INVALID, "the ORDER is for another network")
    open_market(run, s1.market)
    _check_owner(run, order)
    asset = tradable(run, order.asset)
    require(asset.asset_class == order.asset_class, Code.CLASS_MISMATCH, asset.asset_class)
    require(asset.currency == order.currency, Code.CURRENCY_MISMATCH, asset.currency)
    require(order.valid_until >= run.now, Code.ORDER_EXPIRED, "the order has expired")
    require(
        not order.matchers or s1.sender in order.matchers,
        Code.MATCHER_NOT_ALLOWED,
        f"its owner does not allow {s1.sender}",
    )
    key = state.order(order.address, order.number)
    require(
        run.context.get(key, OrderRecord) is None,
        Code.ORDER_EXISTS,
        f"the owner has used the number {order.number}",
    )
    cost = money(order.price, order.quantity, asset)
    held_cash: dict[str, int] = {}
    held = 0
    if order.side is Side.BUY:
        held_cash = take_cash(run.context, order.address, order.currency, cost)
    else:
        held = order.quantity
        take_holding(run.context, order.address, order.asset, held)
    run.context.put(
        key,
        OrderRecord(
            asset_class=order.asset_class,
            asset=order.asset,
            side=str(order.side),
            price=order.price,
            quantity=order.quantity,
            rest=order.quantity,
            currency=order.currency,
            publisher=s1.sender,
            adopters=(),
            matchers=order.matchers,
            broadcast=order.broadcast,
            valid_until=order.valid_until,
            text=sm3_hex(order.text().encode()),
            held_cash=held_cash,
            held=held,
        ),
    )
    return Code.OK, {"order": f"{order.address}/{order.number}"}


def _check_owner(run: Run, order: Order) -> None:
    """The order's key is the one registered for its address; its signature is verified."""
    address = usable_address(run, order.address)
    require(
        address.key.key == order.key,
        Code.ADDRESS_MISMATCH,
        f"the key is not the one registered for {order.address}",
    )


def money(price: int, quantity: int, asset: Asset) -> int:
    """price × quantity in the smallest currency unit. Refuses what does not divide exactly."""
    scale: int = 10**asset.decimals
    amount, remainder = divmod(price * quantity, scale)
    if remainder:
        raise Refusal(
            Code.NOT_DIVISIBLE, f"{price} × {quantity} does not divide by 10^{asset.decimals}"
        )
    if amount > AMOUNT_MAX:
        raise Refusal(Code.TOO_LARGE, f"the amount passes {AMOUNT_MAX}")
    return amount


def end(context: Context, address: str, number: str, order: OrderRecord, status: str) -> None:
    """Ends an order and gives back what it still holds."""
    if order.side == Side.BUY:
        return_cash(context, address, order.held_cash)
    else:
        return_holding(context, address, order.asset, order.held)
    context.put(state.order(address, number), replace(order, held_cash={}, held=0, status=status))
