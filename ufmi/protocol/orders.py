"""订单管理: orders signed by their owners' wallets, published by matchers (guide chapter 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from ufmi.protocol import keys as state
from ufmi.protocol.kinds import (
    INSTITUTION,
    Address,
    Amount,
    AssetClass,
    AssetClassOrNone,
    AssetCode,
    AssetCodeOrNone,
    Currency,
    Digest,
    Flag,
    Institution,
    Market,
    Opaque,
    OrderSide,
    PublicKey,
    Role,
    Sender,
    Side,
    SideOrNone,
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
            (
                state.party(self.market),
                state.asset(order.asset),
                state.address(order.address),
                state.SUBSCRIPTIONS,
            ),
            reference.touches(),
        )

    def claims(self) -> tuple[Claim, ...]:
        return (Claim(self.order.key, self.order.text(), self.signature),)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        order = self.order
        answer = S1Result(
            tx=self.tx,
            number=self.number,
            legal=result.accepted,
            code=result.code,
            broadcast=result.accepted and order.broadcast,
            adopters=(),
        )
        broadcast = S4(
            tx=self.tx,
            number=order.number,
            asset_class=order.asset_class,
            asset=order.asset,
            side=order.side,
            network=self.network,
            publisher=self.sender,
            address=order.address,
            price=order.price,
            quantity=order.quantity,
            currency=order.currency,
            valid_until=order.valid_until,
        )
        told = result.data.get("told", ())
        return [(self.sender, answer), *[(str(matcher), broadcast) for matcher in told]]


@form("S1.result")
class S1Result(Form, frozen=True):
    """11.5.1.5.1: legal, broadcast, adopted by whom; sent again when that changes."""

    tx: TxId
    legal: Flag
    broadcast: Flag
    adopters: Annotated[tuple[str, ...], list_of(INSTITUTION, MATCHERS_MAX)]
    # Ours.
    number: TxId
    code: Opaque


class _Cancellation(Message, frozen=True):
    """What ends an order before its time."""

    if TYPE_CHECKING:
        number: str
        asset_class: str
        asset: str
        side: Side

    @property
    def owner(self) -> str:
        """The address of the order's owner."""
        raise NotImplementedError

    @property
    def order(self) -> OrderReference:
        """The order that is cancelled."""
        return OrderReference(self.number, self.asset_class, self.asset, self.side, self.owner)

    def touches(self, entry: Entry) -> Keys:
        return Keys((state.SUBSCRIPTIONS,), self.order.touches())

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        answer = S2Result(tx=self.tx, number=self.number, code=result.code)
        broadcast = S2Cancelled(
            tx=self.tx,
            number=self.number,
            asset_class=self.asset_class,
            asset=self.asset,
            side=self.side,
            network=self.network,
            by=self.sender,
            address=self.owner,
        )
        told = result.data.get("told", ())
        return [(self.sender, answer), *[(str(party), broadcast) for party in told]]


@message("S2", Role.MATCHER)
class S2(_Cancellation, frozen=True):
    """撤销订单 (11.5.2): the matcher that published an order withdraws it."""

    tx: TxId
    number: TxId
    asset_class: AssetClass
    asset: AssetCode
    side: OrderSide
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    address: Address  # the owner's

    @property
    def owner(self) -> str:
        return self.address


@message("CANCEL", Role.WALLET)
class Cancel(_Cancellation, frozen=True):
    """The owner withdraws his order himself; his wallet signs. Ours."""

    tx: TxId
    number: TxId
    asset_class: AssetClass
    asset: AssetCode
    side: OrderSide
    network: Digest
    sender: Address  # the owner's
    valid_until: Time

    @property
    def owner(self) -> str:
        return self.sender


@form("S2.result")
class S2Result(Form, frozen=True):
    """11.5.2.5.1: whether the order is cancelled and its lock undone."""

    tx: TxId
    number: TxId
    code: Opaque


@form("S2.cancelled")
class S2Cancelled(Form, frozen=True):
    """11.5.2.5.1: the broadcast of a cancellation, to all who had the order."""

    tx: TxId
    number: TxId
    asset_class: AssetClass
    asset: AssetCode
    side: OrderSide
    # Ours.
    network: Digest
    by: Sender
    address: Address


@message("S2.removed", Role.MATCHER)
class S2Removed(Message, frozen=True):
    """11.5.2.5.2: another matcher has taken a cancelled order down."""

    tx: TxId
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    by: Sender  # who cancelled
    address: Address
    number: TxId

    @property
    def reference(self) -> str:
        return f"{self.by}/{self.tx}"

    def touches(self, entry: Entry) -> Keys:
        return Keys((), (state.order(self.address, self.number),))

    def receivers(self) -> tuple[str, ...]:
        return (self.by,)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        return [(self.sender, S2Result(tx=self.tx, number=self.number, code=result.code))]


@message("S3", Role.MATCHER)
class S3(Message, frozen=True):
    """订单订阅 (11.5.3): a matcher follows orders of the whole market, or no longer."""

    tx: TxId
    manager: Institution  # 订单撮合系统的管理人: the matcher itself
    asset_class: AssetClassOrNone
    asset: AssetCodeOrNone
    side: SideOrNone
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    subscribe: Flag  # N ends the subscription with these terms

    def touches(self, entry: Entry) -> Keys:
        return Keys((), (state.SUBSCRIPTIONS,))

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        return [(self.sender, S3Result(tx=self.tx, allowed=result.accepted, code=result.code))]


@form("S3.result")
class S3Result(Form, frozen=True):
    """11.5.3.5: allowed or refused."""

    tx: TxId
    allowed: Flag
    # Ours.
    code: Opaque


@form("S4")
class S4(Form, frozen=True):
    """广播订单 (11.5.4): an order for those who follow its kind; `tx` is that of its S1."""

    tx: TxId
    number: TxId
    asset_class: AssetClass
    asset: AssetCode
    side: OrderSide
    # Ours.
    network: Digest
    publisher: Institution
    address: Address
    price: Amount
    quantity: Amount
    currency: Currency
    valid_until: Time


@message("S4.adopted", Role.MATCHER)
class S4Adopted(Message, frozen=True):
    """11.5.4.5: whether a matcher publishes a broadcast order too; it may then settle it."""

    tx: TxId
    adopted: Flag
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    publisher: Institution
    address: Address
    number: TxId

    @property
    def reference(self) -> str:
        return f"{self.publisher}/{self.tx}"

    def touches(self, entry: Entry) -> Keys:
        return Keys((), (state.order(self.address, self.number),))

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        adopters = tuple([str(one) for one in result.data.get("adopters", ())])
        answer = S1Result(
            tx=self.tx,
            number=self.number,
            legal=result.accepted,
            code=result.code,
            broadcast=result.accepted,
            adopters=adopters,
        )
        to = [self.sender, self.publisher] if result.accepted else [self.sender]
        return [(party, answer) for party in to]
