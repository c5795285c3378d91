"""No sequence of messages moves, locks or burns a token without its owner's signature.

Every key but the victim's is in the attacker's hands: operators, brokers, banks, the registry,
matchers, other users, even the front-end's. He also has every text that the victim ever signed.
A bank may mint more to the victim; nothing of the victim's may become less, beyond the limits of
orders that the victim signed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ufmi.crypto import sm3_hex
from ufmi.errors import UfmiError
from ufmi.protocol import AMOUNT_MAX, FORMS, Line, Message, Side
from ufmi.protocol.codes import user_id
from ufmi.protocol.settlement import Leg
from ufmi.protocol.users import Proof

from .compare import records
from .drafts import (
    BANK_A,
    BANK_B,
    BROKER_A,
    BROKER_B,
    DAY_MS,
    MARKET,
    MATCHER_A,
    MATCHER_B,
    OPERATORS,
    REGISTRY,
    SignedOrder,
    address,
    public_key,
    signed_order,
    signer,
)
from .examples import generated
from .market import ALICE, BOB, MARK_A, MARK_B, TENTHS, WALLETS, WHOLE, Market, funded_market

VICTIM = "alice"
HOME = address(VICTIM)
# The victim's other wallet and everybody else are the attacker's.
ATTACKER_NAMES = (*OPERATORS, "frontend", "alice-2", "bob", "carol", "mallory")
INSTITUTIONS = (MARKET, BROKER_A, BROKER_B, BANK_A, BANK_B, REGISTRY, MATCHER_A, MATCHER_B)
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
        for [owner, asset], record in records(market.state, "holding"):
            if owner == HOME:
                self.free[asset] += record["quantity"]
        for [owner, number], order in records(market.state, "order"):
            if owner == HOME:
                self._take(number, order)
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


def assert_kept(first: Belongings, now: Belongings, signed: list[SignedOrder]) -> None:
    """The named property."""
    texts = {sm3_hex(one.order.text().encode()): one.order for one in signed}
    for number, order in now.orders.items():
        own = texts.get(order["text"])
        assert own is not None, f"nobody signed the order {number}"
        said = (own.number, own.asset, own.side, own.price, own.quantity, own.currency)
        assert said == (
            number, order["asset"], order["side"], order["price"], order["quantity"],
            order["currency"],
        )  # fmt: skip
    assert now.money() >= first.money() - now.spent + now.earned
    for asset in (WHOLE, TENTHS):
        brought = now.minted[asset] - first.minted[asset] + now.filled[asset]
        assert now.all[asset] == first.all[asset] + brought
    if not now.orders:
        # Without an order nothing is even locked, and no mark becomes another one.
        assert all(now.free[token] >= amount for token, amount in first.free.items())


class Attacker:
    """Knows everything that was ever signed and fills messages with it, by chance."""

    def __init__(self, market: Market, chance: Random, signed: list[SignedOrder]) -> None:
        self.market = market
        self.chance = chance
        self.signed = signed
        self.own: list[SignedOrder] = []
        self.sent: list[Message] = []
        bind = market.proof(VICTIM, BROKER_A, "old", f"{VICTIM} at {BROKER_A}")
        self.proofs = [bind]
        forgery = market.proof("mallory", BROKER_A, "t1", "x")
        self.pools = self._pools()
        self.pools["proofs"] = [(bind,), (forgery,), (Proof(bind.bind, forgery.signature),), ()]

    def _pools(self) -> dict[str, list[Any]]:
        """Values for every field of every message, by the field's name."""
        homes = [HOME, HOME, HOME, *[address(name) for name in ("bob", "mallory", "alice-2")]]
        users = [f"{who} at {at}" for who in ("alice", "bob") for at in (BROKER_A, BANK_A)]
        amounts = [1, 5, 10, 100, 1_000, AMOUNT_MAX - 1_000_000]
        keys = [public_key(name) for name in (VICTIM, "bob", "mallory", *OPERATORS)]
        return {
            "network": [self.market.network],
            "ag": [BROKER_A, BROKER_B],
            "bank": [BANK_A, BANK_B],
            "registry": [REGISTRY],
            "unified": [ALICE, ALICE, BOB, user_id(9)],
            "broker_user": users,
            "bank_user": users,
            "registry_user": users,
            "person": [sm3_hex(b"person alice"), sm3_hex(b"person bob")],
            "document": ["", sm3_hex(b"document")],
            "registry_asset": ["600001", "600002"],
            "currency": ["CNY"],
            "amount": amounts,
            "quantity": amounts[:4],
            "unit": [2],
            "address": homes,
            "mark": [MARK_A, MARK_B],
            "asset": [WHOLE, TENTHS],
            "locked": [True, False],
            "accepted": [True, False],
            "decimals": [0, 1, 2],
            "name": ["name"],
            "asset_class": ["STOCK"],
            "market": [MARKET],
            "party": list(INSTITUTIONS),
            "role": ["BROKER", "BANK", "REGISTRY", "MATCHER"],
            "key": keys,
            "subject": [*homes, *INSTITUTIONS],
            "kind": ["ORDER", "DEPOSIT", "ONCHAIN", "LISTING"],
            "owner": [*homes, BROKER_A],
            "number": ["n1", "n2", "n3", "t1", "t2"],
            "side": ["BUY", "SELL"],
            "price": [1, 2, 3, 10],
            "trade_time": [self.market.now],
        }

    def fill(self, kind: type[Message], sender: str) -> Message:
        """A message of this kind with values from everywhere."""
        values: dict[str, Any] = {}
        answered = [one for one in self.sent if kind.NAME.startswith(one.NAME + ".")]
        model = self.chance.choice(answered[-4:]) if answered else None
        for name in kind.__struct_fields__:
            pool = self.pools.get(name, [""])
            values[name] = self.chance.choice(pool)
            if model is not None and name in model.__struct_fields__ and name not in ("sender",):
                # An answer repeats its instruction, most often.
                values[name] = getattr(model, name) if self.chance.random() < 0.9 else values[name]
        if model is not None and hasattr(model, "asset"):
            values["asset"] = model.asset
        if model is not None and hasattr(model, "mark"):
            values["mark"] = model.mark
        if "answered" in values:
            text = model.text() if model else "none"
            values["answered"] = sm3_hex(text.encode())
        if model is None and self.chance.random() < 0.8:
            values |= {name: one for name, one in self.profile(sender).items() if name in values}
        values["tx"] = model.tx if model else self.chance.choice(["", self.market.new_tx()]) or "n1"
        values["sender"] = sender
        values["valid_until"] = self.market.now + DAY_MS
        return kind(**{name: values[name] for name in kind.__struct_fields__})

    def profile(self, sender: str) -> dict[str, Any]:
        """Fields that fit together, for a registration, a deposit or a holding."""
        wallet = self.chance.choice([VICTIM, *WALLETS])
        who, unified, broker, bank = WALLETS[wallet]
        wallet = self.market.keys.get(sender, wallet)
        ids = {"broker_user": f"{who} at {broker}", "bank_user": f"{who} at {bank}"}
        subject = self.chance.choice((VICTIM, "bob"))
        return ids | {
            "ag": sender if sender in (BROKER_A, BROKER_B) else broker,
            "unified": unified,
            "bank": bank,
            "address": sender if sender[0] == "u" else address(wallet),
            "subject": address(subject),
            "key": public_key(subject),
        }

    def approve(self) -> Line:
        """Another operator key for what one has proposed, such as the victim's revocation."""
        proposed = [one for one in self.sent if one.NAME in ("ADMIT", "REVOKE")]
        if not proposed:
            return self.any_message()
        message = self.chance.choice(proposed[-3:])
        return self.line(replace(message, sender=address(self.chance.choice(OPERATORS))))

    def sender_for(self, kind: type[Message]) -> str:
        fitting = {
            "BROKER": (BROKER_A, BROKER_B),
            "BANK": (BANK_A, BANK_B),
            "REGISTRY": (REGISTRY,),
            "MATCHER": (MATCHER_A, MATCHER_A, MATCHER_B),
            "WALLET": [address(name) for name in ("bob", "alice-2", "mallory")],
            "OPERATOR": [address(name) for name in OPERATORS],
        }
        role = self.chance.choice(sorted(role for role in kind.ROLES if role in fitting))
        return self.chance.choice(fitting[role])

    def any_message(self) -> Line:
        known = {*self.pools, "tx", "sender", "valid_until", "answered"}
        kinds = [
            one
            for one in FORMS.values()
            if issubclass(one, Message) and known.issuperset(one.__struct_fields__)
        ]
        kind = self.chance.choice(kinds)
        message = self.fill(kind, self.sender_for(kind))
        return self.line(message)

    def line(self, message: Message) -> Line:
        """Signed with the sender's key; the victim's own name with anybody else's."""
        self.sent.append(message)
        by = self.market.keys.get(message.sender, message.sender)
        if by == VICTIM:
            by = self.chance.choice(ATTACKER_NAMES)
        text = message.text()
        return Line(text, signer(by).sign(text.encode()).hex())

    def order_of_his_own(self) -> Line:
        """Orders of the attacker against which the victim's may be settled."""
        signed = self.market.order(
            self.chance.choice(("bob", "carol")),
            self.chance.choice(tuple(Side)),
            self.chance.choice((WHOLE, TENTHS)),
            self.chance.choice((1, 2, 5, 10, 30)),
            self.chance.choice((1, 5, 10, 40)),
        )
        self.own.append(signed)
        return self.line(self.market.s1(signed, self.chance.choice((MATCHER_A, MATCHER_B))))

    def order_of_the_victim(self) -> Line:
        """As he signed it, or changed, under his signature or under another's."""
        forged = self.market.order(VICTIM, Side.SELL, WHOLE, 1, 10, by="mallory")
        signed = self.chance.choice([*self.signed, forged])
        order = signed.order
        change = self.chance.choice(
            [{}, {}, {}, {}, {}, {"quantity": order.quantity + 10}, {"price": order.price + 1},
             {"number": self.market.new_tx()}, {"key": public_key("mallory")},
             {"valid_until": order.valid_until + DAY_MS}, {"matchers": ()}]
        )  # fmt: skip
        changed = SignedOrder(replace(order, **change), signed.signature)
        if "key" in change:
            changed = signed_order(changed.order, "mallory")
        return self.line(self.market.s1(changed, self.chance.choice((MATCHER_A, MATCHER_B))))

    def trade(self) -> Line:
        """A settlement of the victim's orders against others, fair or not."""
        asset = self.chance.choice((WHOLE, TENTHS))
        matcher = self.chance.choice((MATCHER_A, MATCHER_A, MATCHER_B))
        orders = [one for one in (*self.signed, *self.own) if one.order.asset == asset]
        if self.chance.random() < 0.9:
            orders = [one for one in orders if self.publisher(one) == matcher]
        buys = [one for one in orders if one.order.side is Side.BUY]
        sells = [one for one in orders if one.order.side is Side.SELL]
        if not (buys and sells):
            return self.order_of_his_own()
        named: list[SignedOrder] = []
        legs = []
        for _ in range(self.chance.choice((1, 1, 1, 2, 3))):
            buy, sell = self.chance.choice(buys), self.chance.choice(sells)
            named += [one for one in (buy, sell) if one not in named]
            limits = [buy.order.price, sell.order.price]
            price = self.chance.choice((*limits * 3, 1, 100))
            quantity = self.chance.choice((1, 5, 10, 10, 40))
            legs.append(Leg(named.index(buy), named.index(sell), quantity, price))
        return self.line(self.market.t1(named, legs, matcher))

    def publisher(self, signed: SignedOrder) -> str:
        raw = self.market.state.get(f"order/{signed.order.address}/{signed.order.number}")
        return str(json.loads(raw)["publisher"]) if raw else ""

    def end_order(self) -> Line:
        orders = [*self.signed, *self.own]
        if not orders:
            return self.any_message()
        return self.line(self.market.expire_order(self.chance.choice(orders)))

    def step(self) -> None:
        """One batch of what comes to his mind; now and then time passes."""
        ways: list[Callable[[], Line]] = [self.any_message]
        ways += [self.order_of_his_own, self.order_of_the_victim]
        ways += [self.trade, self.trade, self.trade, self.end_order, self.approve]
        lines = []
        for _ in range(self.chance.randint(1, 4)):
            try:
                lines.append(self.chance.choice(ways)())
            except UfmiError:
                continue
        if lines:
            users = [self.chance.choice(["", ALICE, user_id(9)]) for _ in lines]
            self.market.execute(lines, users)
        if self.chance.random() < 0.03:
            self.market.advance(DAY_MS // 2 + 1)


def attack(market: Market, chance: Random, signed: list[SignedOrder], steps: int = 40) -> None:
    """Lets the attacker work, checks after every batch, and ends all orders of the victim."""
    # Whether contract and model agree is not asked here: the victim's belongings are.
    market.model = None
    first = Belongings(market)
    attacker = Attacker(market, chance, signed)
    for _ in range(steps):
        attacker.step()
        assert_kept(first, Belongings(market), signed)
    market.advance(3 * DAY_MS)
    for one in signed:
        market.execute([market.line(market.expire_order(one, address("frontend")))])
    last = Belongings(market)
    assert_kept(first, last, signed)
    assert not +last.held, "an order that ended still holds something"


@generated(100)
@given(chance=CHANCES)
def test_without_an_order_nothing_of_the_victims_becomes_less(chance: Random) -> None:
    attack(funded_market(), chance, [])


@generated(100)
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
                VICTIM, side, asset, price, quantity, number=f"n{number}", matchers=matchers
            )
        )
    attack(market, chance, signed)
