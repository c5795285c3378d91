"""Every order of the steps of a withdrawal: nobody is paid twice, not a cent is lost.

Banks have books of their own here. They move cash only when their `Y2.burn` was accepted, and pay
the user only when their `Y2.credited` was; they fall silent, repeat themselves and lie out of turn.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ufmi.protocol import Code, Message, Result
from ufmi.protocol.withdrawals import Y2

from .drafts import BANK_A, BANK_B, DAY_MS, address
from .examples import generated
from .market import ALICE, MARK_A, MARK_B, Market, funded_market

CHANCES = st.integers(0, 2**32).map(Random)
HOME = address("alice")
BANKS = {BANK_A: 1_000, BANK_B: 200}
MARKS = {BANK_A: MARK_A, BANK_B: MARK_B}
FREE = {MARK_A: 1_000, MARK_B: 500}


class Banks:
    """Two banks that answer to one withdrawal over both marks, honest in what they pay."""

    def __init__(self, market: Market, chance: Random) -> None:
        self.market = market
        self.chance = chance
        self.y2 = market.withdraw("alice", ALICE, "alice", 1_200, [MARK_A, MARK_B])
        market.accept(self.y2)
        self.sent: list[Message] = []
        self.agreed: set[str] = set()  # a burn of this bank was accepted
        self.moved: Counter[str] = Counter()  # cash that left a bank
        self.paid: Counter[str] = Counter()  # what the opening bank paid to the user, by payer
        # Each bank may fall silent for good before any step.
        self.silent = {bank: chance.random() < 0.3 for bank in BANKS}
        self.attempts: Counter[tuple[str, str]] = Counter()

    def step(self) -> None:
        """A message of some bank in some state, or one that was sent before, or time, or expiry."""
        way = self.chance.random()
        if way < 0.1:
            self.market.advance(self.chance.choice((1, DAY_MS // 4, DAY_MS)))
        elif way < 0.25:
            self.expire()
        elif way < 0.35 and self.sent:
            again = self.chance.choice(self.sent)
            assert self.market.send(again).repeated
        else:
            self.answer()

    def expire(self) -> None:
        result = self.market.send(self.market.expire("WITHDRAWAL", HOME, self.y2.tx))
        assert result.code in (Code.OK, Code.NOT_EXPIRED, Code.NOT_PENDING, Code.OUT_OF_TURN)

    def answer(self) -> None:
        bank = self.chance.choice(list(BANKS))
        if self.silent[bank]:
            return
        yes = self.chance.random() < 0.7
        kind = self.chance.choice(("burn", "moved", "credited"))
        attempt = self.attempts[bank, kind]
        self.attempts[bank, kind] += 1
        amount = BANKS[bank]
        message: Message
        if kind == "burn":
            message = self.market.burn(self.y2, bank, amount, yes)
        elif kind == "moved":
            message = self.market.moved(self.y2, bank, amount, yes, attempt)
        else:
            message = self.market.credited(self.y2, bank, amount, yes, attempt)
        self.take_note(bank, kind, yes, self.market.send(message))
        if kind != "burn" or attempt == 0:
            self.sent.append(message)

    def take_note(self, bank: str, kind: str, yes: bool, result: Result) -> None:
        """What a bank does in its own books: only what was accepted, for the first time, and Y."""
        if not result.accepted or result.repeated or not yes:
            return
        if kind == "burn":
            self.agreed.add(bank)
        elif kind == "moved":
            self.moved[bank] += BANKS[bank]
        else:
            self.paid[bank] += BANKS[bank]

    def check(self) -> None:
        """The user has each cent once: free, on its way, or in cash."""
        parts = self.parts()
        free = self.market.free_cash("alice")
        for bank, amount in BANKS.items():
            status = parts[bank]
            assert self.moved[bank] <= amount and self.paid[bank] <= self.moved[bank]
            assert (self.paid[bank] == amount) == (status == "DESTROYED")
            assert (self.moved[bank] == amount) == (status in ("MOVED", "DESTROYED"))
            assert (bank in self.agreed) == (status in ("BURNING", "MOVED", "DESTROYED"))
            back = amount if status == "RETURNED" else 0
            assert free.get(MARKS[bank], 0) == FREE[MARKS[bank]] - amount + back

    def parts(self) -> dict[str, str]:
        record = self.market.record(f"withdrawal/{HOME}/{self.y2.tx}")
        return {part["bank"]: part["status"] for part in record["parts"]}

    def finish(self) -> None:
        """After the deadline nothing waits that no bank agreed to; the rest can come to its end."""
        self.market.advance(DAY_MS + 1)
        self.expire()
        self.check()
        assert "SENT" not in self.parts().values()
        assert {bank for bank, status in self.parts().items() if status != "RETURNED"} == (
            self.agreed
        )
        for bank in self.agreed:
            if self.parts()[bank] == "BURNING":
                self.conclude(bank, "moved", self.y2)
            if self.parts()[bank] == "MOVED":
                self.conclude(bank, "credited", self.y2)
        self.check()
        assert not self.market.record(f"withdrawal/{HOME}/{self.y2.tx}")["open"]
        total = sum(self.market.free_cash("alice").values()) + sum(self.paid.values())
        assert total == sum(FREE.values())

    def conclude(self, bank: str, kind: str, y2: Y2) -> None:
        make = self.market.moved if kind == "moved" else self.market.credited
        result = self.market.accept(make(y2, bank, BANKS[bank], True, 9_999))
        self.take_note(bank, kind, True, result)


@generated(150)
@given(chance=CHANCES)
def test_in_any_order_each_cent_is_paid_or_back_once(chance: Random) -> None:
    banks = Banks(funded_market(), chance)
    for _ in range(chance.randint(0, 30)):
        banks.step()
        banks.check()
    banks.finish()
