"""资金映射, the way back: tokens of several banks become cash on one account (guide 9.4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from ufmi.crypto import sm3_hex
from ufmi.protocol import keys as state
from ufmi.protocol.codes import mark_bank
from ufmi.protocol.kinds import (
    MARK,
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
    OpaqueOrNone,
    PublicKey,
    Role,
    Signature,
    Small,
    Time,
    TxId,
    User,
    list_of,
)
from ufmi.protocol.message import (
    Claim,
    Entry,
    Form,
    Keys,
    Message,
    carried,
    form,
    message,
    struct_kind,
)
from ufmi.protocol.results import Result
from ufmi.protocol.users import Proof

MARKS_MAX = 8


@message("RECEIVE", Role.BANK)
class Receive(Message, frozen=True):
    """A bank names the address that takes in its tokens on their way back (9.3.2.2). Ours.

    The proof is a `BIND` whose `ag` and `user` are the bank.
    """

    tx: TxId
    proof: Annotated[tuple[Proof, ...], list_of(struct_kind(Proof), 1, least=1)]
    network: Digest
    sender: Institution
    valid_until: Time

    @property
    def address(self) -> str:
        return self.proof[0].bind.address

    def touches(self, entry: Entry) -> Keys:
        return Keys((), (state.party(self.sender), state.address(self.address)))

    def claims(self) -> tuple[Claim, ...]:
        return tuple([Claim(one.bind.key, one.bind.text(), one.signature) for one in self.proof])

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        answer = ReceiveResult(tx=self.tx, address=self.address, code=result.code)
        return [(self.sender, answer)]


@form("RECEIVE.result")
class ReceiveResult(Form, frozen=True):
    """Whether the address takes in the bank's tokens."""

    tx: TxId
    address: Address
    code: Opaque


@form("WITHDRAW")
class Withdraw(Form, frozen=True):
    """What an owner's wallet signs to have money paid out."""

    number: TxId  # the Y2's transaction id; unique for the address, ever
    network: Digest
    valid_until: Time
    address: Address
    key: PublicKey
    ag: Institution
    bank: Institution  # where the account is
    payee: Digest  # salted digest of the account to be paid
    currency: Currency
    amount: Amount


@message("Y2", Role.BROKER)
class Y2(Message, frozen=True):
    """提现 (9.4.2): a user's tokens, of one bank's mark or several, become cash on his account."""

    tx: TxId
    ag: Institution
    bank: Institution
    unified: User
    broker_user: Opaque
    bank_user: Opaque
    currency: Currency
    amount: Amount
    unit: Decimals
    address: Address
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    marks: Annotated[tuple[str, ...], list_of(MARK, MARKS_MAX, least=1)]  # that may be taken from
    order: Annotated[Withdraw, carried(Withdraw)]
    signature: Signature  # by the wallet, over the text of the order

    def touches(self, entry: Entry) -> Keys:
        banks = [state.party(mark_bank(mark)) for mark in self.marks]
        return Keys(
            (
                state.party(self.bank),
                state.user(self.unified),
                state.address(self.address),
                *banks,
            ),
            (state.withdrawal(self.address, self.tx), state.cash(self.address)),
        )

    def claims(self) -> tuple[Claim, ...]:
        return (Claim(self.order.key, self.order.text(), self.signature),)

    def receivers(self) -> tuple[str, ...]:
        return (self.bank,)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        checked = Y2Checked(tx=self.tx, passed=result.accepted, code=result.code, ag=self.ag)
        sent: list[tuple[str, Form]] = [(self.sender, checked)]
        for part in result.data.get("parts", ()):
            mark, _, amount = str(part).partition(":")
            received = Y2Received(
                tx=self.tx,
                mark=mark,
                quantity=int(amount),
                cash=int(amount),
                ag=self.ag,
                bank=self.bank,
                payee=self.order.payee,
                address=self.address,
                answered=sm3_hex(self.text().encode()),
            )
            sent.append((mark_bank(mark), received))
        return sent


@form("Y2.checked")
class Y2Checked(Form, frozen=True):
    """9.4.2.6.1 c: whether the address has the money."""

    tx: TxId
    passed: Flag
    # Ours.
    code: Opaque
    ag: Institution


@form("Y2.received")
class Y2Received(Form, frozen=True):
    """9.4.2.6.1 d: tokens of a bank's mark have come to its receiving address."""

    tx: TxId
    mark: Mark
    quantity: Amount
    cash: Amount
    # Ours.
    ag: Institution
    bank: Institution  # the opening bank, to which the cash is to be moved
    payee: Digest
    address: Address  # where the tokens came from
    answered: Digest  # SM3 of the text of the Y2


class _PartStep(Message, frozen=True):
    """A step of a withdrawal's part: what one mark's tokens and cash go through."""

    if TYPE_CHECKING:
        ag: str
        address: str
        mark: str
        amount: int
        answered: str

    @property
    def reference(self) -> str:
        return f"{self.ag}/{self.tx}/{self.mark}"

    def touches(self, entry: Entry) -> Keys:
        return Keys((), (state.withdrawal(self.address, self.tx), state.cash(self.address)))

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        """The part's status to all concerned and, with the last part, the end to the broker."""
        data = result.data
        status = Y2Status(
            tx=self.tx,
            ag=self.ag,
            mark=self.mark,
            code=result.code,
            status=str(data.get("status", "")),
            bank=str(data.get("bank", "")),
            address=self.address,
            amount=self.amount,
            answered=self.answered,
        )
        if not result.accepted:
            return [(self.sender, status)]
        told = dict.fromkeys([self.sender, self.ag, status.bank, mark_bank(self.mark)])
        sent: list[tuple[str, Form]] = [(party, status) for party in told if party]
        if "outcome" in data:
            end = Y2Result(
                tx=self.tx,
                code=str(data["outcome"]),
                paid=int(str(data["paid"])),
                returned=int(str(data["returned"])),
                ag=self.ag,
                address=self.address,
            )
            sent += [(self.ag, end), (status.bank, end)]
        return sent


@message("Y2.burn", Role.BANK)
class Y2Burn(_PartStep, frozen=True):
    """9.4.2.6.2 a: the bank asks to destroy what it received, or refuses and it goes back.

    The bank moves cash only when this was accepted.
    """

    tx: TxId
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    ag: Institution
    address: Address
    mark: Mark
    amount: Amount
    burn: Flag
    answered: Digest


@message("Y2.moved", Role.BANK)
class Y2Moved(_PartStep, frozen=True):
    """9.4.2.6.2 c, d: whether the bank moved the cash to the opening bank; it may try again."""

    tx: TxId
    moved: Flag
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    ag: Institution
    address: Address
    mark: Mark
    amount: Amount
    attempt: Small
    answered: Digest

    @property
    def reference(self) -> str:
        return f"{self.ag}/{self.tx}/{self.mark}/{self.attempt}"

    def receivers(self) -> tuple[str, ...]:
        return (self.ag,)


@message("Y2.credited", Role.BANK)
class Y2Credited(_PartStep, frozen=True):
    """9.4.2.6.3: the opening bank received a paying bank's cash and credited the user.

    UFMI then destroys the tokens (9.4.2.6.4).
    """

    tx: TxId
    paying: Institution
    amount: Amount
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    ag: Institution
    address: Address
    mark: Mark
    received: Flag
    attempt: Small
    answered: Digest

    @property
    def reference(self) -> str:
        return f"{self.ag}/{self.tx}/{self.paying}/{self.mark}/{self.attempt}"

    def receivers(self) -> tuple[str, ...]:
        return (self.ag,)


@form("Y2.status")
class Y2Status(Form, frozen=True):
    """What became of a step of a withdrawal, to the banks and the broker."""

    tx: TxId
    ag: Institution
    mark: Mark
    code: Opaque
    status: OpaqueOrNone
    bank: OpaqueOrNone  # the opening bank, where the step was accepted
    address: Address
    amount: Amount
    answered: Digest  # SM3 of the text of the Y2


@form("Y2.result")
class Y2Result(Form, frozen=True):
    """9.4.2.6.4 b: the end: OK, PARTLY or RETURNED; what was paid and what went back."""

    tx: TxId
    code: Opaque
    paid: AmountOrZero
    returned: AmountOrZero
    # Ours.
    ag: Institution
    address: Address
