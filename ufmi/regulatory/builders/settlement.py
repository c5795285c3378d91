"""结算管理: each leg of a settlement as a trade, two registrations, and what was paid (12.4)."""

from __future__ import annotations

from chaincode.udl.tokens import take
from ufmi.protocol import Side
from ufmi.protocol.settlement import T1, Leg
from ufmi.regulatory.builders.moves import of_mark, register, settle
from ufmi.regulatory.builders.orders import cost, executed, proof, report, said
from ufmi.regulatory.builders.state import Order, add
from ufmi.regulatory.builders.step import Step, builds
from ufmi.regulatory.builders.values import TIME_MAX, moment
from ufmi.regulatory.text import Object


@builds(T1)
def settled(step: Step, t1: T1) -> None:
    """All legs, in their order; then what better prices saved is free again."""
    keys = [f"{one.address}/{one.number}" for one in t1.orders]
    orders = [step.state.orders[key] for key in keys]
    references = [step.reference("TR", "S1", one.address, one.number) for one in t1.orders]
    for at, leg in enumerate(t1.legs):
        _exchange(step, t1, at, leg, orders, references)
    for key, reference, order in zip(keys, t1.orders, orders, strict=True):
        _after_fill(step, key, order)
        if not order.rest:
            del step.state.orders[key]
            step.forget("TR", "S1", reference.address, reference.number)


def _exchange(
    step: Step,
    t1: T1,
    at: int,
    leg: Leg,
    orders: list[Order],
    references: list[str],
) -> None:
    """One leg: the trade, the asset from seller to buyer, the money of each bank back."""
    buy, sell = orders[leg.buy], orders[leg.sell]
    buyer, seller = t1.orders[leg.buy].address, t1.orders[leg.sell].address
    asset = step.state.assets[sell.asset]
    # The leg's number has two digits at most: every id has one form.
    own = (t1.sender, f"{at:02d}")
    words = said(asset, sell.asset, leg.price, leg.quantity)
    trade = step.once(
        ("TR", "T1", *own, t1.tx),
        _trade(step, t1, leg, orders, words),
        {
            "stage": "trade",
            "seller": seller,
            "buyer": buyer,
            # The orders behind it, for which the object model has no field.
            "sell_order": references[leg.sell],
            "buy_order": references[leg.buy],
        },
    )
    for side, address, change in (("S", seller, -leg.quantity), ("B", buyer, leg.quantity)):
        register(
            step, ("RE", "T1", *own, side, t1.tx), address, sell.asset, change,
            report=trade, description=f"交易过户：{words}",
        )  # fmt: skip
    payment, buy.held = take(buy.held, cost(leg.price, leg.quantity, asset))
    for mark, amount in payment.items():
        settle(
            step,
            ("ST", "T1", *own, mark, t1.tx),
            of_mark(mark, buyer),
            of_mark(mark, seller),
            mark,
            amount,
            institution=t1.market,
            product=sell.asset,
            note=f"交易价款：{words}",
            report=trade,
        )
        add(step.state.free, seller, mark, amount)
    buy.rest -= leg.quantity
    sell.rest -= leg.quantity


def _trade(step: Step, t1: T1, leg: Leg, orders: list[Order], words: str) -> Object:
    buy, sell = orders[leg.buy], orders[leg.sell]
    buying, selling = t1.orders[leg.buy], t1.orders[leg.sell]
    buyer, _, _ = step.state.account(buying.address)
    seller, _, _ = step.state.account(selling.address)
    # A matcher may write any number there; one that is no date is not taken over.
    time = t1.trade_time if t1.trade_time <= TIME_MAX else step.time
    content = {
        "transaction_series_number": t1.tx,
        **executed(step.state.assets[sell.asset], leg.price, leg.quantity),
        "transaction_settlement_time": moment(time),
        "transaction_settlement_description": words,
    }
    parties = {
        "transaction_investor_original_ref": step.subject(seller),
        "transaction_investor_original_name": seller,
        "transaction_investor_counterparty_ref": step.subject(buyer),
        "transaction_investor_counterparty_name": buyer,
    }
    proofs = {
        "transaction_orderplacing_verification_doc": [
            proof(sell, selling.number),
            proof(buy, buying.number),
        ],
        "transaction_verification_doc": [
            {"hash": step.digest, "file_name": "T1", "file_number": t1.tx, "summary": "成交"}
        ],
    }
    return report(step, sell.asset, f"成交：{words}", content, parties, proofs, t1.sender)


def _after_fill(step: Step, key: str, order: Order) -> None:
    """What the order need not hold any more, since it bought for less than its limit."""
    if order.side != Side.BUY:
        return
    asset = step.state.assets[order.asset]
    needed = cost(order.price, order.rest, asset)
    saved, order.held = take(order.held, sum(order.held.values()) - needed)
    for mark, amount in saved.items():
        add(step.state.free, key.split("/")[0], mark, amount)
