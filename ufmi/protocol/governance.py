"""Admission of institutions, revocation of keys, and the end of what has expired. Ours."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from ufmi.crypto import address_of
from ufmi.protocol import keys as state
from ufmi.protocol.kinds import (
    ADMITTED,
    AdmittedRole,
    AssetCodeOrNone,
    Digest,
    DigestOrNone,
    MarketOrNone,
    Opaque,
    PartyId,
    PublicKey,
    Role,
    Sender,
    Side,
    Signature,
    Small,
    Subject,
    Time,
    TxId,
    list_of,
    one_of,
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
from ufmi.protocol.withdrawals import Y2Result

INSTITUTIONS = ADMITTED
ANYBODY = (*ADMITTED, Role.WALLET, Role.OPERATOR, Role.FRONTEND)


@message("ADMIT", Role.OPERATOR)
class Admit(Message, frozen=True):
    """Admits a market or an institution, or gives it a new key after its old one was revoked.

    Each operator key sends its own; the texts agree in everything but sender and valid_until. The
    one that completes m of n keys takes effect.
    """

    CHANGES_SIGNERS: ClassVar[bool] = True

    tx: TxId
    party: PartyId
    role: AdmittedRole
    market: MarketOrNone  # the market that the institution belongs to; empty: to all
    name: Opaque
    key: PublicKey
    network: Digest
    sender: Sender
    valid_until: Time

    def touches(self, entry: Entry) -> Keys:
        return Keys((), (state.proposal(self.NAME, self.tx), state.party(self.party)))

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        return [(self.sender, Outcome(tx=self.tx, message=self.NAME, code=result.code))]


@message("REVOKE", *ANYBODY)
class Revoke(Message, frozen=True):
    """Revokes a key for good. The subject itself may, at once; else m of n operator keys."""

    CHANGES_SIGNERS: ClassVar[bool] = True

    tx: TxId
    subject: Sender  # a party, an address, or the address of an operator key
    key: PublicKey
    network: Digest
    sender: Sender
    valid_until: Time

    def touches(self, entry: Entry) -> Keys:
        return Keys(
            (),
            (
                # An operator's key stands in the network's record.
                state.NETWORK,
                state.signer(self.subject),
                state.proposal(self.NAME, self.tx),
            ),
        )

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        return [(self.sender, Outcome(tx=self.tx, message=self.NAME, code=result.code))]


@form("POSSESS")
class Possess(Form, frozen=True):
    """The proof that somebody holds the new key: signed with it."""

    network: Digest
    valid_until: Time
    tx: TxId  # of the ROTATE
    subject: Sender
    key: PublicKey


class Possession(msgspec.Struct, frozen=True):
    """A `POSSESS` with its signature, as the item of ROTATE."""

    possess: Annotated[Possess, carried(Possess)]
    signature: Signature


@message("ROTATE", *INSTITUTIONS, Role.OPERATOR)
class Rotate(Message, frozen=True):
    """Gives a subject a new key in place of its valid one.

    A party does it itself, with its old key. Keys of operators and of the front-end change by m
    of n operator keys. A wallet's address follows from its key: it adds another by X2.
    """

    CHANGES_SIGNERS: ClassVar[bool] = True

    tx: TxId
    subject: Sender  # a party, or the address of an operator's or the front-end's key
    key: PublicKey  # the old one
    proof: Annotated[tuple[Possession, ...], list_of(struct_kind(Possession), 1, least=1)]
    certificate: DigestOrNone  # of the front-end: SHA-256 of a new X.509 certificate, else empty
    network: Digest
    sender: Sender
    valid_until: Time

    @property
    def new_key(self) -> str:
        return self.proof[0].possess.key

    def touches(self, entry: Entry) -> Keys:
        return Keys(
            (),
            (
                state.NETWORK,
                state.signer(self.subject),
                state.proposal(self.NAME, self.tx),
                # A new operator key must not be a wallet's.
                state.address(address_of(bytes.fromhex(self.new_key))),
            ),
        )

    def claims(self) -> tuple[Claim, ...]:
        return tuple(
            [Claim(one.possess.key, one.possess.text(), one.signature) for one in self.proof]
        )

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        return [(self.sender, Outcome(tx=self.tx, message=self.NAME, code=result.code))]


STATUS_KINDS = ("PARTY", "ADDRESS", "ASSET", "NETWORK")
STATUSES = ("ACTIVE", "SUSPENDED", "REMOVED", "FROZEN", "HALTED")


@message("STATUS", Role.OPERATOR, Role.REGULATOR)
class Status(Message, frozen=True):
    """Suspends, removes, freezes, halts, or makes active again.

    By m of n operator keys; the regulator freezes and halts, and undoes that, alone.
    """

    # A removed party's key is revoked with it.
    CHANGES_SIGNERS: ClassVar[bool] = True

    tx: TxId
    kind: Annotated[str, one_of(STATUS_KINDS)]
    subject: Subject
    status: Annotated[str, one_of(STATUSES)]
    network: Digest
    sender: Sender
    valid_until: Time

    def touches(self, entry: Entry) -> Keys:
        of_kind = {"PARTY": state.party, "ADDRESS": state.address, "ASSET": state.asset}
        name = of_kind.get(self.kind)
        subject = state.NETWORK if name is None else name(self.subject)
        writes = [subject, state.proposal(self.NAME, self.tx)]
        if self.kind == "PARTY":
            writes.append(state.SUBSCRIPTIONS)  # of a matcher, which end with its standing
        return Keys((), tuple(writes))

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        sent: list[tuple[str, Form]] = [
            (self.sender, Outcome(tx=self.tx, message=self.NAME, code=result.code))
        ]
        if result.code == "OK" and not result.repeated:
            changed = Changed(kind=self.kind, subject=self.subject, status=self.status)
            sent += [(str(party), changed) for party in result.data.get("told", ())]
        return sent


@form("CHANGED")
class Changed(Form, frozen=True):
    """Tells those concerned that a status changed."""

    kind: Opaque
    subject: Opaque
    status: Opaque


@message("ACTIVATE", Role.OPERATOR)
class Activate(Message, frozen=True):
    """Puts new rules in force by m of n operator keys, from the next transaction on."""

    tx: TxId
    rules: Small
    network: Digest
    sender: Sender
    valid_until: Time

    def touches(self, entry: Entry) -> Keys:
        return Keys((), (state.NETWORK, state.proposal(self.NAME, self.tx)))

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        return [(self.sender, Outcome(tx=self.tx, message=self.NAME, code=result.code))]


KINDS_EXPIRING = ("ORDER", "DEPOSIT", "ONCHAIN", "LISTING", "UPDATE", "AMENDMENT", "WITHDRAWAL")
_OF_KIND = {
    "DEPOSIT": state.deposit,
    "ONCHAIN": state.onchain,
    "LISTING": state.listing,
    "UPDATE": state.update,
    "AMENDMENT": state.amendment,
    "WITHDRAWAL": state.withdrawal,
}


@message("EXPIRE", *ANYBODY)
class Expire(Message, frozen=True):
    """Ends an order or a pending instruction whose time has passed. Anybody may send it."""

    tx: TxId
    kind: Annotated[str, one_of(KINDS_EXPIRING)]
    owner: Sender  # the order's or receiving address, or the broker of the instruction
    number: TxId  # of the order, or the instruction's transaction id
    network: Digest
    sender: Sender
    valid_until: Time
    side: Annotated[str, one_of(("", "BUY", "SELL"))]  # of an order
    asset: AssetCodeOrNone  # of a sell order

    def touches(self, entry: Entry) -> Keys:
        if self.kind == "ORDER":
            writes = [state.order(self.owner, self.number)]
            if self.side == Side.BUY:
                writes.append(state.cash(self.owner))
            elif self.asset:
                writes.append(state.holding(self.owner, self.asset))
            return Keys((), tuple(writes))
        writes = [_OF_KIND[self.kind](self.owner, self.number)]
        if self.kind == "WITHDRAWAL":
            writes.append(state.cash(self.owner))
        return Keys((), tuple(writes))

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        sent: list[tuple[str, Form]] = [
            (self.sender, Outcome(tx=self.tx, message=self.NAME, code=result.code))
        ]
        ended = Ended(kind=self.kind, owner=self.owner, number=self.number)
        sent += [(str(party), ended) for party in result.data.get("told", [])]
        data = result.data
        if "outcome" in data:  # with this a withdrawal is at its end
            end = Y2Result(
                tx=self.number,
                code=str(data["outcome"]),
                paid=int(str(data["paid"])),
                returned=int(str(data["returned"])),
                ag=str(data["ag"]),
                address=self.owner,
            )
            sent += [(str(data[name]), end) for name in ("ag", "bank")]
        return sent


@form("OUTCOME")
class Outcome(Form, frozen=True):
    """What became of a message of governance."""

    tx: TxId
    message: Opaque
    code: Opaque


@form("ENDED")
class Ended(Form, frozen=True):
    """Tells the parties concerned that an order or pending instruction has expired: unlock."""

    kind: Opaque
    owner: Sender
    number: TxId
