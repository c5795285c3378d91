"""订单管理: orders signed by their owners' wallets, published by matchers (guide chapter 11)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ufmi.protocol import keys as state
from ufmi.protocol.kinds import (
    INSTITUTION,
    Address,
    Amount,
    AssetClass,
    AssetCode,
    Currency,
    Digest,
    Flag,
    Institution,
    Market,
    Opaque,
    OrderSide,
    PublicKey,
    Role,
    Side,
    Signature,
    Time,
    TxId,
    list_of,
)
from ufmi.protocol.message import (
    Claim,
    Entry,
    Form,
    Keys,
    Message,
    carried,
    form,
    message,
)
from ufmi.protocol.results import Result

MATCHERS_MAX = 8


@form("ORDER")
class Order(Form, frozen=True):
    """What an owner's wallet signs: the limits within which his tokens may be spent."""

    number: TxId  # unique for the address, ever
    asset_class: AssetClass
    asset: AssetCode
    side: OrderSide
    network: Digest
    valid_until: Time  # of the order itself
    address: Address
    key: PublicKey
    price: Amount  # limit, in the smallest currency unit for one whole unit of the asset
    quantity: Amount  # in the asset's smallest unit
    currency: Currency
    matchers: Annotated[tuple[str, ...], list_of(INSTITUTION, MATCHERS_MAX)]  # empty: any
    broadcast: Flag


class OrderReference(msgspec.Struct, frozen=True, gc=False):
    """How later messages name an order: the guide's fields of an order, and its owner."""

    number: TxId
    asset_class: AssetClass
    asset: AssetCode
    side: OrderSide
    address: Address

    def touches(self) -> tuple[str, ...]:
        """The keys that ending or filling the order may write."""
        if self.side is Side.BUY:
            returned = state.cash(self.address)
        else:
            returned = state.holding(self.address, self.asset)
        return (state.order(self.address, self.number), returned)


@message("S1", Role.MATCHER)
class S1(Message, frozen=True):
    """发布订单 (11.5.1): checks the order, locks what it may spend, announces it."""

    tx: TxId
    number: TxId
    asset_class: AssetClass
    asset: AssetCode
    side: OrderSide
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    market: Market  # where the matcher is admitted
    order: Annotated[Order, carried(Order)]
    signature: Signature  # by the wallet, over the text of the order

    def touches(self, entry: Entry) -> Keys:
        order = self.order
        reference = OrderReference(
            order.number, order.asset_class, order.asset, order.side, order.address
        )
        return Keys(
            (state.party(self.market), state.asset(order.asset), state.address(order.address)),
            reference.touches(),
        )

    def claims(self) -> tuple[Claim, ...]:
        return (Claim(self.order.key, self.order.text(), self.signature),)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        answer = S1Result(
            tx=self.tx,
            number=self.number,
            legal=result.accepted,
            code=result.code,
            broadcast=False,
            adopters=(),
        )
        return [(self.sender, answer)]


@form("S1.result")
class S1Result(Form, frozen=True):
    """11.5.1.5.1: legal or not, broadcast or not, adopted by whom."""

    tx: TxId
    legal: Flag
    broadcast: Flag
    adopters: Annotated[tuple[str, ...], list_of(INSTITUTION, MATCHERS_MAX)]
    # Ours.
    number: TxId
    code: Opaque
