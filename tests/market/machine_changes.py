"""What the generated tests send of updates, withdrawals, cancellations, keys and standing."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ufmi.protocol import Message
from ufmi.protocol.codes import mark_code

from .drafts import (
    BANK_A,
    BANK_B,
    BROKER_A,
    BROKER_B,
    ELSEWHERE,
    MARKET,
    MATCHER_A,
    MATCHER_B,
    OPERATORS,
    REGISTRY,
    REGULATOR,
    SignedOrder,
    address,
    public_key,
)
from .machine import AT, FIELD_TWISTS, NAMED, TWISTS, SendingMachine, move, pick
from .market import MARK_A, MARK_B, NEWCOMERS, TENTHS, WALLETS, WHOLE
from .model import Model

MATCHERS = (MATCHER_A, MATCHER_A, MATCHER_A, MATCHER_B)
STATUSES = ("FROZEN", "ACTIVE", "SUSPENDED", "ACTIVE", "HALTED", "ACTIVE", "ACTIVE", "ACTIVE")


class ChangingMachine(SendingMachine):
    """Adds to `SendingMachine` what changes and ends what there is."""

    @property
    def model(self) -> Model:
        assert self.market.model is not None
        return self.market.model

    def _is_open(self, kind: str, message: Message) -> bool:
        pending = self.model.pending.get((kind, message.sender, message.tx))
        return pending is not None and pending["state"] == "open"

    # -- users and assets ---------------------------------------------------------------------

    @move(
        4, at=AT, other=AT, remove=range(3), add=range(4), consent=range(3), twist=TWISTS,
        wrong=FIELD_TWISTS,
    )  # fmt: skip
    def update_user(
        self, at: int, other: int, remove: int, add: int, consent: int, twist: str, wrong: int
    ) -> None:
        who, unified, broker, bank = WALLETS[pick(list(WALLETS), at)]
        self.flush()
        account = self.model.users[unified]["accounts"][broker]
        own = [self.market.keys.get(one, "bob") for one in account["addresses"]] or ["bob"]
        gone = [pick(own, other)] if remove == 0 and (len(own) > 1 or other % 3 == 0) else []
        names = (*NEWCOMERS, *WALLETS, f"vault of {bank}")
        come = [pick(names, other)] if add else []
        if wrong == 1:
            gone, come = [*gone, "carol"], [*come, *come]
        by = "" if consent == 0 else pick(own, other) if consent == 1 else pick(names, at)
        x2 = self.market.x2(who, unified, gone, come, by=by, broker=broker, bank=bank)
        if wrong == 2:
            x2 = replace(x2, bank=BANK_B if bank == BANK_A else BANK_A)
        elif wrong == 3:
            x2 = replace(x2, unified=WALLETS["carol"][1])
        elif wrong == 4:
            x2 = replace(x2, remove=(address("bob"),))
        self.made["X2"].append((x2, who))
        self.send(x2, twist, at)

    @move(6, at=AT, step=range(3), yes=range(4), twist=TWISTS, wrong=FIELD_TWISTS)
    def answer_update(self, at: int, step: int, yes: int, twist: str, wrong: int) -> None:
        if not self.made["X2"]:
            return
        self.flush()
        open_ = [one for one in self.made["X2"] if self._is_open("update", one[0])]
        x2, who = pick(open_[-3:] if open_ and at % 9 else self.made["X2"], at)
        update = self.model.pending.get(("update", x2.sender, x2.tx))
        if update and at % 5:
            said = (update["bank_says"], update["registry_says"])
            step = 1 if not said[0] else 2 if not said[1] else 0
        message: Any
        if step == 0:
            message = self.market.x2_update(x2, who)
        elif step == 1:
            message = self.market.x2_bank(x2, who, yes > 0)
        else:
            message = self.market.x2_registry(x2, who, yes > 0)
        if wrong == 1:
            message = replace(message, answered=ELSEWHERE)
        elif wrong == 2 and step:
            message = replace(message, addresses=(address("bob"),))
        elif wrong == 3:
            changed = {"bank_document": ""} if step == 0 else {"document": ""}
            message = replace(message, **changed)
        self.send(message, twist, at)

    @move(3, at=AT, step=range(3), yes=range(4), twist=TWISTS, wrong=FIELD_TWISTS)
    def amend(self, at: int, step: int, yes: int, twist: str, wrong: int) -> None:
        """P2 and what follows it."""
        message: Any
        if step == 0 or not self.made["P2"]:
            message = self.market.p2(f"60000{at % 4 + 1}")
            self.made["P2"].append(message)
        else:
            self.flush()
            open_ = [one for one in self.made["P2"] if self._is_open("amendment", one)]
            p2 = pick(open_[-2:] if open_ and at % 9 else self.made["P2"], at)
            pending = self.model.pending.get(("amendment", p2.sender, p2.tx), {"says": ""})
            if at % 5:
                step = 2 if pending["says"] == "Y" else 1
            message = self.market.p2_registry(p2, yes > 0)
            message = message if step == 1 else self.market.p2_update(p2, message)
        if wrong in (1, 2) and message.NAME != "P2":
            changes = {"name": "other"} if wrong == 1 else {"answered": ELSEWHERE}
            message = replace(message, **changes)
        self.send(message, twist, at)

    @move(1, at=AT, yes=(True, False), twist=TWISTS)
    def follow_asset(self, at: int, yes: bool, twist: str) -> None:
        self.send(self.market.z2(pick((WHOLE, TENTHS), at), yes), twist, at)

    # -- withdrawals --------------------------------------------------------------------------

    @move(1, at=AT, twist=TWISTS, wrong=FIELD_TWISTS)
    def name_receiving(self, at: int, twist: str, wrong: int) -> None:
        bank = pick((BANK_A, BANK_B), at)
        names = (f"vault of {bank}", "another vault", *NEWCOMERS, *WALLETS)
        wallet = pick(names[2:], at) if wrong == 1 else pick(names[:2], at // 2)
        changes = {2: {"tx": "other"}, 3: {"by": "bob"}}.get(wrong, {})
        message = self.market.receive(bank, wallet)
        if changes:
            given: dict[str, Any] = {"ag": bank, "tx": message.tx, "user": bank} | changes
            message = replace(message, proof=(self.market.proof(wallet, **given),))
        self.send(message, twist, at)

    @move(8, at=AT, wallet=(*["alice", "bob", "carol"] * 3, "alice-2", "dora"), other=AT,
          amount=(1, 5, 20, 100, 600), twist=TWISTS, wrong=(*[0] * 16, *range(1, 9)))  # fmt: skip
    def withdraw(
        self, at: int, wallet: str, other: int, amount: int, twist: str, wrong: int
    ) -> None:
        owner = wallet if wallet in WALLETS else "bob"
        who, unified, broker, bank = WALLETS[owner]
        if other % 9 == 0:
            wallet = pick(list(WALLETS), at)
        marks = pick(([MARK_A, MARK_B], [MARK_B, MARK_A], [MARK_A], [MARK_B]), other)
        signed: dict[str, Any] = {
            1: {"by": "fritz"}, 2: {"key": public_key("fritz"), "by": "fritz"},
            3: {"amount": amount + 1}, 4: {"valid_until": self.market.now - 1},
            5: {"network": ELSEWHERE},
        }.get(wrong, {})  # fmt: skip
        y2 = self.market.withdraw(
            who, unified, wallet, amount, marks, broker=broker, bank=bank, signed=signed
        )
        if wrong == 6:
            y2 = replace(y2, marks=(*y2.marks, mark_code(BANK_A, "USD")))
        elif wrong == 7:
            y2 = replace(y2, unit=1)
        elif wrong == 8:
            y2 = replace(y2, bank_user="other")
        self.made["Y2"].append(y2)
        self.send(y2, twist, at)

    @move(16, at=AT, other=AT, step=range(3), yes=range(5), attempt=range(4), twist=TWISTS,
          wrong=FIELD_TWISTS)  # fmt: skip
    def withdrawal_step(
        self, at: int, other: int, step: int, yes: int, attempt: int, twist: str, wrong: int
    ) -> None:
        if not self.made["Y2"]:
            return
        self.flush()
        found = self.model.withdrawals
        ends = {key: self.model.end_of(one) for key, one in found.items()}
        known = [one for one in self.made["Y2"] if ends.get((one.address, one.tx)) == ""]
        y2 = pick(known[-4:] if known and at % 9 else self.made["Y2"], at)
        parts = found.get((y2.address, y2.tx), {"parts": {}})["parts"]
        bank = pick(sorted(parts) or [BANK_A], other)
        part = parts.get(bank, {"amount": y2.amount, "status": "SENT"})
        amount = part["amount"]
        if at % 4:
            step = {"BURNING": 1, "MOVED": 2}.get(part["status"], 0)
        message: Any
        if step == 0:
            message = self.market.burn(y2, bank, amount, yes > 0)
        elif step == 1:
            message = self.market.moved(y2, bank, amount, yes > 0, attempt)
        else:
            message = self.market.credited(y2, bank, amount, yes > 0, attempt)
        changed: dict[str, Any] = {
            1: {"amount": amount + 1}, 2: {"answered": ELSEWHERE}, 3: {"ag": BROKER_B},
            4: {"mark": mark_code(BANK_B, "CNY")}, 5: {"sender": pick(NAMED, at)},
        }.get(wrong, {})  # fmt: skip
        self.send(replace(message, **changed), twist, at)

    # -- orders -------------------------------------------------------------------------------

    def _order(self, at: int) -> SignedOrder:
        """One that was published, most often."""
        self.flush()
        found = self.model.orders
        known = [one for one in self.orders if (one.order.address, one.order.number) in found]
        found_one: SignedOrder = pick(known[-6:] if known and at % 9 else self.orders, at)
        return found_one

    @move(5, at=AT, owner=(True, False), twist=TWISTS, wrong=FIELD_TWISTS)
    def cancel(self, at: int, owner: bool, twist: str, wrong: int) -> None:
        if not self.orders:
            return
        signed = self._order(at)
        message: Any
        message = (
            self.market.cancel(signed) if owner else self.market.s2(signed, pick(MATCHERS, at))
        )
        if wrong == 1:
            message = replace(message, asset=TENTHS if signed.order.asset == WHOLE else WHOLE)
        self.made["CANCELLED"].append((signed, message))
        self.send(message, twist, at)

    @move(2, at=AT, by=range(4), twist=TWISTS)
    def take_down(self, at: int, by: int, twist: str) -> None:
        if not self.made["CANCELLED"]:
            return
        signed, message = pick(self.made["CANCELLED"][-3:], at)
        who = message.sender if by else pick(NAMED, at)
        self.send(self.market.removed(signed, who, pick(MATCHERS, at), message.tx), twist, at)

    @move(2, at=AT, kind=AT, yes=range(3), twist=TWISTS)
    def follow_orders(self, at: int, kind: int, yes: int, twist: str) -> None:
        kinds: tuple[dict[str, str], ...] = (
            {}, {"asset": WHOLE}, {"side": "SELL"}, {"asset_class": "STOCK", "asset": TENTHS},
        )  # fmt: skip
        message = self.market.s3(pick((MATCHER_A, MATCHER_B), at), yes > 0, **pick(kinds, kind))
        self.send(message, twist, at)

    @move(5, at=AT, yes=range(4), publisher=AT, twist=TWISTS)
    def adopt(self, at: int, yes: int, publisher: int, twist: str) -> None:
        if self.orders:
            signed = self._order(at)
            matcher = pick((MATCHER_B, MATCHER_B, MATCHER_A), at)
            message = self.market.adopt(signed, matcher, yes > 0, pick(MATCHERS, publisher))
            self.send(message, twist, at)

    # -- keys and standing --------------------------------------------------------------------

    @move(3, at=AT, status=STATUSES, alone=range(3), twist=TWISTS)
    def stand(self, at: int, status: str, alone: int, twist: str) -> None:
        """A status by the regulator, or as the first of the operators."""
        subjects = [("PARTY", one) for one in (*NAMED, MARKET, REGULATOR)]
        subjects += [("ADDRESS", address(one)) for one in (*WALLETS, "dora")]
        subjects += [("ASSET", WHOLE), ("ASSET", TENTHS), ("NETWORK", self.market.network)]
        kind, subject = pick(subjects, at)
        if at % 50 == 0:
            kind, subject, status = "PARTY", "NNEWACNBJXXX", "REMOVED"
        sender = REGULATOR if alone else address(OPERATORS[at % 3])
        message = self.market.status(kind, subject, status, sender)
        self.made["OPERATORS"].append(message)
        self.send(message, twist, at)

    @move(1, at=AT)
    def all_stand_again(self, at: int) -> None:
        """So that a walk does not come to rest in a halt."""
        self.flush()
        found = [("PARTY", one) for one, party in self.model.parties.items() if party["flags"]]
        found += [("ASSET", one) for one, asset in self.model.assets.items() if asset["flags"]]
        found += [("ADDRESS", a) for a, one in self.model.addresses.items() if one["frozen"]]
        found += [("NETWORK", self.market.network)] if self.model.halted else []
        for kind, subject in found:
            draft = self.market.status(kind, subject, "ACTIVE")
            for one in self.operators()[:2]:
                self.send(replace(draft, sender=one), "", at)

    @move(3, at=AT, operator=AT, twist=TWISTS)
    def agree(self, at: int, operator: int, twist: str) -> None:
        """Another operator joins what one proposed."""
        if self.made["OPERATORS"]:
            message: Message = pick(self.made["OPERATORS"][-3:], at)
            sender = pick(self.operators(), operator)
            self.send(replace(message, sender=sender), twist, at)  # type: ignore[call-arg]

    def operators(self) -> list[str]:
        services = self.model.services.items()
        return [
            one for one, service in services
            if service["role"] == "OPERATOR" and not service["revoked"]
        ]  # fmt: skip

    @move(1, at=AT, other=AT, twist=TWISTS, wrong=FIELD_TWISTS)
    def rotate(self, at: int, other: int, twist: str, wrong: int) -> None:
        self.flush()
        if at % 3:
            subject = pick((*NAMED, MARKET), at)
            old = self.market.keys.get(subject, subject)
            new = f"{subject}{other % 3}"
            sender = subject
        else:
            sender, subject = pick(self.operators(), at), pick(self.operators(), other)
            old = self.market.keys[subject]
            new = f"operator-{other % 5 + 1}"
            self.market.keys[address(new)] = new
        changes: dict[str, Any] = {
            1: {"by": "bob"}, 2: {"possess": {"subject": BROKER_A}}, 3: {"certificate": ELSEWHERE},
            4: {"key": public_key("bob")},
        }.get(wrong, {})  # fmt: skip
        message = self.market.rotate(subject, old, new, sender, **changes)
        if wrong == 5:
            message = replace(message, subject=REGISTRY)
        if sender[0] == "u":
            self.made["OPERATORS"].append(message)
        self.send(message, twist, at)
        self.flush()
        if subject[0] != "u":
            self.learn_key(subject)

    @move(1, at=AT, rules=range(3), twist=TWISTS)
    def activate(self, at: int, rules: int, twist: str) -> None:
        self.send(self.market.activate(rules, at % 3), twist, at)
