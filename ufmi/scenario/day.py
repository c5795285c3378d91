"""A day of a market, made by rules: brokers, banks, registries, matchers, and many users.

Every message at least once, accepted and refused, with the result that each step expects and what
every user has at the end, added up here by hand.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ufmi.scenario.model import AssetSpec, PartySpec, Scenario, Step, UserSpec

BROKERS, BANKS = ("lotus", "pine", "cedar"), ("harbour", "river", "hill")
REGISTRIES, MATCHERS = ("north", "south"), ("centre", "east")
ASSETS = {"north": "tea", "south": "silk"}
CASH = 2_000_000  # of every user at his bank, in fen
UNITS = 500  # of every user at his registry
USERS_LEAST = 12


def day(users: int = 100) -> Scenario:
    """The scenario; `users` from USERS_LEAST on, in pairs of a seller and a buyer."""
    if users < USERS_LEAST or users % 2:
        raise ValueError(f"needs an even number of users, {USERS_LEAST} or more")
    return _Day(users).scenario()


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


class _Day:
    """The steps, and what they should come to."""

    def __init__(self, users: int) -> None:
        self.users = [f"u{number:03d}" for number in range(1, users + 1)]
        self.steps: list[Step] = []
        self.free: dict[str, dict[str, int]] = {user: defaultdict(int) for user in self.users}

    def scenario(self) -> Scenario:
        self._subscribe()
        self._bring()
        self._trade()
        self._orders_that_end()
        self._withdraw()
        self._update()
        self._refusals()
        self._standing()
        return Scenario(
            title="A day of a market",
            parties=_parties(),
            assets={
                "tea": AssetSpec("north", "600001", "Tea House Co. shares", broker="lotus"),
                "silk": AssetSpec(
                    "south", "700001", "Silk Mill Co. bonds", "BOND", 1, broker="pine"
                ),
            },
            users={user: self._spec(user) for user in self.users},
            steps=self.steps,
            final={
                user: {
                    item: _yuan(amount) if item == "CNY" else str(amount)
                    for item, amount in self.free[user].items()
                }
                for user in self.users
            },
        )

    def _spec(self, user: str) -> UserSpec:
        at = self.users.index(user)
        registry = REGISTRIES[at // 2 % 2]
        return UserSpec(
            broker=BROKERS[at % 3],
            bank=BANKS[at // 3 % 3],
            registry=registry,
            cash={"CNY": _yuan(CASH)},
            assets={ASSETS[registry]: str(UNITS)},
        )

    def _do(self, do: str, say: str = "", expect: str = "", **fields: Any) -> None:
        self.steps.append(Step(do=do, say=say, expect=expect, **fields))

    def _pairs(self) -> list[tuple[int, str, str, str]]:
        """Number, seller, buyer, and the asset that the seller has."""
        return [
            (at // 2, self.users[at], self.users[at + 1], ASSETS[REGISTRIES[at // 2 % 2]])
            for at in range(0, len(self.users), 2)
        ]

    # -- the morning ------------------------------------------------------------------------

    def _subscribe(self) -> None:
        for registry, asset in ASSETS.items():
            self._do("subscribe", "The registries follow their assets", party=registry, asset=asset)
        for bank in BANKS:
            self._do("receiving", "The banks name their receiving addresses", party=bank)
        self._do("subscribe", "One matcher follows everything", matcher="east")
        self._do(
            "subscribe", "the other only offers of one asset",
            matcher="centre", asset="silk", side="sell",
        )  # fmt: skip
        self._do(
            "subscribe", "A registry cannot follow what another one registered",
            "NOT_REGISTRAR", party="south", asset="tea",
        )  # fmt: skip

    def _bring(self) -> None:
        for number, seller, buyer, asset in self._pairs():
            self._do("onchain", user=seller, asset=asset, quantity="300")
            self.free[seller][asset] = 300
            fen = 1_000_000 + 10_000 * number
            self._do("deposit", name=f"deposit {buyer}", user=buyer, amount=_yuan(fen))
            self.free[buyer]["CNY"] = fen
        self._do(
            "deposit", "A user has not that much cash: the bank does not lock",
            user=self.users[0], amount="90000000.00",
        )  # fmt: skip

    # -- trading ----------------------------------------------------------------------------

    def _trade(self) -> None:
        for number, seller, buyer, asset in self._pairs():
            publisher, other = MATCHERS if number % 2 else MATCHERS[::-1]
            ask, bid = 1_000 + 10 * number, 1_050 + 10 * number
            broadcast = number % 3 == 0
            self._do(
                "order", name=f"{seller} sells", user=seller, side="sell", asset=asset,
                quantity="100", price=_yuan(ask), matcher=publisher, broadcast=broadcast,
            )  # fmt: skip
            settler = publisher
            if broadcast:
                self._do("adopt", order=f"{seller} sells", matcher=other)
                settler = other
            self._do(
                "order", name=f"{buyer} buys", user=buyer, side="buy", asset=asset,
                quantity="80", price=_yuan(bid), matcher=settler,
            )  # fmt: skip
            self._do(
                "trade", buy=f"{buyer} buys", sell=f"{seller} sells", quantity="50",
                price=_yuan(ask), matcher=settler,
            )  # fmt: skip
            self._do(
                "trade", name=f"last trade {number}", buy=f"{buyer} buys",
                sell=f"{seller} sells", quantity="30", price=_yuan(bid), matcher=settler,
            )  # fmt: skip
            self._do(
                "trade", "Nothing is left of the bid", "ORDER_USED_UP", buy=f"{buyer} buys",
                sell=f"{seller} sells", quantity="1", price=_yuan(bid), matcher=settler,
            )  # fmt: skip
            paid = 50 * ask + 30 * bid
            self.free[seller][asset] -= 100  # 20 stay in the order
            self.free[seller]["CNY"] += paid
            self.free[buyer][asset] += 80
            self.free[buyer]["CNY"] -= paid

    def _orders_that_end(self) -> None:
        for number, seller, _, asset in self._pairs():
            publisher, other = MATCHERS if number % 2 else MATCHERS[::-1]
            if number % 3 == 0:
                self._do(
                    "cancel", "The publisher withdraws, the other matcher takes it down",
                    order=f"{seller} sells", matcher=publisher, party=other,
                )  # fmt: skip
                self.free[seller][asset] += 20
            elif number % 3 == 1:
                self._do("cancel", "The owner withdraws", order=f"{seller} sells", user=seller)
                self.free[seller][asset] += 20
        self._do(
            "cancel", "A cancelled order stays so", "ORDER_CLOSED",
            order=f"{self.users[0]} sells", user=self.users[0],
        )  # fmt: skip
        asset = ASSETS[REGISTRIES[0]]
        self._do(
            "order", "An order that nobody meets", name="late", user=self.users[0], side="sell",
            asset=asset, quantity="5", price="99.00", matcher="centre", lasts="1h",
        )  # fmt: skip
        self._do("wait", "ends by itself", time="2h")

    # -- the way back, updates --------------------------------------------------------------

    def _withdraw(self) -> None:
        for number, seller, _, _ in self._pairs():
            fen = 20_000 + number
            self._do("withdraw", user=seller, amount=_yuan(fen))
            self.free[seller]["CNY"] -= fen
        self._do(
            "withdraw", "Nobody withdraws more than he has", "INSUFFICIENT",
            user=self.users[0], amount="5000000.00",
        )  # fmt: skip

    def _update(self) -> None:
        owner, at_bank, at_registry, alone = self.users[1:8:2]
        self._do("update_user", "A user adds an address", user=owner, add="second")
        self._do("deposit", user=owner, wallet="second", amount="10.00")
        self._do(
            "update_user", "The bank agrees to another's", user=at_bank, add="second",
            agreed_by="bank",
        )  # fmt: skip
        self._do(
            "update_user", "The registry agrees to a third", user=at_registry, add="second",
            agreed_by="registry",
        )  # fmt: skip
        self._do(
            "update_user", "A broker alone cannot", user=alone, add="second", agreed_by="nobody"
        )
        self._do(
            "deposit", "so nothing comes there", "ADDRESS_MISMATCH", user=alone,
            wallet="second", amount="10.00",
        )  # fmt: skip
        self._do("update_user", "An address is removed", user=at_bank, remove="second")
        self._do(
            "deposit", "and takes in nothing any more", "ADDRESS_MISMATCH", user=at_bank,
            wallet="second", amount="10.00",
        )  # fmt: skip
        self._do("update_asset", "News about an asset", asset="silk", party="hill", text="Silk Co.")
        self._do("find_user", "Questions", user=owner)
        self._do("find_asset", asset="silk", party="river")
        self._do(
            "find_user", "of another broker", "ACCESS_DENIED", user=owner,
            party=BROKERS[(self.users.index(owner) + 1) % 3],
        )  # fmt: skip

    # -- what is refused, and who may take part ---------------------------------------------

    def _refusals(self) -> None:
        buyer = self.users[1]
        self._do("again", "A message comes twice", "PENDING", step=f"deposit {buyer}")
        self._do(
            "again", "and with another amount", "SIGNATURE_INVALID", step=f"deposit {buyer}",
            replace=",1000000,", by=",9000000,",
        )  # fmt: skip
        self._do(
            "again", "signed by the broker itself", "ID_REUSED", step=f"deposit {buyer}",
            replace=",1000000,", by=",9000000,", signed_by=self._spec(buyer).broker,
        )  # fmt: skip
        self._do(
            "order", "A forged order", "PROOF_INVALID", user=buyer, side="buy", asset="tea",
            quantity="1", price="1.00", matcher="centre", signed_by="centre",
        )  # fmt: skip
        self._do("send", "What is no message", "MALFORMED", party="lotus", text="Y1")

    def _standing(self) -> None:
        user = self.users[0]
        sell = {
            "user": user, "side": "sell", "asset": "tea", "quantity": "1", "price": "9.00",
            "matcher": "centre",
        }  # fmt: skip
        for kind, off, code, subject in (
            ("address", "frozen", "ADDRESS_FROZEN", {"user": user}),
            ("asset", "halted", "ASSET_INACTIVE", {"asset": "tea"}),
            ("party", "halted", "MARKET_HALTED", {"party": "exchange"}),
            ("party", "suspended", "PARTY_INACTIVE", {"party": "centre"}),
            ("network", "halted", "MARKET_HALTED", {}),
        ):
            self._do("status", f"{kind} {off}", kind=kind, status=off, **subject)
            self._do("order", "", code, **sell)
            self._do("status", "and back", kind=kind, status="active", **subject)
        self._do("activate", "Rules that no contract knows", "RULES_UNKNOWN", rules=9_000)
        self._do("rotate", "A bank changes its key", party="river")
        at = next(at for at, one in enumerate(self.users) if self._spec(one).bank == "river")
        self._do("deposit", "and goes on", user=self.users[at], amount="10.00")
        self.free[self.users[at]]["CNY"] += 1_000
        self._do("subscribe", "A subscription ends", matcher="east", refuse=True)
        self._do("revoke", "A stolen key is revoked", party="east")
        self._do("order", "and signs nothing any more", "KEY_REVOKED", **sell | {"matcher": "east"})


def _parties() -> dict[str, PartySpec]:
    parties = {"exchange": PartySpec("MXBJE", "MARKET", "Regional equity market")}
    for role, names in (("BROKER", BROKERS), ("MATCHER", MATCHERS), ("REGISTRY", REGISTRIES)):
        for name in names:
            id = f"N{name.upper():X<6}CNXXX"[:12]
            parties[name] = PartySpec(id, role, name.capitalize(), "MXBJE")
    for name in BANKS:
        parties[name] = PartySpec(f"N{name.upper():X<6}CNXXX"[:12], "BANK", name.capitalize())
    return parties
