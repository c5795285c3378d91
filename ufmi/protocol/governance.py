"""Admission of institutions, revocation of keys, and the end of what has expired. Ours."""

from __future__ import annotations

from typing import Annotated, ClassVar

from ufmi.protocol import keys as state
from ufmi.protocol.kinds import (
    ADMITTED,
    AdmittedRole,
    AssetCodeOrNone,
    Digest,
    MarketOrNone,
    Opaque,
    PartyId,
    PublicKey,
    Role,
    Sender,
    Side,
    Time,
    TxId,
    one_of,
)
from ufmi.protocol.message import Entry, Form, Keys, Message, form, message
from ufmi.protocol.results import Result

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


KINDS_EXPIRING = ("ORDER", "DEPOSIT", "ONCHAIN", "LISTING")


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
        of_kind = {"DEPOSIT": state.deposit, "ONCHAIN": state.onchain, "LISTING": state.listing}
        return Keys((), (of_kind[self.kind](self.owner, self.number),))

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        sent: list[tuple[str, Form]] = [
            (self.sender, Outcome(tx=self.tx, message=self.NAME, code=result.code))
        ]
        ended = Ended(kind=self.kind, owner=self.owner, number=self.number)
        told = result.data.get("told", [])
        return sent + [(str(party), ended) for party in told]


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
