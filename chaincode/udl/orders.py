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
from ufmi.protocol.orders import (
    MATCHERS_MAX,
    S1,
    S2,
    S3,
    Cancel,
    Order,
    OrderReference,
    S2Removed,
    S4Adopted,
)
from ufmi.protocol.records import Asset, Filter, OrderRecord, Subscriptions

FOLLOWERS_MAX = 64
FILTERS_MAX = 16


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
    data: Data = {"order": f"{order.address}/{order.number}"}
    if order.broadcast:
        told = followers(run, order, s1.sender, order.matchers)
        if told:
            data["told"] = told
    return Code.OK, data


def followers(
    run: Run, order: Order | OrderReference, but: str, allowed: tuple[str, ...] = ()
) -> list[str]:
    """The matchers that follow orders of this kind (11.5.3), except one; in order of their ids."""
    record = run.context.get(state.SUBSCRIPTIONS, Subscriptions)
    if record is None:
        return []
    return [
        matcher
        for matcher in sorted(record.matchers)
        if matcher != but
        and (not allowed or matcher in allowed)
        and any(_follows(one, order) for one in record.matchers[matcher])
    ]


def _follows(one: Filter, order: Order | OrderReference) -> bool:
    return (
        one.asset_class in ("", order.asset_class)
        and one.asset in ("", order.asset)
        and one.side in ("", str(order.side))
    )


@effect(S2)
def withdraw(run: Run, s2: S2) -> tuple[Code, Data]:
    """The publisher withdraws the order."""
    order = _cancellable(run, s2.order)
    require(order.publisher == s2.sender, Code.NOT_PUBLISHER, f"{order.publisher} published it")
    return _cancel(run, s2.order, order)


@effect(Cancel)
def cancel(run: Run, message: Cancel) -> tuple[Code, Data]:
    """The owner withdraws it: the sender is the order's own address."""
    return _cancel(run, message.order, _cancellable(run, message.order))


def _cancellable(run: Run, reference: OrderReference) -> OrderRecord:
    """The order, if it is as described and still open; else refuses."""
    order = run.context.get(state.order(reference.address, reference.number), OrderRecord)
    name = f"{reference.address}/{reference.number}"
    if order is None:
        raise Refusal(Code.ORDER_UNKNOWN, f"there is no order {name}")
    same = (order.asset_class, order.asset, order.side)
    require(
        same == (reference.asset_class, reference.asset, str(reference.side)),
        Code.ORDER_MISMATCH,
        f"the order {name} is another",
    )
    require_open(order, name)
    return order


def require_open(order: OrderRecord, name: str) -> None:
    """Refuses an order that is filled, cancelled or expired."""
    require(order.status != "FILLED", Code.ORDER_USED_UP, f"{name} is filled")
    require(order.status == "OPEN", Code.ORDER_CLOSED, f"{name} is {order.status.lower()}")


def _cancel(run: Run, reference: OrderReference, order: OrderRecord) -> tuple[Code, Data]:
    """Ends the order (11.5.2.5.1) and names all who had it, so that they take it down."""
    sender = run.sender
    end(run.context, reference.address, reference.number, order, "CANCELLED")
    told = [one for one in (order.publisher, reference.address) if one != sender]
    told += [one for one in order.adopters if one != sender]
    if order.broadcast:
        told += followers(run, reference, sender, order.matchers)
    return Code.OK, {"told": list(dict.fromkeys(told))}


@effect(S2Removed)
def removed(run: Run, message: S2Removed) -> tuple[Code, Data]:
    """A matcher took a cancelled order down (11.5.2.5.2); who cancelled it hears that."""
    key = state.order(message.address, message.number)
    order = run.context.get(key, OrderRecord)
    if order is None:
        raise Refusal(Code.ORDER_UNKNOWN, f"there is no order {message.address}/{message.number}")
    require(order.status == "CANCELLED", Code.NOT_PENDING, f"it is {order.status.lower()}")
    require(
        message.by in (order.publisher, message.address),
        Code.ORDER_MISMATCH,
        f"{message.by} cannot have cancelled it",
    )
    if message.sender in order.adopters:
        rest = tuple([one for one in order.adopters if one != message.sender])
        run.context.put(key, replace(order, adopters=rest))
    return Code.OK, {}


@effect(S3)
def subscribe(run: Run, s3: S3) -> tuple[Code, Data]:
    """A matcher begins to follow orders, or ends that (11.5.3)."""
    require(s3.manager == s3.sender, Code.SENDER_MISMATCH, "a matcher subscribes for itself")
    record = run.context.get(state.SUBSCRIPTIONS, Subscriptions) or Subscriptions({})
    wanted = Filter(s3.asset_class, s3.asset, s3.side)
    others = [one for one in record.matchers.get(s3.sender, ()) if one != wanted]
    filters = [*others, wanted] if s3.subscribe else others
    require(len(filters) <= FILTERS_MAX, Code.TOO_MANY, f"more than {FILTERS_MAX} subscriptions")
    matchers = {one: kept for one, kept in record.matchers.items() if one != s3.sender}
    if filters:
        matchers[s3.sender] = tuple(filters)
    require(len(matchers) <= FOLLOWERS_MAX, Code.TOO_MANY, f"more than {FOLLOWERS_MAX} matchers")
    run.context.put(state.SUBSCRIPTIONS, Subscriptions(matchers))
    return Code.OK, {}


@effect(S4Adopted)
def adopt(run: Run, message: S4Adopted) -> tuple[Code, Data]:
    """A matcher publishes a broadcast order too, or says that it does not (11.5.4.5)."""
    key = state.order(message.address, message.number)
    order = run.context.get(key, OrderRecord)
    name = f"{message.address}/{message.number}"
    if order is None:
        raise Refusal(Code.ORDER_UNKNOWN, f"there is no order {name}")
    require(order.publisher == message.publisher, Code.ORDER_MISMATCH, "another published it")
    require(
        order.broadcast and (not order.matchers or message.sender in order.matchers),
        Code.MATCHER_NOT_ALLOWED,
        f"its owner does not allow {message.sender}",
    )
    adopters = order.adopters
    if message.adopted and message.sender not in (order.publisher, *adopters):
        require_open(order, name)
        require(order.valid_until >= run.now, Code.ORDER_EXPIRED, f"{name} has expired")
        adopters = tuple(sorted((*adopters, message.sender)))
        require(len(adopters) <= MATCHERS_MAX, Code.TOO_MANY, f"more than {MATCHERS_MAX} matchers")
        run.context.put(key, replace(order, adopters=adopters))
    return Code.OK, {"adopters": list(adopters)}


def _check_owner(run: Run, order: Order) -> None:
    """The order's key is the one registered for its address; its signature is verified."""
    address = usable_address(run, order.address, leaving=order.side is Side.SELL)
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
