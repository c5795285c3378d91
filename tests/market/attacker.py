"""An attacker with every key but one: fills messages with all that was ever signed, by chance."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from msgspec.structs import replace

from ufmi.crypto import sm3_hex
from ufmi.errors import UfmiError
from ufmi.protocol import AMOUNT_MAX, FORMS, Line, Message, Side
from ufmi.protocol.codes import user_id
from ufmi.protocol.governance import KINDS_EXPIRING
from ufmi.protocol.settlement import Leg
from ufmi.protocol.users import X2, Proof
from ufmi.protocol.withdrawals import Y2

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
    REGULATOR,
    SignedOrder,
    address,
    digest,
    public_key,
    signed_order,
    signer,
)
from .market import ALICE, BOB, MARK_A, MARK_B, TENTHS, WALLETS, WHOLE, Market

VICTIM = "alice"
HOME = address(VICTIM)
# The victim's other wallet and everybody else are the attacker's.
ATTACKER_NAMES = (*OPERATORS, "frontend", "alice-2", "bob", "carol", "mallory")
INSTITUTIONS = (MARKET, BROKER_A, BROKER_B, BANK_A, BANK_B, REGISTRY, MATCHER_A, MATCHER_B)


class Attacker:
    """Knows everything that was ever signed and fills messages with it, by chance."""

    def __init__(
        self, market: Market, chance: Random, signed: list[SignedOrder], withdrawals: list[Y2]
    ) -> None:
        self.market = market
        self.chance = chance
        self.signed = signed
        self.withdrawals = withdrawals  # with what the victim signed for them
        self.asked: list[Y2] = []
        self.own: list[SignedOrder] = []
        self.sent: list[Message] = []
        bind = market.proof(VICTIM, BROKER_A, "old", f"{VICTIM} at {BROKER_A}")
        self.proofs = [bind]
        forgery = market.proof("mallory", BROKER_A, "t1", "x")
        self.pools = self._pools()
        self.pools["proofs"] = [(bind,), (forgery,), (Proof(bind.bind, forgery.signature),), ()]
        self.pools["add"] = self.pools["proofs"]
        self.pools["proof"] = self.pools["proofs"][:3]

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
            "subject": [*homes, *INSTITUTIONS, WHOLE, TENTHS, self.market.network],
            "kind": [*KINDS_EXPIRING, "PARTY", "ADDRESS", "ASSET", "NETWORK"],
            "status": ["ACTIVE", "ACTIVE", "ACTIVE", "FROZEN", "HALTED", "SUSPENDED"],
            "manager": [REGISTRY, MATCHER_A, MATCHER_B],
            "subscribe": [True, False],
            "remove": [(), (HOME,), (address("bob"),)],
            "addresses": [(), (HOME,), (address("mallory"),), (HOME, address("mallory"))],
            "bank_document": ["", sm3_hex(b"document")],
            "registry_document": ["", sm3_hex(b"document")],
            "rules": [1, 2],
            "by": [*homes, MATCHER_A],
            "publisher": [MATCHER_A, MATCHER_B],
            "adopted": [True, False],
            "burn": [True, True, False],
            "moved": [True, False],
            "received": [True, False],
            "attempt": [0, 1, 2],
            "paying": [BANK_A, BANK_B],
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
        proposed = [one for one in self.sent if one.NAME in ("ADMIT", "REVOKE", "STATUS")]
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
            "REGULATOR": (REGULATOR,),
        }
        role = self.chance.choice(sorted(role for role in kind.ROLES if role in fitting))
        return self.chance.choice(fitting[role])

    def any_message(self) -> Line:
        known = {*self.pools, "tx", "sender", "valid_until", "answered"}
        kinds = [
            one
            for one in FORMS.values()
            if issubclass(one, Message)
            and not one.QUERY
            and known.issuperset(one.__struct_fields__)
        ]
        kind = self.chance.choice(kinds)
        return self.line(self.fill(kind, self.sender_for(kind)))

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
        one = self.chance.choice(orders)
        matcher = self.chance.choice((MATCHER_A, MATCHER_B))
        ways: list[Message] = [self.market.expire_order(one), self.market.s2(one, matcher)]
        ways += [self.market.cancel(one), self.market.adopt(one, MATCHER_B)]
        return self.line(self.chance.choice(ways))

    # -- withdrawals and addresses ------------------------------------------------------------

    def withdraw(self) -> Line:
        """As the victim signed it, or changed, under his signature or under another's."""
        market, chance = self.market, self.chance
        marks = chance.choice(([MARK_A, MARK_B], [MARK_A], [MARK_B]))
        if self.withdrawals and chance.random() < 0.6:
            y2 = chance.choice(self.withdrawals)
        else:
            wallet = chance.choice((VICTIM, "bob"))
            unified = ALICE if wallet == VICTIM else BOB
            by = {"by": "mallory"} if wallet == VICTIM else {}
            amount = chance.choice((1, 100, 500))
            y2 = market.withdraw(wallet, unified, wallet, amount, marks, signed=by)
        order = y2.order
        change: dict[str, Any] = chance.choice(
            [{}, {}, {}, {}, {"amount": order.amount + 1}, {"payee": sm3_hex(b"mallory")},
             {"bank": BANK_B}, {"number": market.new_tx()}, {"key": public_key("mallory")},
             {"valid_until": order.valid_until + DAY_MS}]
        )  # fmt: skip
        changed = replace(order, **change)
        signature = y2.signature
        if "key" in change:
            signature = signer("mallory").sign(changed.text().encode()).hex()
        y2 = replace(
            y2, order=changed, signature=signature, tx=changed.number, amount=changed.amount,
            bank=changed.bank, marks=tuple(marks), valid_until=market.now + DAY_MS,
        )  # fmt: skip
        self.asked.append(y2)
        return self.line(y2)

    def withdrawal_step(self) -> Line:
        """A bank burns, moves, credits or refuses, whether it is its turn or not."""
        chance = self.chance
        records = {
            one.tx: json.loads(raw)
            for one in self.asked
            if (raw := self.market.state.get(f"withdrawal/{one.address}/{one.tx}"))
        }
        known = [one for one in self.asked if digest(one) == self._answered(records, one)]
        if not known:
            return self.withdraw()
        y2 = chance.choice(known)
        part, yes = chance.choice(records[y2.tx]["parts"]), chance.random() < 0.7
        bank, amount = part["bank"], part["amount"] + chance.choice((0, 0, 0, 0, 1))
        attempt = chance.choice(range(99))
        ways: list[Message] = [
            self.market.burn(y2, bank, amount, yes),
            self.market.moved(y2, bank, amount, yes, attempt),
            self.market.credited(y2, bank, amount, yes, attempt),
            self.market.expire("WITHDRAWAL", y2.address, y2.tx),
        ]
        return self.line(chance.choice(ways))

    @staticmethod
    def _answered(records: dict[str, Any], y2: Y2) -> str:
        return str(records.get(y2.tx, {}).get("answered"))

    def change_addresses(self) -> Line:
        """The victim's account gets the attacker's addresses, or loses the victim's."""
        gone = self.chance.choice(([], [VICTIM]))
        come = self.chance.choice(([], ["mallory"], [VICTIM]))
        by = self.chance.choice(("", "mallory", "alice-2"))
        x2 = self.market.x2("alice", ALICE, gone, come, by=by)
        ways: list[Message] = [self.market.x2_bank(x2, "alice"), x2, x2, x2]
        earlier = [one for one in self.sent if isinstance(one, X2)]
        if earlier:
            last = earlier[-1]
            ways += [self.market.x2_bank(last, "alice"), self.market.x2_registry(last, "alice")]
            ways += [self.market.x2_update(last, "alice")]
        return self.line(self.chance.choice(ways))

    def step(self) -> None:
        """One batch of what comes to his mind; now and then time passes."""
        ways: list[Callable[[], Line]] = [self.any_message]
        ways += [self.order_of_his_own, self.order_of_the_victim]
        ways += [self.trade, self.trade, self.trade, self.end_order, self.approve]
        ways += [self.trade, self.trade, self.withdrawal_step]
        ways += [self.withdraw, self.withdrawal_step, self.withdrawal_step, self.change_addresses]
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
