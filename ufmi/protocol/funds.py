"""资金映射: cash becomes tokens with the mark of its bank, one for one (guide 9.4.1).

The way back is in `withdrawals`.
"""

from __future__ import annotations

from ufmi.protocol import keys as state
from ufmi.protocol.codes import mark_code
from ufmi.protocol.kinds import (
    Address,
    Amount,
    AmountOrZero,
    Currency,
    Decimals,
    Digest,
    Flag,
    Institution,
    Mark,
    Opaque,
    Role,
    Time,
    TxId,
    User,
)
from ufmi.protocol.message import Entry, Form, Keys, Message, form, message
from ufmi.protocol.results import Result


@message("Y1", Role.BROKER)
class Y1(Message, frozen=True):
    """充值 (9.4.1, fields C1 to C10 of 6.4): deposit of a user's cash onto an address."""

    tx: TxId
    ag: Institution
    bank: Institution
    unified: User
    broker_user: Opaque
    bank_user: Opaque
    currency: Currency
    amount: Amount  # in the currency's smallest unit
    unit: Decimals  # 货币单位: how many decimals that unit has; must agree with UAR
    address: Address
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time

    @property
    def mark(self) -> str:
        return mark_code(self.bank, self.currency)

    def touches(self, entry: Entry) -> Keys:
        return Keys(
            (
                state.party(self.bank),
                state.user(self.unified),
                state.address(self.address),
                state.mark(self.mark),
            ),
            (state.deposit(self.ag, self.tx),),
        )

    def receivers(self) -> tuple[str, ...]:
        return (self.bank,)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        if result.accepted:
            return []
        answer = Y1Result(
            tx=self.tx, ag=self.ag, code=result.code, mark=self.mark, quantity=0, cash=0
        )
        return [(self.sender, answer)]


@message("Y1.locked", Role.BANK)
class Y1Locked(Message, frozen=True):
    """9.4.1.6.1 d: whether the bank locked the cash. Then the tokens come into being."""

    tx: TxId
    locked: Flag
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    ag: Institution
    address: Address
    mark: Mark
    amount: Amount
    answered: Digest  # SM3 of the text of the Y1

    @property
    def reference(self) -> str:
        return f"{self.ag}/{self.tx}"

    def touches(self, entry: Entry) -> Keys:
        return Keys(
            (state.address(self.address),),
            (state.deposit(self.ag, self.tx), state.cash(self.address)),
        )

    def receivers(self) -> tuple[str, ...]:
        return (self.ag,)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        outcome = str(result.data.get("outcome", result.code))
        amount = self.amount if outcome == "OK" else 0
        answer = Y1Result(
            tx=self.tx, ag=self.ag, code=outcome, mark=self.mark, quantity=amount, cash=amount
        )
        # The lock itself was in order where the address was not: the broker hears it too.
        known = result.accepted or result.code in _REFUSED_LOCKS
        to = [self.ag, self.sender] if known else [self.sender]
        return [(party, answer) for party in to]


_REFUSED_LOCKS = frozenset(("ADDRESS_REVOKED", "ADDRESS_FROZEN", "ADDRESS_MISMATCH", "TOO_LARGE"))


@form("Y1.result")
class Y1Result(Form, frozen=True):
    """9.4.1.6.2 b, c: success or not, token code, quantity, cash. Not OK tells to unlock."""

    tx: TxId
    code: Opaque
    mark: Mark
    quantity: AmountOrZero
    cash: AmountOrZero
    # Ours.
    ag: Institution
