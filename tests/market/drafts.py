"""Drafts of every message with sensible fields; each can be changed by keyword."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from msgspec.structs import replace

from ufmi.crypto import Signer, Sm2PrivateKey, sm3, sm3_hex
from ufmi.protocol import Form, Side
from ufmi.protocol.assets import P1, P1Registry
from ufmi.protocol.codes import CURRENCIES
from ufmi.protocol.funds import Y1, Y1Locked
from ufmi.protocol.governance import Admit, Expire, Revoke
from ufmi.protocol.holdings import Z1, Z1Locked
from ufmi.protocol.orders import S1, Order, OrderReference
from ufmi.protocol.settlement import T1, Leg
from ufmi.protocol.users import X1, Bind, Proof, X1Bank, X1Registry

MARKET = "MXBJE"
BROKER_A, BROKER_B = "NBROACNBJXXX", "NBROBCNBJXXX"
BANK_A, BANK_B = "NBANACNBJXXX", "NBANBCNBJXXX"
REGISTRY = "NREGICNBJXXX"
MATCHER_A, MATCHER_B = "NMATACNBJXXX", "NMATBCNBJXXX"
REGULATOR = "NREGUCNBJXXX"
STRANGER = "NNOBOCNBJXXX"
OPERATORS = ("operator-1", "operator-2", "operator-3")
DAY_MS = 86_400_000
ELSEWHERE = sm3_hex(b"another network")


@cache
def signer(name: str) -> Signer:
    """The key of a name, the same in every run."""
    return Signer.of(Sm2PrivateKey(sm3(f"key of {name}".encode())))


def address(name: str) -> str:
    return signer(name).address


def public_key(name: str) -> str:
    return signer(name).public_key.to_hex()


def digest(form: Form) -> str:
    return sm3_hex(form.text().encode())


class SignedOrder(NamedTuple):
    """What a wallet gave to a matcher."""

    order: Order
    signature: str


def signed_order(order: Order, by: str) -> SignedOrder:
    return SignedOrder(order, signer(by).sign(order.text().encode()).hex())


def reference(signed: SignedOrder) -> OrderReference:
    order = signed.order
    return OrderReference(order.number, order.asset_class, order.asset, order.side, order.address)


class Drafts:
    """Makes messages for one network at its present time."""

    network = ""
    now = 0
    made = 0

    def new_tx(self) -> str:
        self.made += 1
        return f"t{self.made}"

    def _head(self, sender: str, tx: str = "") -> dict[str, Any]:
        return {
            "tx": tx or self.new_tx(),
            "network": self.network,
            "sender": sender,
            "valid_until": self.now + DAY_MS,
        }

    # -- governance ---------------------------------------------------------------------------

    def admit(
        self, party: str, role: str, market: str = "", operator: int = 0, **changes: Any
    ) -> Admit:
        head = self._head(address(OPERATORS[operator]), changes.pop("tx", ""))
        draft = Admit(
            party=party, role=role, market=market, name=party, key=public_key(party), **head
        )
        return replace(draft, **changes)

    def revoke(self, subject: str, key: str, sender: str, **changes: Any) -> Revoke:
        draft = Revoke(subject=subject, key=key, **self._head(sender, changes.pop("tx", "")))
        return replace(draft, **changes)

    def expire(
        self, kind: str, owner: str, number: str, sender: str = BROKER_A, **changes: Any
    ) -> Expire:
        head = self._head(sender, changes.pop("tx", ""))
        draft = Expire(kind=kind, owner=owner, number=number, side="", asset="", **head)
        return replace(draft, **changes)

    def expire_order(self, signed: SignedOrder, sender: str = BROKER_A) -> Expire:
        order = signed.order
        asset = order.asset if order.side is Side.SELL else ""
        return self.expire(
            "ORDER", order.address, order.number, sender, side=str(order.side), asset=asset
        )

    # -- users --------------------------------------------------------------------------------

    def proof(self, wallet: str, ag: str, tx: str, user: str, **changes: Any) -> Proof:
        by = changes.pop("by", wallet)
        bind = Bind(
            network=self.network,
            valid_until=self.now + DAY_MS,
            ag=ag,
            tx=tx,
            user=user,
            key=public_key(wallet),
        )
        bind = replace(bind, **changes)
        return Proof(bind, signer(by).sign(bind.text().encode()).hex())

    def x1(
        self,
        who: str,
        wallets: Sequence[str],
        *,
        broker: str = BROKER_A,
        bank: str = BANK_A,
        unified: str = "",
        **changes: Any,
    ) -> X1:
        head = self._head(broker, changes.pop("tx", ""))
        user = f"{who} at {broker}"
        draft = X1(
            ag=broker,
            broker_user=user,
            bank_user=f"{who} at {bank}",
            registry_user=f"{who} at {REGISTRY}",
            bank=bank,
            registry=REGISTRY,
            document=sm3_hex(f"document of {who}".encode()),
            person=sm3_hex(f"person {who}".encode()),
            unified=unified,
            proofs=tuple([self.proof(wallet, broker, head["tx"], user) for wallet in wallets]),
            **head,
        )
        return replace(draft, **changes)

    def x1_bank(self, x1: X1, unified: str, accepted: bool = True, **changes: Any) -> X1Bank:
        draft = X1Bank(
            ag=x1.ag,
            unified=unified,
            bank_user=x1.bank_user,
            accepted=accepted,
            answered=digest(x1),
            document="",
            **self._head(x1.bank, x1.tx),
        )
        return replace(draft, **changes)

    def x1_registry(
        self, x1: X1, unified: str, accepted: bool = True, **changes: Any
    ) -> X1Registry:
        draft = X1Registry(
            ag=x1.ag,
            unified=unified,
            registry_user=x1.registry_user,
            accepted=accepted,
            answered=digest(x1),
            document="",
            **self._head(x1.registry, x1.tx),
        )
        return replace(draft, **changes)

    # -- assets -------------------------------------------------------------------------------

    def p1(self, registry_asset: str, bank: str = BANK_A, **changes: Any) -> P1:
        draft = P1(
            ag=BROKER_A,
            registry_asset=registry_asset,
            bank=bank,
            registry=REGISTRY,
            currency="CNY",
            **self._head(changes.get("ag", BROKER_A), changes.pop("tx", "")),
        )
        return replace(draft, **changes)

    def p1_registry(self, p1: P1, accepted: bool = True, **changes: Any) -> P1Registry:
        draft = P1Registry(
            ag=p1.ag,
            registry_asset=p1.registry_asset,
            accepted=accepted,
            answered=digest(p1),
            name=f"Company {p1.registry_asset}",
            asset_class="STOCK",
            decimals=0,
            currency=p1.currency,
            document="",
            **self._head(p1.registry, p1.tx),
        )
        return replace(draft, **changes)

    # -- funds and holdings -------------------------------------------------------------------

    def y1(
        self,
        who: str,
        unified: str,
        wallet: str,
        amount: int,
        *,
        broker: str = BROKER_A,
        bank: str = BANK_A,
        **changes: Any,
    ) -> Y1:
        draft = Y1(
            ag=broker,
            bank=bank,
            unified=unified,
            broker_user=f"{who} at {broker}",
            bank_user=f"{who} at {bank}",
            currency="CNY",
            amount=amount,
            unit=CURRENCIES["CNY"],
            address=address(wallet),
            **self._head(broker, changes.pop("tx", "")),
        )
        return replace(draft, **changes)

    def y1_locked(self, y1: Y1, locked: bool = True, **changes: Any) -> Y1Locked:
        draft = Y1Locked(
            locked=locked,
            ag=y1.ag,
            address=y1.address,
            mark=y1.mark,
            amount=y1.amount,
            answered=digest(y1),
            **self._head(y1.bank, y1.tx),
        )
        return replace(draft, **changes)

    def z1(
        self,
        who: str,
        unified: str,
        wallet: str,
        registry_asset: str,
        quantity: int,
        *,
        broker: str = BROKER_A,
        **changes: Any,
    ) -> Z1:
        draft = Z1(
            ag=broker,
            broker_user=f"{who} at {broker}",
            unified=unified,
            address=address(wallet),
            registry_asset=registry_asset,
            quantity=quantity,
            registry=REGISTRY,
            **self._head(address(wallet), changes.pop("tx", "")),
        )
        return replace(draft, **changes)

    def z1_locked(self, z1: Z1, locked: bool = True, **changes: Any) -> Z1Locked:
        draft = Z1Locked(
            locked=locked,
            ag=z1.ag,
            address=z1.address,
            asset=z1.asset,
            quantity=z1.quantity,
            answered=digest(z1),
            **self._head(z1.registry, z1.tx),
        )
        return replace(draft, **changes)

    # -- orders and settlement ----------------------------------------------------------------

    def order(
        self, wallet: str, side: Side, asset: str, price: int, quantity: int, **changes: Any
    ) -> SignedOrder:
        by = changes.pop("by", wallet)
        draft = Order(
            number=changes.pop("number", "") or self.new_tx(),
            asset_class="STOCK",
            asset=asset,
            side=side,
            network=self.network,
            valid_until=self.now + DAY_MS,
            address=address(wallet),
            key=public_key(wallet),
            price=price,
            quantity=quantity,
            currency="CNY",
            matchers=(),
            broadcast=False,
        )
        return signed_order(replace(draft, **changes), by)

    def s1(self, signed: SignedOrder, matcher: str = MATCHER_A, **changes: Any) -> S1:
        order = signed.order
        draft = S1(
            number=order.number,
            asset_class=order.asset_class,
            asset=order.asset,
            side=order.side,
            market=MARKET,
            order=order,
            signature=signed.signature,
            **self._head(matcher, changes.pop("tx", "")),
        )
        return replace(draft, **changes)

    def t1(
        self,
        orders: Sequence[SignedOrder],
        legs: Sequence[Leg],
        matcher: str = MATCHER_A,
        **changes: Any,
    ) -> T1:
        prices = {leg.price for leg in legs}
        draft = T1(
            orders=tuple([reference(order) for order in orders]),
            quantity=sum([leg.quantity for leg in legs]),
            price=prices.pop() if len(prices) == 1 else 0,
            trade_time=self.now,
            market=MARKET,
            legs=tuple(legs),
            **self._head(matcher, changes.pop("tx", "")),
        )
        return replace(draft, **changes)
