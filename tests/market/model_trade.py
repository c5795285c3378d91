"""The part of the model about one settlement."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ufmi.protocol import Code

Marks = dict[str, int]  # bank → amount, in one currency


def take(marks: Marks, amount: int) -> Marks:
    """Takes an amount out of `marks`, in order of bank id."""
    taken: Marks = {}
    for bank in sorted(marks):
        part = min(amount, marks[bank])
        if part:
            marks[bank] -= part
            taken[bank] = part
            amount -= part
    assert amount == 0, "more was taken than there is"
    return taken


class Trade:
    """One T1 worked out on copies of its orders: what it breaks, else what it credits."""

    def __init__(self, orders: dict[tuple[str, str], Any], asset: dict[str, Any], m: Any) -> None:
        self.broken: set[Code] = set()
        self.names = [(one.address, one.number) for one in m.orders]
        self.orders = [dict(orders[name]) for name in self.names]
        self.cash: Counter[tuple[str, str, str]] = Counter()
        self.holding: Counter[tuple[str, str]] = Counter()
        self.scale = 10 ** asset["decimals"]
        for leg in m.legs:
            if not self.broken:
                self._leg(leg)
        if any(one["price"] * one["rest"] % self.scale for one in self.orders):
            self.broken.add(Code.NOT_DIVISIBLE)
        if not self.broken:
            for (owner, _), order in zip(self.names, self.orders, strict=True):
                self._give_back(owner, order)

    def _leg(self, leg: Any) -> None:
        buy, sell = self.orders[leg.buy], self.orders[leg.sell]
        if not sell["price"] <= leg.price <= buy["price"]:
            self.broken.add(Code.PRICE_BEYOND_LIMIT)
        if leg.quantity > buy["rest"] or leg.quantity > sell["rest"]:
            self.broken.add(Code.ORDER_USED_UP)
        if leg.price * leg.quantity % self.scale:
            self.broken.add(Code.NOT_DIVISIBLE)
        if self.broken:
            return
        buyer, seller = self.names[leg.buy][0], self.names[leg.sell][0]
        held = dict(buy["cash"])
        for bank, amount in take(held, leg.price * leg.quantity // self.scale).items():
            self.cash[seller, bank, buy["currency"]] += amount
        buy["cash"] = {bank: amount for bank, amount in held.items() if amount}
        buy["rest"] -= leg.quantity
        sell["rest"] -= leg.quantity
        sell["held"] -= leg.quantity
        self.holding[buyer, buy["asset"]] += leg.quantity

    def _give_back(self, owner: str, order: dict[str, Any]) -> None:
        """What the rest of a buy order does not need any more goes back with the fill."""
        if order["side"] == "BUY":
            held = dict(order["cash"])
            saved = sum(held.values()) - order["price"] * order["rest"] // self.scale
            for bank, amount in take(held, saved).items():
                self.cash[owner, bank, order["currency"]] += amount
            order["cash"] = {bank: amount for bank, amount in held.items() if amount}

    def ended(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The orders as they are afterwards."""
        for order in self.orders:
            order["state"] = "OPEN" if order["rest"] else "FILLED"
        return dict(zip(self.names, self.orders, strict=True))
