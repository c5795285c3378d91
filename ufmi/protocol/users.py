"""用户登记: registration of a user's unified account in UIDR (guide chapter 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from ufmi.crypto import address_of
from ufmi.protocol import keys as state
from ufmi.protocol.kinds import (
    Digest,
    DigestOrNone,
    Flag,
    Institution,
    Opaque,
    PublicKey,
    Role,
    Signature,
    Time,
    TxId,
    User,
    UserOrNone,
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
from ufmi.protocol.results import Code, Result

ADDRESSES_MAX = 8


@form("BIND")
class Bind(Form, frozen=True):
    """A wallet's proof that it holds an address: signed with the address's own key."""

    network: Digest
    valid_until: Time
    ag: Institution  # the broker that may use the proof
    tx: TxId  # the X1 that it belongs to
    user: Opaque  # the user's id at that broker
    key: PublicKey

    @property
    def address(self) -> str:
        return address_of(bytes.fromhex(self.key))


class Proof(msgspec.Struct, frozen=True):
    """A `BIND` with its signature, as one item of X1."""

    bind: Annotated[Bind, carried(Bind)]
    signature: Signature


@message("X1", Role.BROKER)
class X1(Message, frozen=True):
    """注册账户 (7.5.1): a broker registers a user, with his ids at broker, bank and registry."""

    tx: TxId
    ag: Institution
    broker_user: Opaque
    bank_user: Opaque
    registry_user: Opaque
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    bank: Institution
    registry: Institution
    document: Digest  # SM3 of the salted document about the person
    person: Digest  # HMAC-SM3 of the identity document under the market's secret
    unified: UserOrNone  # empty for a new user
    proofs: Annotated[tuple[Proof, ...], list_of(struct_kind(Proof), ADDRESSES_MAX)]

    def account(self, entry: Entry) -> str:
        """The unified id that this registration is about: named, or allotted in the header."""
        return self.unified or entry.user

    def touches(self, entry: Entry) -> Keys:
        account = self.account(entry)
        writes = [state.user(account)] if account else []
        writes.append(state.person(self.person))
        writes += [state.address(proof.bind.address) for proof in self.proofs]
        return Keys((state.party(self.bank), state.party(self.registry)), tuple(writes))

    def claims(self) -> tuple[Claim, ...]:
        return tuple(
            [Claim(proof.bind.key, proof.bind.text(), proof.signature) for proof in self.proofs]
        )

    def receivers(self) -> tuple[str, ...]:
        return (self.bank, self.registry)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        unified = str(result.data.get("unified", ""))
        answer = X1Result(tx=self.tx, ag=self.ag, code=result.code, unified=unified)
        # Bank and registry need the unified id, without which they cannot answer.
        others = self.receivers() if result.accepted else ()
        return [(party, answer) for party in (self.sender, *others)]


class _Confirmation(Message, frozen=True):
    """What bank and registry answer to X1: the account that they keep for the user."""

    if TYPE_CHECKING:
        ag: str
        unified: str

    @property
    def reference(self) -> str:
        return f"{self.ag}/{self.tx}"

    def touches(self, entry: Entry) -> Keys:
        return Keys((), (state.user(self.unified),))

    def receivers(self) -> tuple[str, ...]:
        return (self.ag,)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        def answer(code: str) -> X1Result:
            return X1Result(tx=self.tx, ag=self.ag, code=code, unified=self.unified)

        sent: list[tuple[str, Form]] = [(self.sender, answer(result.code))]
        account = result.data.get("account")
        if account == "ACTIVE":
            sent.append((self.ag, answer(Code.OK)))
        elif account == "REFUSED":
            sent.append((self.ag, answer(Code.ACCOUNT_INACTIVE)))
        return sent


@message("X1.bank", Role.BANK)
class X1Bank(_Confirmation, frozen=True):
    """7.5.1.5.1: the bank's answer to X1."""

    tx: TxId
    bank_user: Opaque
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    ag: Institution
    unified: User
    accepted: Flag
    answered: Digest  # SM3 of the text of the X1
    document: DigestOrNone  # SM3 of the salted document with the account's other fields


@message("X1.registry", Role.REGISTRY)
class X1Registry(_Confirmation, frozen=True):
    """7.5.1.5.2: the registry's answer to X1."""

    tx: TxId
    registry_user: Opaque
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    ag: Institution
    unified: User
    accepted: Flag
    answered: Digest
    document: DigestOrNone


@form("X1.result")
class X1Result(Form, frozen=True):
    """7.5.1.5.3: the account, and whether the instruction succeeded."""

    tx: TxId
    unified: UserOrNone
    code: Opaque
    # Ours.
    ag: Institution
