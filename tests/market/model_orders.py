"""The part of the model about orders: publishing, following, adopting, settling, cancelling."""

from __future__ import annotations

from typing import Any

from ufmi.crypto import sm3_hex
from ufmi.protocol import AMOUNT_MAX, Code

from .model_trade import Marks, Trade, take
from .model_value import Plan, Value, nothing

ADOPTERS_MAX = 8
SUBSCRIPTIONS_MAX = 16
SUBSCRIBERS_MAX = 64


class Orders(Value):
    """Orders and settlement."""

    def __init__(self) -> None:
        super().__init__()
        # Matcher → class, asset and side of the orders that it follows; empty: any.
        self.follows: dict[str, set[tuple[str, str, str]]] = {}

    # -- orders -------------------------------------------------------------------------------

    def _trading(self, m: Any) -> set[Code]:
        broken = self.admitted(m.market, "MARKET")
        if self.halted or "HALTED" in self.parties.get(m.market, {"flags": set()})["flags"]:
            broken.add(Code.MARKET_HALTED)
        if self.parties.get(m.sender, {}).get("market") not in ("", m.market):
            broken.add(Code.PARTY_UNKNOWN)
        return broken

    def on_s1(self, m: Any, digest: str) -> Plan:
        order = m.order
        broken = self._trading(m) | self._usable(order.address)
        if self.addresses.get(order.address, {}).get("key", order.key) != order.key:
            broken.add(Code.ADDRESS_MISMATCH)
        said = (m.number, m.asset_class, m.asset, m.side)
        if said != (order.number, order.asset_class, order.asset, order.side):
            broken.add(Code.ORDER_MISMATCH)
        if order.network != m.network:
            broken.add(Code.PROOF_INVALID)
        if order.valid_until < self.now:
            broken.add(Code.ORDER_EXPIRED)
        if order.matchers and m.sender not in order.matchers:
            broken.add(Code.MATCHER_NOT_ALLOWED)
        if (order.address, order.number) in self.orders:
            broken.add(Code.ORDER_EXISTS)
        # A removed address sells what is on it and buys nothing more.
        if order.side == "BUY" and self.addresses.get(order.address, {"removed": 0})["removed"]:
            broken.add(Code.ADDRESS_MISMATCH)
        broken |= self.trades(order.asset)
        asset = self.assets.get(order.asset)
        if asset is None:
            return Plan(broken, nothing)
        if asset["asset_class"] != order.asset_class:
            broken.add(Code.CLASS_MISMATCH)
        if asset["currency"] != order.currency:
            broken.add(Code.CURRENCY_MISMATCH)
        cost, part = divmod(order.price * order.quantity, 10 ** asset["decimals"])
        if part:
            broken.add(Code.NOT_DIVISIBLE)
        if cost > AMOUNT_MAX:
            broken.add(Code.TOO_LARGE)
        free = self.free_cash(order.address, order.currency)
        buying = order.side == "BUY"
        have = sum(free.values()) if buying else self.holding[order.address, order.asset]
        if have < (cost if buying else order.quantity):
            broken.add(Code.INSUFFICIENT)
        told = self._followers(order, m.sender) if order.broadcast else []
        return Plan(broken, lambda: self._open(m, cost, free), data={"told": told})

    def _followers(self, order: Any, but: str) -> list[str]:
        """Who follows orders of this kind and may have this one."""
        kind = (order.asset_class, order.asset, str(order.side))
        found = []
        for matcher, filters in self.follows.items():
            fits = any(
                all(not wanted or wanted == has for wanted, has in zip(one, kind, strict=True))
                for one in filters
            )
            if fits and matcher != but and (not order.matchers or matcher in order.matchers):
                found.append(matcher)
        return sorted(found)

    def _open(self, m: Any, cost: int, free: Marks) -> None:
        order = m.order
        buying = order.side == "BUY"
        held = take(free, cost) if buying else {}
        for bank, amount in held.items():
            self.cash[order.address, bank, order.currency] -= amount
        if not buying:
            self.holding[order.address, order.asset] -= order.quantity
        self.orders[order.address, order.number] = {
            "state": "OPEN", "side": str(order.side), "asset": order.asset,
            "asset_class": order.asset_class, "price": order.price, "quantity": order.quantity,
            "rest": order.quantity, "currency": order.currency, "publisher": m.sender,
            "until": order.valid_until, "text": sm3_hex(order.text().encode()),
            "cash": held, "held": 0 if buying else order.quantity, "adopters": [],
            "broadcast": order.broadcast, "signed": order, "matchers": list(order.matchers),
        }  # fmt: skip

    # -- settlement ---------------------------------------------------------------------------

    def on_t1(self, m: Any, digest: str) -> Plan:
        broken = self._trading(m) | self._shape(m)
        for named in m.orders:
            broken |= self._settles(m.sender, named)
        if broken:
            return Plan(broken, nothing)
        trade = Trade(self.orders, self.assets[m.orders[0].asset], m)
        broken = trade.broken | self._too_large(trade)

        def effect() -> None:
            self.cash.update(trade.cash)
            self.holding.update(trade.holding)
            self.orders.update(trade.ended())

        settled = [self.orders[one.address, one.number] for one in m.orders]
        told = {who for one in settled for who in (one["publisher"], *one["adopters"])}
        told |= {self.addresses[one.address].get("broker", "") for one in m.orders} - {""}
        asset = self.assets[m.orders[0].asset]
        registry = asset["registry"] if asset["tracked"] else ""
        data = {"told": sorted(told - {m.sender}), "registry": registry}
        return Plan(broken, effect, data=data)

    def _too_large(self, trade: Trade) -> set[Code]:
        cash = [self.cash[name] + more for name, more in trade.cash.items()]
        holding = [self.holding[name] + more for name, more in trade.holding.items()]
        return {Code.TOO_LARGE} if max(cash + holding, default=0) > AMOUNT_MAX else set()

    @staticmethod
    def _shape(m: Any) -> set[Code]:
        """Orders, legs and totals agree, and all is about one asset."""
        count = len(m.orders)
        names = {(one.address, one.number) for one in m.orders}
        used = {at for leg in m.legs for at in (leg.buy, leg.sell)}
        prices = {leg.price for leg in m.legs}
        fits = (
            len(names) == count
            and len({(one.asset, one.asset_class) for one in m.orders}) == 1
            and used == set(range(count))
            and all(m.orders[leg.buy].side == "BUY" for leg in m.legs if leg.buy < count)
            and all(m.orders[leg.sell].side == "SELL" for leg in m.legs if leg.sell < count)
            and sum(leg.quantity for leg in m.legs) == m.quantity
            and m.price == (min(prices) if len(prices) == 1 else 0)
        )
        return set() if fits else {Code.LEGS_MISMATCH}

    def _settles(self, sender: str, named: Any) -> set[Code]:
        broken = self.trades(named.asset)
        if self.addresses.get(named.address, {"frozen": False})["frozen"]:
            broken.add(Code.ADDRESS_FROZEN)
        order = self.orders.get((named.address, named.number))
        if order is None:
            return broken | {Code.ORDER_UNKNOWN}
        if (named.asset, named.asset_class, named.side) != (
            order["asset"], order["asset_class"], order["side"]
        ):  # fmt: skip
            broken.add(Code.ORDER_MISMATCH)
        if sender not in (order["publisher"], *order["adopters"]):
            broken.add(Code.NOT_ADOPTED)
        broken |= self._ended(order)
        if order["until"] < self.now:
            broken.add(Code.ORDER_EXPIRED)
        return broken

    @staticmethod
    def _ended(order: dict[str, Any]) -> set[Code]:
        """Why an order that is not open is not."""
        codes = {"FILLED": {Code.ORDER_USED_UP}, "OPEN": set()}
        return codes.get(order["state"], {Code.ORDER_CLOSED})

    def _give_back(self, owner: str, order: dict[str, Any], state: str) -> None:
        """Ends an order: all that it holds is its owner's again."""
        for bank, amount in order["cash"].items():
            self.cash[owner, bank, order["currency"]] += amount
        self.holding[owner, order["asset"]] += order["held"]
        order.update(state=state, cash={}, held=0)

    def expire_order(self, m: Any) -> Plan:
        order = self.orders.get((m.owner, m.number))
        if order is None:
            return Plan({Code.ORDER_UNKNOWN}, nothing)
        broken = set()
        assets = ("", order["asset"]) if order["side"] == "BUY" else (order["asset"],)
        if m.side != order["side"] or m.asset not in assets:
            broken.add(Code.ORDER_MISMATCH)
        if order["state"] != "OPEN":
            broken.add(Code.ORDER_CLOSED)
        if self.now <= order["until"]:
            broken.add(Code.NOT_EXPIRED)
        return Plan(broken, lambda: self._give_back(m.owner, order, "EXPIRED"))

    # -- cancelling ---------------------------------------------------------------------------

    def on_s2(self, m: Any, digest: str) -> Plan:
        order = self.orders.get((m.address, m.number))
        others = order is not None and order["publisher"] != m.sender
        return self._cancel(m, m.address, {Code.NOT_PUBLISHER} if others else set())

    def on_cancel(self, m: Any, digest: str) -> Plan:
        return self._cancel(m, m.sender, set())

    def _cancel(self, m: Any, owner: str, broken: set[Code]) -> Plan:
        order = self.orders.get((owner, m.number))
        if order is None:
            return Plan(broken | {Code.ORDER_UNKNOWN}, nothing)
        said = (m.asset_class, m.asset, str(m.side))
        if said != (order["asset_class"], order["asset"], order["side"]):
            broken.add(Code.ORDER_MISMATCH)
        broken |= self._ended(order)
        told = {order["publisher"], owner, *order["adopters"]}
        if order["broadcast"]:
            told |= set(self._followers(order["signed"], m.sender))

        def effect() -> None:
            self._give_back(owner, order, "CANCELLED")

        return Plan(broken, effect, data={"told": sorted(told - {m.sender})})

    def on_s2_removed(self, m: Any, digest: str) -> Plan:
        order = self.orders.get((m.address, m.number))
        if order is None:
            return Plan({Code.ORDER_UNKNOWN}, nothing)
        broken = set()
        if order["state"] != "CANCELLED":
            broken.add(Code.NOT_PENDING)
        if m.by not in (order["publisher"], m.address):
            broken.add(Code.ORDER_MISMATCH)
        left = [one for one in order["adopters"] if one != m.sender]
        return Plan(broken, lambda: order.update(adopters=left))

    # -- following and adopting ---------------------------------------------------------------

    def on_s3(self, m: Any, digest: str) -> Plan:
        broken = {Code.SENDER_MISMATCH} if m.manager != m.sender else set()
        kind = (m.asset_class, m.asset, m.side)
        mine = self.follows.get(m.sender, set())
        left = mine | {kind} if m.subscribe else mine - {kind}
        if len(left) > SUBSCRIPTIONS_MAX:
            broken.add(Code.TOO_MANY)
        if left and not mine and len(self.follows) >= SUBSCRIBERS_MAX:
            broken.add(Code.TOO_MANY)

        def effect() -> None:
            self.follows[m.sender] = left
            if not left:
                del self.follows[m.sender]

        return Plan(broken, effect)

    def on_s4_adopted(self, m: Any, digest: str) -> Plan:
        order = self.orders.get((m.address, m.number))
        if order is None:
            return Plan({Code.ORDER_UNKNOWN}, nothing)
        broken = set()
        if order["publisher"] != m.publisher:
            broken.add(Code.ORDER_MISMATCH)
        if not order["broadcast"] or (order["matchers"] and m.sender not in order["matchers"]):
            broken.add(Code.MATCHER_NOT_ALLOWED)
        adopters = order["adopters"]
        if m.adopted and m.sender not in (m.publisher, *adopters):
            broken |= self._ended(order)
            if order["until"] < self.now:
                broken.add(Code.ORDER_EXPIRED)
            adopters = [*adopters, m.sender]
            if len(adopters) > ADOPTERS_MAX:
                broken.add(Code.TOO_MANY)
        return Plan(
            broken, lambda: order.update(adopters=adopters), data={"adopters": sorted(adopters)}
        )
