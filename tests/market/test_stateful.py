"""Random interleavings of all messages, valid and hostile: the contract and the model agree.

`Market.execute` compares results and whole state with the model after every batch, and checks the
invariants. Several lines go into one transaction, so lines of a batch conflict with each other.
"""

from __future__ import annotations

from random import Random, SystemRandom
from typing import Any

import pytest
from msgspec.structs import replace

from ufmi.protocol import Side
from ufmi.protocol.codes import user_id
from ufmi.protocol.settlement import Leg

from .drafts import (
    BANK_A,
    BANK_B,
    BROKER_A,
    BROKER_B,
    ELSEWHERE,
    MATCHER_A,
    MATCHER_B,
    SignedOrder,
    address,
    public_key,
    signed_order,
)
from .examples import EXAMPLES, generated
from .machine import AT, FIELD_TWISTS, NAMED, PEOPLE, TWISTS, move, moves_of, pick
from .machine_changes import ChangingMachine
from .market import ALICE, NEWCOMERS, TENTHS, WALLETS, WHOLE


class MarketMachine(ChangingMachine):
    """A market that all sorts of parties send to."""

    # -- users and assets ---------------------------------------------------------------------

    @move(3, at=AT, wallet=AT, broker=(True, False), joins=AT, twist=TWISTS, wrong=FIELD_TWISTS)
    def register_user(
        self, at: int, wallet: int, broker: bool, joins: int, twist: str, wrong: int
    ) -> None:
        who = pick(PEOPLE, at)
        known = ["", "", *sorted({user for _, user, _, _ in WALLETS.values()}), user_id(at % 9)]
        ag, bank = (BROKER_A, BANK_A) if broker else (BROKER_B, BANK_B)
        wallets = [pick((*NEWCOMERS, *WALLETS), wallet)]
        if wrong == 1:
            wallets.append(pick(NEWCOMERS, at))
        x1 = self.market.x1(who, wallets, broker=ag, bank=bank, unified=pick(known, joins))
        proof = x1.proofs[0]
        if wrong == 2:
            proof = self.market.proof(wallets[0], ag, x1.tx, x1.broker_user, by="bob")
        elif wrong == 3:
            proof = self.market.proof(wallets[0], ag, "other", x1.broker_user)
        elif wrong == 4:
            until = self.market.now - 1
            proof = self.market.proof(wallets[0], ag, x1.tx, x1.broker_user, valid_until=until)
        elif wrong == 5:
            x1 = replace(x1, bank=pick(NAMED, at))
        x1 = replace(x1, proofs=(proof, *x1.proofs[1:]))
        self.users += 1
        user = user_id(self.users) if at % 7 else user_id(at % 4)
        self.made["X1"].append((x1, x1.unified or user))
        self.send(x1, twist, at, "" if x1.unified or at % 11 == 0 else user)

    @move(6, at=AT, bank=(True, False), yes=(True, False), twist=TWISTS, wrong=FIELD_TWISTS)
    def confirm_user(self, at: int, bank: bool, yes: bool, twist: str, wrong: int) -> None:
        if not self.made["X1"]:
            return
        x1, unified = pick(self.made["X1"][-3:], at)
        if wrong == 1:
            unified = ALICE
        make = self.market.x1_bank if bank else self.market.x1_registry
        message = make(x1, unified, accepted=yes or at % 3 > 0)
        if wrong == 2:
            message = replace(message, answered=ELSEWHERE)
        elif wrong == 3:
            message = replace(message, **{"bank_user" if bank else "registry_user": "other"})
        self.send(message, twist, at)

    @move(2, at=AT, twist=TWISTS, wrong=FIELD_TWISTS)
    def list_asset(self, at: int, twist: str, wrong: int) -> None:
        p1 = self.market.p1(f"60000{at % 4 + 1}", pick((BANK_A, BANK_B), at))
        if wrong == 1:
            p1 = replace(p1, currency="USD")
        elif wrong == 2:
            p1 = replace(p1, registry=pick(NAMED, at))
        elif wrong == 3:
            p1 = replace(p1, ag=BROKER_B)
        self.made["P1"].append(p1)
        self.send(p1, twist, at)

    @move(2, at=AT, yes=(True, False), twist=TWISTS, wrong=FIELD_TWISTS)
    def describe_asset(self, at: int, yes: bool, twist: str, wrong: int) -> None:
        if not self.made["P1"]:
            return
        message = self.market.p1_registry(pick(self.made["P1"], at), accepted=yes, decimals=at % 2)
        if wrong == 1:
            message = replace(message, currency="HKD")
        elif wrong == 2:
            message = replace(message, registry_asset="600009")
        elif wrong == 3:
            message = replace(message, answered=ELSEWHERE)
        self.send(message, twist, at)

    # -- value --------------------------------------------------------------------------------

    @move(4, at=AT, goal=AT, amount=range(1, 301), twist=TWISTS, wrong=FIELD_TWISTS)
    def deposit(self, at: int, goal: int, amount: int, twist: str, wrong: int) -> None:
        payer = pick(list(WALLETS), at)
        who, unified, broker, bank = WALLETS[payer]
        wallet = payer if goal % 3 else pick((*WALLETS, "dora"), goal)
        y1 = self.market.y1(who, unified, wallet, amount, broker=broker, bank=bank)
        if wrong == 1:
            y1 = replace(y1, unit=3)
        elif wrong == 2:
            y1 = replace(y1, currency="USD")
        elif wrong == 3:
            y1 = replace(y1, bank=pick(NAMED, at))
        elif wrong == 4:
            y1 = replace(y1, unified=user_id(at % 9 + 1))
        elif wrong == 5:
            y1 = replace(y1, ag=BROKER_B)
        self.made["Y1"].append(y1)
        self.send(y1, twist, at)

    @move(3, at=AT, goal=AT, quantity=range(1, 100), twist=TWISTS, wrong=FIELD_TWISTS)
    def bring(self, at: int, goal: int, quantity: int, twist: str, wrong: int) -> None:
        owner = pick(list(WALLETS), at)
        who, unified, broker, _ = WALLETS[owner]
        number = f"60000{at % 3 + 1}"
        z1 = self.market.z1(who, unified, owner, number, quantity, broker=broker)
        if wrong == 1:
            z1 = replace(z1, address=address(pick(list(WALLETS), goal)))
        elif wrong == 2:
            z1 = replace(z1, unified=user_id(goal % 9 + 1))
        elif wrong == 3:
            z1 = replace(z1, registry=pick(NAMED, at))
        elif wrong == 4:
            z1 = replace(z1, broker_user="other")
        self.made["Z1"].append(z1)
        self.send(z1, twist, at)

    @move(10, at=AT, cash=(True, False), yes=range(5), twist=TWISTS, wrong=FIELD_TWISTS)
    def lock(self, at: int, cash: bool, yes: int, twist: str, wrong: int) -> None:
        made = self.made["Y1" if cash else "Z1"]
        if not made:
            return
        asked = pick(made[-4:], at)
        make: Any = self.market.y1_locked if cash else self.market.z1_locked
        message = make(asked, bool(yes))
        if wrong == 1:
            message = replace(message, **{"amount" if cash else "quantity": 5_000})
        elif wrong == 2:
            message = replace(message, answered=ELSEWHERE)
        elif wrong == 3:
            message = replace(message, address=address(pick(list(WALLETS), at)))
        self.send(message, twist, at)

    @move(
        14,
        at=AT,
        wallet=(*["alice", "bob", "carol"] * 6, "alice-2", "dora"),
        side=tuple(Side),
        price=range(1, 7),
        quantity=(1, 2, 5, 10, 10, 20, 20, 40, 200),
        publish=range(10),
        twist=TWISTS,
        wrong=(*[0] * 16, *range(1, 11)),
    )
    def order(
        self, at: int, wallet: str, side: Side, price: int, quantity: int, publish: int,
        twist: str, wrong: int,
    ) -> None:  # fmt: skip
        asset = WHOLE if at % 3 else TENTHS
        if asset == TENTHS:
            quantity *= 5
        matcher = MATCHER_B if at % 8 == 0 else MATCHER_A
        if side is Side.BUY:
            price += 2
        changes: dict[str, Any] = {
            1: {"by": "bob"},
            2: {"key": public_key("bob"), "by": "bob"},
            3: {"matchers": (MATCHER_B,)},
            4: {"valid_until": self.market.now - 1},
            5: {"network": ELSEWHERE},
            6: {"currency": "USD"},
            7: {"asset_class": "BOND"},
            8: {"number": "n1"},
            9: {"asset": pick((WHOLE, TENTHS, "A" * 17 + "00"), at)},
        }.get(wrong, {})
        if wrong == 9:
            changes = {"valid_until": self.market.now + 1_000}
        changes.setdefault("broadcast", at % 4 < 2)
        signed = self.market.order(wallet, side, asset, price, quantity, **changes)
        self.orders.append(signed)
        if publish:
            s1 = self.market.s1(signed, matcher)
            if wrong == 10:
                s1 = replace(s1, side=Side.BUY if side is Side.SELL else Side.SELL)
            self.send(s1, twist, at)

    @move(3, at=AT, twist=TWISTS, changed=range(4))
    def publish_again(self, at: int, twist: str, changed: int) -> None:
        if self.orders:
            signed = pick(self.orders, at)
            if changed == 1:
                # More than the owner signed for, under his signature.
                order = replace(signed.order, quantity=signed.order.quantity * 2)
                signed = SignedOrder(order, signed.signature)
            elif changed == 2:
                order = replace(signed.order, number=self.market.new_tx())
                signed = signed_order(order, "fritz")
            self.send(self.market.s1(signed, pick((MATCHER_A, MATCHER_B), at)), twist, at)

    @move(
        20,
        at=AT,
        other=AT,
        pairs=range(1, 4),
        whole=range(4),
        price=range(8),
        twist=TWISTS,
        wrong=FIELD_TWISTS,
    )
    def settle(
        self, at: int, other: int, pairs: int, whole: int, price: int, twist: str, wrong: int
    ) -> None:
        """One to three legs between orders that may or may not fit."""
        orders = self._matching(at, other) if price else self.orders
        buys = [one for one in orders if one.order.side is Side.BUY]
        sells = [one for one in orders if one.order.side is Side.SELL]
        if not (buys and sells):
            return
        named: list[SignedOrder] = []
        legs = []
        for step in range(pairs):
            buy = pick(buys, at + step)
            fitting = [one for one in sells if one.order.price <= buy.order.price]
            sell = pick(fitting if fitting and price > 1 else sells, other + step // 2)
            named += [one for one in (buy, sell) if one not in named]
            most = min(self._rest(buy), self._rest(sell))
            quantity = max(1, most) if whole else 1 + other % max(1, most + 1)
            limits = (sell.order.price, buy.order.price)
            at_price = max(1, price) if wrong == 1 else pick(limits, at)
            legs.append(Leg(named.index(buy), named.index(sell), quantity, at_price))
        t1 = self.market.t1(named, legs, MATCHER_B if at % 8 == 0 else MATCHER_A)
        if wrong == 2:
            t1 = replace(t1, quantity=t1.quantity + 1)
        elif wrong == 3:
            t1 = replace(t1, price=t1.price + 1)
        elif wrong == 4:
            t1 = replace(
                t1, legs=(*t1.legs, Leg(at % 4, other % 4, 1, 1)), quantity=t1.quantity + 1
            )
        elif wrong == 5:
            first = replace(t1.orders[0], asset=TENTHS)
            t1 = replace(t1, orders=(first, *t1.orders[1:]))
        self.send(t1, twist, at)

    def _matching(self, at: int, other: int) -> list[SignedOrder]:
        """Open orders of one asset published by one matcher."""
        model = self.market.model
        assert model is not None
        self.flush()
        asset = WHOLE if at % 3 else TENTHS
        matcher = MATCHER_B if at % 8 == 0 else MATCHER_A
        found = []
        for one in self.orders:
            record = model.orders.get((one.order.address, one.order.number))
            if not record or one.order.asset != asset:
                continue
            if matcher not in (record["publisher"], *record["adopters"]):
                continue
            if record["state"] == "OPEN" or other % 5 == 0:
                found.append(one)
        return found

    def _rest(self, signed: SignedOrder) -> int:
        model = self.market.model
        assert model is not None
        record = model.orders.get((signed.order.address, signed.order.number))
        return record["rest"] if record else signed.order.quantity

    def teardown(self) -> None:
        self.flush()


TestMarketMachine = MarketMachine.TestCase
TestMarketMachine.settings = generated(40, 50)

WALKS, STEPS = EXAMPLES or 80, 200


@pytest.mark.parametrize("seed", range(4))
def test_random_walks(seed: int) -> None:
    """The same moves by plain chance: longer and more evenly than hypothesis draws them."""
    if EXAMPLES:
        seed = SystemRandom().randrange(2**32)
        print(f"seed {seed}")
    chance = Random(seed)
    moves = moves_of(MarketMachine)
    weights = [often for _, often, _ in moves]
    for _ in range(WALKS // 4):
        machine = MarketMachine()
        for name, _, choices in chance.choices(moves, weights, k=STEPS):
            drawn = {argument: chance.choice(values) for argument, values in choices.items()}
            getattr(machine, name)(**drawn)
        machine.flush()
