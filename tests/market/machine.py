"""What the generated tests send with: batches, twisted messages, time, governance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from msgspec.structs import replace

from ufmi.protocol import Line, Message

from .drafts import (
    BANK_A,
    BANK_B,
    BROKER_A,
    BROKER_B,
    DAY_MS,
    ELSEWHERE,
    MARKET,
    MATCHER_A,
    MATCHER_B,
    OPERATORS,
    REGISTRY,
    STRANGER,
    SignedOrder,
    address,
    public_key,
)
from .market import TENTHS, WALLETS, funded_market

AT = range(1_000)  # an index into what there is, modulo its length
LINES_MAX = 6
NAMED = (BROKER_A, BROKER_B, BANK_A, BANK_B, REGISTRY, MATCHER_A, MATCHER_B)
PEOPLE = ("alice", "bob", "carol", "dora", "emil")

# What is done to a message before it is sent; most often nothing.
TWISTS = (
    *[""] * 30,
    *("forged", "stranger", "network", "late", "late", "impostor", "impostor", "reused", "reused"),
)
ENDING = (
    ("Y1", "DEPOSIT"), ("Z1", "ONCHAIN"), ("P1", "LISTING"),
    ("X2", "UPDATE"), ("P2", "AMENDMENT"), ("Y2", "WITHDRAWAL"),
)  # fmt: skip
FIELD_TWISTS = (*[0] * 16, 1, 2, 3, 4, 5)


_Step = TypeVar("_Step", bound=Callable[..., None])


def move(often: int = 1, **choices: Sequence[Any]) -> Callable[[_Step], _Step]:
    """A rule whose arguments are drawn from sequences, by hypothesis or by a random walk.

    Args:
        often: how often a random walk takes it.
    """

    def mark(step: _Step) -> _Step:
        ruled = rule(**{name: st.sampled_from(values) for name, values in choices.items()})(step)
        ruled.often, ruled.choices = often, choices  # type: ignore[attr-defined]
        return ruled

    return mark


def moves_of(machine: type[Any]) -> list[tuple[str, int, dict[str, Sequence[Any]]]]:
    """Name, frequency and arguments of all moves of a machine."""
    found = [(name, getattr(machine, name)) for name in sorted(dir(machine))]
    return [(name, one.often, one.choices) for name, one in found if hasattr(one, "often")]


def pick(choices: Any, at: int) -> Any:
    return choices[at % len(choices)]


MADE = ("X1", "X2", "P1", "P2", "Y1", "Y2", "Z1", "ADMIT", "CANCELLED", "OPERATORS")


class SendingMachine(RuleBasedStateMachine):
    """A market that all sorts of parties send to."""

    def __init__(self) -> None:
        super().__init__()
        self.market = funded_market()
        self.batch: list[tuple[Line | bytes, str]] = []
        self.sent: list[tuple[Line | bytes, str]] = []
        self.made: dict[str, list[Any]] = {name: [] for name in MADE}
        self.orders: list[SignedOrder] = []
        self.users = len(WALLETS)

    # -- sending ------------------------------------------------------------------------------

    def send(self, message: Message, twist: str, at: int, user: str = "") -> None:
        """Puts a message into the batch, twisted."""
        by = ""
        if twist == "forged":
            by = pick((*NAMED, *WALLETS), at)
        elif twist == "stranger":
            stranger = address("fritz") if message.sender[0] == "u" else STRANGER
            message = replace(message, sender=stranger)
        elif twist == "network":
            message = replace(message, network=ELSEWHERE)
        elif twist == "late":
            message = replace(message, valid_until=self.market.now - at % 2)
        elif twist == "impostor":
            others = NAMED if message.sender[0] == "N" else [address(name) for name in WALLETS]
            message = replace(message, sender=pick(others, at))
        elif twist == "reused":
            message = replace(message, tx=f"t{at % self.market.made + 1}")
        self.add(self.market.line(message, by), user)

    def add(self, line: Line | bytes, user: str = "") -> None:
        self.batch.append((line, user))
        if len(self.batch) >= LINES_MAX:
            self.flush()

    def flush(self) -> None:
        if self.batch:
            lines, users = zip(*self.batch, strict=True)
            self.sent += self.batch
            self.batch = []
            self.market.execute(lines, users)

    @move(8)
    def execute_batch(self) -> None:
        self.flush()

    @move(3, at=AT)
    def send_again(self, at: int) -> None:
        if self.sent:
            self.add(*pick(self.sent, at))

    @move(
        junk=(
            *(b"", b"{}", b"[1]", b'{"text":"Y1()","signature":""}', b'{"text":"Q9()"}'),
            *(b'{"text":"Q9()","signature":"00"}', b'{"text":"X","signature":"zz"}'),
            *(b'{"text":"OUTCOME(1,x,OK)","signature":"00"}', b"\xff"),
        )
    )
    def send_junk(self, junk: bytes) -> None:
        self.add(junk)

    @move(days=(0, 0, 0, 1), milliseconds=(1, 1_000, DAY_MS // 2))
    def time_passes(self, days: int, milliseconds: int) -> None:
        self.flush()
        self.market.advance(days * DAY_MS + milliseconds)

    # -- governance ---------------------------------------------------------------------------

    @move(at=AT, operator=range(3), key=("", "", "new"), twist=TWISTS)
    def admit(self, at: int, operator: int, key: str, twist: str) -> None:
        roles = ("BROKER", "BANK", "REGISTRY", "MATCHER", "MARKET")
        party = pick((*NAMED, STRANGER, "NNEWACNBJXXX", "MXNEW", MARKET), at)
        known = {BROKER_A: 0, BROKER_B: 0, BANK_A: 1, BANK_B: 1, REGISTRY: 2, MARKET: 4, "MXNEW": 4}
        message = self.market.admit(
            party,
            pick(roles, known.get(party, 3)),
            operator=operator,
        )
        if key:
            message = replace(message, key=public_key(f"{party}{at % 3}"))
        self.made["ADMIT"].append(message)
        self.send(message, twist, at)

    @move(2, at=AT, operator=range(3), differs=FIELD_TWISTS, twist=TWISTS)
    def approve(self, at: int, operator: int, differs: int, twist: str) -> None:
        if self.made["ADMIT"]:
            message = pick(self.made["ADMIT"][-3:], at)
            message = replace(message, sender=address(OPERATORS[operator]))
            if differs == 1:
                message = replace(message, name="another name")
            self.send(message, twist, at)
            if message.key != public_key(message.party):
                self.flush()
                self.learn_key(message.party)

    def learn_key(self, party: str) -> None:
        """Signs for a party with its newest key from now on."""
        model = self.market.model
        assert model is not None
        if party in model.parties:
            key = model.parties[party]["keys"][-1][0]
            names = [party, *[f"{party}{number}" for number in range(3)]]
            known = [name for name in names if public_key(name) == key]
            self.market.keys[party] = known[0] if known else self.market.keys[party]

    @move(at=AT, own=(True, False), operator=range(3), twist=TWISTS, rare=range(4))
    def revoke(self, at: int, own: bool, operator: int, twist: str, rare: int) -> None:
        if rare:
            return
        model = self.market.model
        assert model is not None
        subjects = (*NAMED, *[address(name) for name in (*WALLETS, *OPERATORS, "frontend")])
        subject = pick(subjects, at)
        found = model.sender(subject)
        key = found.key if found else public_key("nobody")
        sender = subject if own else address(OPERATORS[operator])
        message = self.market.revoke(subject, key, sender, tx=f"r{at % len(subjects)}")
        self.send(message, twist, at)

    @move(6, at=AT, twist=TWISTS, kind=range(7), wrong=FIELD_TWISTS)
    def expire(self, at: int, twist: str, kind: int, wrong: int) -> None:
        market = self.market
        sender = pick((BROKER_A, MATCHER_B, address("bob"), address("frontend")), at)
        if kind == 0:
            if not self.orders:
                return
            message = market.expire_order(pick(self.orders, at), sender)
            if wrong == 1:
                message = replace(message, side="SELL" if message.side == "BUY" else "BUY")
            elif wrong == 2:
                message = replace(message, asset=TENTHS)
        else:
            name, word = ENDING[kind - 1]
            if not self.made[name]:
                return
            made = pick(self.made[name], at)
            made = made[0] if isinstance(made, tuple) else made
            owner = made.address if name == "Y2" else made.sender
            message = market.expire(word, owner, made.tx, sender)
        self.send(message, twist, at)
