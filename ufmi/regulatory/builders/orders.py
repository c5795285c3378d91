"""订单管理: orders as transaction reports in the stage of an order (11.5.1.5.2, 11.5.2.5.3)."""

from __future__ import annotations

from chaincode.udl.tokens import take
from ufmi.amounts import format_amount
from ufmi.crypto import sm3_hex
from ufmi.protocol import Side
from ufmi.protocol.codes import CURRENCIES, mark_currency
from ufmi.protocol.orders import S1, S2, Cancel
from ufmi.regulatory.builders.disclosures import EXCHANGE, notice
from ufmi.regulatory.builders.state import Asset, Order, add
from ufmi.regulatory.builders.step import Step, builds
from ufmi.regulatory.builders.values import moment, money, optional_currency
from ufmi.regulatory.numbers import exact
from ufmi.regulatory.text import Object

EQUITY_CENTRE, TRANSFER, ONLINE = 1, 3, 1
_TRADING_SERVICE = 8
_UNSET = 0
_SIDES = {Side.BUY: "买入", Side.SELL: "卖出"}
_PARTY = {Side.BUY: "counterparty", Side.SELL: "original"}


def cost(price: int, quantity: int, asset: Asset) -> int:
    """price × quantity in the smallest unit of the currency; the contract saw that it divides."""
    amount: int = price * quantity // 10**asset.decimals
    return amount


@builds(S1)
def published(step: Step, s1: S1) -> None:
    """An order is checked, holds what it may spend, and is announced."""
    signed = s1.order
    asset = step.state.assets[signed.asset]
    order = Order(
        asset=signed.asset,
        side=str(signed.side),
        price=signed.price,
        rest=signed.quantity,
        publisher=s1.sender,
        broadcast=signed.broadcast,
        text=sm3_hex(signed.text().encode()),
    )
    if signed.side is Side.BUY:
        free = step.state.free[signed.address]
        usable = {mark: free[mark] for mark in free if mark_currency(mark) == signed.currency}
        order.held, _ = take(usable, cost(signed.price, signed.quantity, asset))
        for mark, amount in order.held.items():
            add(step.state.free, signed.address, mark, -amount)
    key = f"{signed.address}/{signed.number}"
    step.state.orders[key] = order
    step.keep(
        ("TR", "S1", signed.address, signed.number),
        {"status": "OPEN"},
        lambda: _report(step, s1, order, asset),
        {"order": key, "valid_until": moment(signed.valid_until), "stage": "order"},
    )
    if signed.broadcast:
        until = f"，有效期至{moment(signed.valid_until)}"
        _announce(step, "S1", key, order, "委托广播", until)


def _report(step: Step, s1: S1, order: Order, asset: Asset) -> Object:
    signed = s1.order
    unified, _, _ = step.state.account(signed.address)
    party = f"transaction_investor_{_PARTY[signed.side]}"
    content = {
        "transaction_series_number": signed.number,
        **executed(asset, signed.price, signed.quantity),
        "transaction_settlement_description": _words(order, asset),
    }
    return report(
        step,
        order.asset,
        f"委托阶段：{_words(order, asset)}",
        content,
        {f"{party}_ref": step.subject(unified), f"{party}_name": unified},
        {"transaction_orderplacing_verification_doc": [proof(order, signed.number)]},
        s1.sender,
    )


def report(
    step: Step,
    code: str,
    description: str,
    content: Object,
    parties: Object,
    proofs: Object,
    matcher: str,
) -> Object:
    """The body of a transaction report, of an order or of a trade."""
    custody: Object = {
        "asset_custody_state": {"transaction_product_custody_status": _UNSET},
        "custody_asset_transaction": {"transaction_custody_product_ref": step.product(code)},
    }
    intermediary = {
        "transaction_intermediary_type": _TRADING_SERVICE,
        "transaction_intermediary_subject_ref": step.subject(matcher),
        "transaction_intermediary_description": "订单撮合",
        "transaction_intermediary_name": step.party(matcher).name,
    }
    return {
        "transaction_report_information": {
            "basic_transaction_information": {
                "basic_information_remark": {
                    "transaction_market_type": EQUITY_CENTRE,
                    "transaction_type": TRANSFER,
                    "transaction_method": ONLINE,
                    "transaction_description": description,
                    "transaction_create_time": step.moment,
                },
                "trading_asset_information": custody,
            },
            "transaction_information": {
                "transaction_content_information": content,
                "transaction_party_information": parties,
                "transaction_verification_information": proofs,
            },
            "transaction_intermediary_information": [intermediary],
        }
    }


def executed(asset: Asset, price: int, quantity: int) -> Object:
    """Currency, price and quantity. The model has whole quantities only: others are left out."""
    found: Object = {"transaction_settlement_price": money(price, asset.currency)}
    currency = optional_currency(asset.currency)
    if currency:
        found["transaction_settlement_currency"] = currency
    units = exact(quantity, asset.decimals)
    if isinstance(units, int):
        found["transaction_settlement_quantity"] = units
    return found


def proof(order: Order, number: str) -> Object:
    """The order that the owner's wallet signed, as an attachment by its hash."""
    return {"hash": order.text, "file_name": "ORDER", "file_number": number, "summary": "委托"}


def said(asset: Asset, code: str, price: int, quantity: int) -> str:
    """Asset, quantity and price in words, exact whatever the fields can hold."""
    units = format_amount(quantity, asset.decimals)
    amount = format_amount(price, CURRENCIES[asset.currency])
    return f"{asset.name}（{code}）{units}，价格{amount} {asset.currency}"


def _words(order: Order, asset: Asset) -> str:
    return f"{_SIDES[Side(order.side)]}{said(asset, order.asset, order.price, order.rest)}"


def _announce(step: Step, by: str, key: str, order: Order, title: str, until: str = "") -> None:
    """A notice of a broadcast; `by` is the message that the guide has for it, S1 or S2."""
    asset = step.state.assets[order.asset]
    notice(
        step,
        ("DI", by, *key.split("/")),
        asset.registry,
        f"{title}：{asset.name}",
        f"{_words(order, asset)}{until}",
        referrer=order.publisher,
        source=EXCHANGE,
        metadata={"order": key, "asset": order.asset, "product": step.product(order.asset)},
    )


@builds(S2, Cancel)
def cancelled(step: Step, message: S2 | Cancel) -> None:
    """The publisher or the owner withdraws an order; who had its broadcast hears of it."""
    order = end(step, message.owner, message.number, "CANCELLED")
    if order.broadcast:
        _announce(step, "S2", f"{message.owner}/{message.number}", order, "委托撤销")


_ENDS = {"CANCELLED": "已撤销", "EXPIRED": "已过期"}


def end(step: Step, address: str, number: str, status: str) -> Order:
    """Ends an order before it is filled: what it holds is free again, its report says so."""
    key = f"{address}/{number}"
    order = step.state.orders.pop(key)
    asset = step.state.assets[order.asset]
    for mark, amount in order.held.items():
        add(step.state.free, address, mark, amount)
    text = f"{_ENDS[status]}：未成交{_words(order, asset)}"
    body: Object = {
        "transaction_report_information": {
            "basic_transaction_information": {
                "basic_information_remark": {
                    "transaction_description": text,
                    "transaction_create_time": step.moment,
                }
            },
            "transaction_information": {
                "transaction_content_information": {"transaction_settlement_description": text}
            },
        }
    }
    step.keep(
        ("TR", "S1", address, number),
        {"status": status},
        lambda: body,
        {"order": key, "stage": "order", "status": status, "by": step.message.sender},
        increment=True,
    )
    step.forget("TR", "S1", address, number)
    return order
