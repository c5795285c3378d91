"""The part of the model about value: assets, deposits, orders and their settlement.

Money is counted by (address, bank, currency), so marks play no part but their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from ufmi.crypto import sm3_hex
from ufmi.protocol import AMOUNT_MAX, Code
from ufmi.protocol.codes import CURRENCIES, mark_bank, mark_currency

from .model_trade import Marks, Trade, take


class Plan(NamedTuple):
    """The rules that a message breaks; else what it does and how it ends."""

    broken: set[Code]
    effect: Callable[[], None]
    code: Code = Code.OK


class Value:
    """Tokens and what may move them."""

    now: int

    def __init__(self) -> None:
        self.parties: dict[str, dict[str, Any]] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.addresses: dict[str, dict[str, Any]] = {}
        self.assets: dict[str, dict[str, Any]] = {}
        self.marks: set[tuple[str, str]] = set()
        self.pending: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.cash: Counter[tuple[str, str, str]] = Counter()  # address, bank, currency
        self.holding: Counter[tuple[str, str]] = Counter()  # address, asset
        self.orders: dict[tuple[str, str], dict[str, Any]] = {}

    # -- who and what -------------------------------------------------------------------------

    def admitted(self, party: str, role: str) -> set[Code]:
        fits = party in self.parties and self.parties[party]["role"] == role
        return set() if fits else {Code.PARTY_UNKNOWN}

    def is_over(self, account: dict[str, Any]) -> bool:
        """Whether a broker may register the person anew: refused, or not confirmed in time."""
        late = self.status(account) == "PENDING" and account["until"] < self.now
        return late or self.status(account) == "REFUSED"

    @staticmethod
    def status(account: dict[str, Any]) -> str:
        says = (account["bank_says"], account["registry_says"])
        return "REFUSED" if "N" in says else "ACTIVE" if says == ("Y", "Y") else "PENDING"

    def _account(self, unified: str, broker: str) -> dict[str, Any] | Code:
        if unified not in self.users:
            return Code.USER_UNKNOWN
        account = self.users[unified]["accounts"].get(broker)
        if account is None:
            return Code.ACCOUNT_UNKNOWN
        return account if self.status(account) == "ACTIVE" else Code.ACCOUNT_INACTIVE

    def _receiving(self, address: str, unified: str) -> set[Code]:
        """Whether tokens may come onto this address of this user."""
        accounts = self.users.get(unified, {"accounts": {}})["accounts"].values()
        own = [
            one for each in accounts if self.status(each) == "ACTIVE" for one in each["addresses"]
        ]
        return self._usable(address) | (set() if address in own else {Code.ADDRESS_MISMATCH})

    def _usable(self, address: str) -> set[Code]:
        known = self.addresses.get(address)
        if known is None:
            return {Code.ADDRESS_UNKNOWN}
        return {Code.ADDRESS_REVOKED} if known["revoked"] else set()

    def _answered(self, m: Any, key: tuple[str, str, str], asked: str) -> set[Code]:
        """What an answer breaks that does not fit its open instruction."""
        pending = self.pending.get(key)
        if pending is None or pending["state"] != "open":
            return {Code.NOT_PENDING}
        broken = set()
        if pending[asked] != m.sender:
            broken.add(Code.SENDER_MISMATCH)
        if pending["answered"] != m.answered:
            broken.add(Code.DIGEST_MISMATCH)
        return broken

    # -- assets -------------------------------------------------------------------------------

    def on_p1(self, m: Any, digest: str) -> Plan:
        broken = self.admitted(m.bank, "BANK") | self.admitted(m.registry, "REGISTRY")
        if m.ag != m.sender:
            broken.add(Code.SENDER_MISMATCH)
        known = self.assets.get(m.asset)
        if known is not None and known["currency"] != m.currency:
            broken.add(Code.CURRENCY_MISMATCH)
        if known is not None and (m.bank, m.currency) in self.marks:
            broken.add(Code.ASSET_EXISTS)

        def effect() -> None:
            self.marks.add((m.bank, m.currency))
            if known is None:
                self.pending["listing", m.ag, m.tx] = {
                    "state": "open", "answered": digest, "until": m.valid_until,
                    "asset": m.asset, "registry": m.registry, "currency": m.currency,
                }  # fmt: skip

        return Plan(broken, effect, Code.PENDING if known is None else Code.OK)

    def on_p1_registry(self, m: Any, digest: str) -> Plan:
        key = ("listing", m.ag, m.tx)
        broken = self._answered(m, key, "registry")
        pending = self.pending.get(key, {})
        if pending and pending["asset"] != m.asset:
            broken.add(Code.TERMS_DIFFER)
        if m.accepted and pending and pending["currency"] != m.currency:
            broken.add(Code.CURRENCY_MISMATCH)
        if m.accepted and m.asset in self.assets:
            broken.add(Code.ASSET_EXISTS)

        def effect() -> None:
            pending["state"] = "done" if m.accepted else "refused"
            if m.accepted:
                self.assets[m.asset] = {
                    "registry": m.sender, "registry_asset": m.registry_asset, "name": m.name,
                    "asset_class": m.asset_class, "decimals": m.decimals, "currency": m.currency,
                }  # fmt: skip

        return Plan(broken, effect)

    # -- value comes onto the ledger ----------------------------------------------------------

    def on_y1(self, m: Any, digest: str) -> Plan:
        broken = self.admitted(m.bank, "BANK") | self._receiving(m.address, m.unified)
        if m.ag != m.sender:
            broken.add(Code.SENDER_MISMATCH)
        account = self._account(m.unified, m.ag)
        if isinstance(account, Code):
            broken.add(account)
        elif (account["bank"], account["broker_user"], account["bank_user"]) != (
            m.bank, m.broker_user, m.bank_user
        ):  # fmt: skip
            broken.add(Code.TERMS_DIFFER)
        if (m.bank, m.currency) not in self.marks:
            broken.add(Code.MARK_UNKNOWN)
        if CURRENCIES[m.currency] != m.unit:
            broken.add(Code.UNIT_MISMATCH)

        def effect() -> None:
            self.pending["deposit", m.ag, m.tx] = {
                "state": "open", "answered": digest, "until": m.valid_until, "bank": m.bank,
                "address": m.address, "currency": m.currency, "amount": m.amount,
            }  # fmt: skip

        return Plan(broken, effect, Code.PENDING)

    def on_y1_locked(self, m: Any, digest: str) -> Plan:
        key = ("deposit", m.ag, m.tx)
        broken = self._answered(m, key, "bank")
        pending = self.pending.get(key, {})
        of = (m.address, mark_bank(m.mark), mark_currency(m.mark))
        terms = (*of, m.amount)
        asked = [pending.get(name) for name in ("address", "bank", "currency", "amount")]
        if pending and terms != tuple(asked):
            broken.add(Code.TERMS_DIFFER)
        if m.locked:
            broken |= self._usable(m.address)
            if self.cash[of] + m.amount > AMOUNT_MAX:
                broken.add(Code.TOO_LARGE)

        def effect() -> None:
            pending["state"] = "done" if m.locked else "refused"
            if m.locked:
                self.cash[of] += m.amount

        return Plan(broken, effect)

    def on_z1(self, m: Any, digest: str) -> Plan:
        broken = self.admitted(m.registry, "REGISTRY") | self._receiving(m.address, m.unified)
        if m.address != m.sender:
            broken.add(Code.SENDER_MISMATCH)
        account = self._account(m.unified, m.ag)
        if isinstance(account, Code):
            broken.add(account)
        elif (account["registry"], account["broker_user"]) != (m.registry, m.broker_user):
            broken.add(Code.TERMS_DIFFER)
        if m.asset not in self.assets:
            broken.add(Code.ASSET_UNKNOWN)

        def effect() -> None:
            self.pending["onchain", m.address, m.tx] = {
                "state": "open", "answered": digest, "until": m.valid_until, "ag": m.ag,
                "registry": m.registry, "asset": m.asset, "quantity": m.quantity,
            }  # fmt: skip

        return Plan(broken, effect, Code.PENDING)

    def on_z1_locked(self, m: Any, digest: str) -> Plan:
        key = ("onchain", m.address, m.tx)
        broken = self._answered(m, key, "registry")
        pending = self.pending.get(key, {})
        asked = [pending.get(name) for name in ("ag", "asset", "quantity")]
        if pending and (m.ag, m.asset, m.quantity) != tuple(asked):
            broken.add(Code.TERMS_DIFFER)
        if m.locked:
            broken |= self._usable(m.address)
            if self.holding[m.address, m.asset] + m.quantity > AMOUNT_MAX:
                broken.add(Code.TOO_LARGE)

        def effect() -> None:
            pending["state"] = "done" if m.locked else "refused"
            if m.locked:
                self.holding[m.address, m.asset] += m.quantity

        return Plan(broken, effect)

    # -- orders -------------------------------------------------------------------------------

    def free_cash(self, address: str, currency: str) -> Marks:
        return {
            bank: amount
            for (owner, bank, of), amount in self.cash.items()
            if (owner, of) == (address, currency) and amount
        }

    def _trading(self, m: Any) -> set[Code]:
        broken = self.admitted(m.market, "MARKET")
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
        asset = self.assets.get(order.asset)
        if asset is None:
            return Plan(broken | {Code.ASSET_UNKNOWN}, lambda: None)
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
        return Plan(broken, lambda: self._open(m, cost, free))

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
            "cash": held, "held": 0 if buying else order.quantity,
        }  # fmt: skip

    # -- settlement ---------------------------------------------------------------------------

    def on_t1(self, m: Any, digest: str) -> Plan:
        broken = self._trading(m) | self._shape(m)
        for named in m.orders:
            broken |= self._settles(m.sender, named)
        if broken:
            return Plan(broken, lambda: None)
        trade = Trade(self.orders, self.assets[m.orders[0].asset], m)
        broken = trade.broken | self._too_large(trade)

        def effect() -> None:
            self.cash.update(trade.cash)
            self.holding.update(trade.holding)
            self.orders.update(trade.ended())

        return Plan(broken, effect)

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
        broken = set() if named.asset in self.assets else {Code.ASSET_UNKNOWN}
        order = self.orders.get((named.address, named.number))
        if order is None:
            return broken | {Code.ORDER_UNKNOWN}
        if (named.asset, named.asset_class, named.side) != (
            order["asset"], order["asset_class"], order["side"]
        ):  # fmt: skip
            broken.add(Code.ORDER_MISMATCH)
        if order["publisher"] != sender:
            broken.add(Code.NOT_ADOPTED)
        if order["state"] == "FILLED":
            broken.add(Code.ORDER_USED_UP)
        if order["state"] == "EXPIRED":
            broken.add(Code.ORDER_CLOSED)
        if order["until"] < self.now:
            broken.add(Code.ORDER_EXPIRED)
        return broken

    # -- the end of what expired --------------------------------------------------------------

    def on_expire(self, m: Any, digest: str) -> Plan:
        if m.kind == "ORDER":
            return self._expire_order(m)
        pending = self.pending.get((m.kind.lower(), m.owner, m.number))
        if pending is None or pending["state"] != "open":
            return Plan({Code.NOT_PENDING}, lambda: None)
        broken = {Code.NOT_EXPIRED} if self.now <= pending["until"] else set()
        return Plan(broken, lambda: pending.update(state="expired"))

    def _expire_order(self, m: Any) -> Plan:
        order = self.orders.get((m.owner, m.number))
        if order is None:
            return Plan({Code.ORDER_UNKNOWN}, lambda: None)
        broken = set()
        assets = ("", order["asset"]) if order["side"] == "BUY" else (order["asset"],)
        if m.side != order["side"] or m.asset not in assets:
            broken.add(Code.ORDER_MISMATCH)
        if order["state"] != "OPEN":
            broken.add(Code.ORDER_CLOSED)
        if self.now <= order["until"]:
            broken.add(Code.NOT_EXPIRED)

        def effect() -> None:
            for bank, amount in order["cash"].items():
                self.cash[m.owner, bank, order["currency"]] += amount
            self.holding[m.owner, order["asset"]] += order["held"]
            order.update(state="EXPIRED", cash={}, held=0)

        return Plan(broken, effect)
