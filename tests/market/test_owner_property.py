"""No sequence of messages moves, locks or burns a token without its owner's signature.

Every key but the victim's is in the attacker's hands: operators, brokers, banks, the registry,
matchers, other users, even the front-end's. He also has every text that the victim ever signed.
A bank may mint more to the victim; nothing of the victim's may become less, beyond the limits of
orders and withdrawals that the victim signed. What a withdrawal holds is his until a bank paid it.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ufmi.crypto import sm3_hex
from ufmi.protocol import Side
from ufmi.protocol.withdrawals import Y2

from .attacker import HOME, VICTIM, Attacker
from .compare import records
from .drafts import DAY_MS, MATCHER_B, SignedOrder, address
from .examples import generated
from .invariants import ON_THE_WAY, PAID_OUT
from .market import ALICE, MARK_A, MARK_B, TENTHS, WHOLE, Market, funded_market

CHANCES = st.integers(0, 2**32).map(Random)


class Belongings:
    """What the victim has, and what of it came from outside or went by his own orders."""

    def __init__(self, market: Market) -> None:
        self.free: Counter[str] = Counter(market.free_cash(VICTIM))
        self.held: Counter[str] = Counter()
        self.minted: Counter[str] = Counter()
        self.spent = 0  # by his orders at their limits, in money
        self.earned = 0
        self.filled: Counter[str] = Counter()  # assets that his orders brought (or took, negative)
        self.orders: dict[str, dict[str, Any]] = {}
        self.withdrawals: dict[str, dict[str, Any]] = {}
        self.paid = 0  # by banks, out of his withdrawals
        for [owner, asset], record in records(market.state, "holding"):
            if owner == HOME:
                self.free[asset] += record["quantity"]
        for [owner, number], order in records(market.state, "order"):
            if owner == HOME:
                self._take(number, order)
        for [owner, number], withdrawal in records(market.state, "withdrawal"):
            if owner == HOME:
                self.withdrawals[number] = withdrawal
                for part in withdrawal["parts"]:
                    waits = part["status"] in ON_THE_WAY
                    self.held[part["mark"]] += part["amount"] if waits else 0
                    self.paid += part["amount"] if part["status"] in PAID_OUT else 0
        for _, deposit in records(market.state, "deposit"):
            if deposit["address"] == HOME and deposit["outcome"] == "OK":
                self.minted[deposit["mark"]] += deposit["amount"]
        for [owner, _], onchain in records(market.state, "onchain"):
            if owner == HOME and onchain["outcome"] == "OK":
                self.minted[onchain["asset"]] += onchain["quantity"]

    def _take(self, number: str, order: dict[str, Any]) -> None:
        self.orders[number] = order
        self.held.update(order["held_cash"])
        self.held[order["asset"]] += order["held"]
        done = order["quantity"] - order["rest"]
        scale = 1 if order["asset"] == WHOLE else 10
        if order["side"] == "BUY":
            self.spent += order["price"] * done // scale
            self.filled[order["asset"]] += done
        else:
            self.earned += order["price"] * done // scale
            self.filled[order["asset"]] -= done

    @property
    def all(self) -> Counter[str]:
        return self.free + self.held

    def money(self) -> int:
        """Cash that did not come from a bank: what he would have without new deposits."""
        return sum(self.all[mark] - self.minted[mark] for mark in (MARK_A, MARK_B))


def assert_kept(
    first: Belongings, now: Belongings, signed: list[SignedOrder], withdrawals: list[Y2]
) -> None:
    """The named property."""
    wanted = {one.order.number: one.order for one in withdrawals}
    for number, withdrawal in now.withdrawals.items():
        assert number in wanted, f"nobody signed the withdrawal {number}"
        terms = [withdrawal[name] for name in ("ag", "bank", "payee", "currency", "amount")]
        order = wanted[number]
        assert terms == [order.ag, order.bank, order.payee, order.currency, order.amount]
    texts = {sm3_hex(one.order.text().encode()): one.order for one in signed}
    for number, order in now.orders.items():
        own = texts.get(order["text"])
        assert own is not None, f"nobody signed the order {number}"
        said = (own.number, own.asset, own.side, own.price, own.quantity, own.currency)
        assert said == (
            number, order["asset"], order["side"], order["price"], order["quantity"],
            order["currency"],
        )  # fmt: skip
    assert now.money() >= first.money() - now.spent + now.earned - now.paid
    for asset in (WHOLE, TENTHS):
        brought = now.minted[asset] - first.minted[asset] + now.filled[asset]
        assert now.all[asset] == first.all[asset] + brought
    if not now.orders and not now.withdrawals:
        # Without an order nothing is even locked, and no mark becomes another one.
        assert all(now.free[token] >= amount for token, amount in first.free.items())


def attack(
    market: Market,
    chance: Random,
    signed: list[SignedOrder],
    withdrawals: list[Y2],
    steps: int = 40,
) -> None:
    """Lets the attacker work, checks after every batch, and ends all that the victim began."""
    # Whether contract and model agree is not asked here: the victim's belongings are.
    market.model = None
    first = Belongings(market)
    attacker = Attacker(market, chance, signed, withdrawals)
    for _ in range(steps):
        attacker.step()
        assert_kept(first, Belongings(market), signed, withdrawals)
    market.advance(3 * DAY_MS)
    front = address("frontend")
    for one in signed:
        market.execute([market.line(market.expire_order(one, front))])
    for y2 in withdrawals:
        ended = market.expire("WITHDRAWAL", HOME, y2.order.number, front)
        market.execute([market.line(ended)])
    last = Belongings(market)
    assert_kept(first, last, signed, withdrawals)
    for withdrawal in last.withdrawals.values():
        assert "SENT" not in [part["status"] for part in withdrawal["parts"]]
        for part in withdrawal["parts"]:
            burning = part["status"] == "BURNING"  # its bank has agreed, and may still pay
            last.held[part["mark"]] -= part["amount"] if burning else 0
    assert not +last.held, "an order that ended still holds something"


@generated(100)
@given(chance=CHANCES)
def test_without_an_order_nothing_of_the_victims_becomes_less(chance: Random) -> None:
    attack(funded_market(), chance, [], [])


@generated(150)
@given(chance=CHANCES)
def test_with_signed_orders_the_victim_gives_only_within_their_limits(chance: Random) -> None:
    market = funded_market()
    signed = []
    for number in range(1, 5):
        asset = chance.choice((WHOLE, TENTHS))
        side = chance.choice(tuple(Side))
        price, quantity = chance.choice((1, 2, 5)), chance.choice((10, 20, 40))
        matchers = chance.choice(((), (), (MATCHER_B,)))
        signed.append(
            market.order(
                VICTIM, side, asset, price, quantity, number=f"n{number}", matchers=matchers,
                broadcast=chance.random() < 0.5,
            )
        )  # fmt: skip
    withdrawals = []
    for tx in ("w1", "w2"):
        amount = chance.choice((5, 100, 1_200))
        marks = [MARK_A, MARK_B]
        withdrawals.append(market.withdraw("alice", ALICE, VICTIM, amount, marks, tx=tx))
    attack(market, chance, signed, withdrawals)
