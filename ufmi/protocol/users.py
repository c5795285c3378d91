"""用户登记: registration of a user's unified account in UIDR (guide chapter 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from ufmi.crypto import address_of
from ufmi.protocol import keys as state
from ufmi.protocol.kinds import (
    ADDRESS,
    KEY,
    Digest,
    DigestOrNone,
    Flag,
    Institution,
    LongText,
    Opaque,
    OpaqueOrNone,
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
        writes += [state.person(self.person), state.account(self.ag, self.broker_user)]
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


@form("CONSENT")
class Consent(Form, frozen=True):
    """An owner's consent to a change of his addresses, signed by one that he has."""

    network: Digest
    valid_until: Time
    ag: Institution
    tx: TxId  # of the X2
    unified: User
    remove: Annotated[tuple[str, ...], list_of(ADDRESS, ADDRESSES_MAX)]
    add: Annotated[tuple[str, ...], list_of(KEY, ADDRESSES_MAX)]
    key: PublicKey

    @property
    def address(self) -> str:
        """The address that consents."""
        return address_of(bytes.fromhex(self.key))


class Consented(msgspec.Struct, frozen=True):
    """A `CONSENT` with its signature, as the item of X2."""

    consent: Annotated[Consent, carried(Consent)]
    signature: Signature


@message("X2", Role.BROKER)
class X2(Message, frozen=True):
    """更新账户 (7.5.2): addresses to delete and to add, and new information about the account.

    The addresses change once somebody beside the broker agrees: an address that the user has
    (`consent`), the bank, or the registry.
    """

    tx: TxId
    ag: Institution
    unified: User
    remove: Annotated[tuple[str, ...], list_of(ADDRESS, ADDRESSES_MAX)]
    add: Annotated[tuple[Proof, ...], list_of(struct_kind(Proof), ADDRESSES_MAX)]
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    bank: Institution
    registry: Institution
    consent: Annotated[tuple[Consented, ...], list_of(struct_kind(Consented), 1)]

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses that it changes."""
        return (*self.remove, *[proof.bind.address for proof in self.add])

    def touches(self, entry: Entry) -> Keys:
        addresses = [state.address(address) for address in self.addresses]
        consenting = [state.address(one.consent.address) for one in self.consent]
        writes = (state.user(self.unified), state.update(self.ag, self.tx), *addresses)
        return Keys(tuple(consenting), writes)

    def claims(self) -> tuple[Claim, ...]:
        proofs = [Claim(one.bind.key, one.bind.text(), one.signature) for one in self.add]
        consents = [
            Claim(one.consent.key, one.consent.text(), one.signature) for one in self.consent
        ]
        return tuple(proofs + consents)

    def receivers(self) -> tuple[str, ...]:
        return (self.bank, self.registry)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        if result.accepted:
            return []
        answer = X2Result(tx=self.tx, unified=self.unified, code=result.code, ag=self.ag)
        return [(self.sender, answer)]


class _UpdateAnswer(Message, frozen=True):
    """What bank and registry answer to X2: their latest information about the account."""

    if TYPE_CHECKING:
        ag: str
        unified: str
        accepted: bool
        answered: str
        addresses: tuple[str, ...]
        document: str

    @property
    def reference(self) -> str:
        return f"{self.ag}/{self.tx}"

    def touches(self, entry: Entry) -> Keys:
        addresses = [state.address(address) for address in self.addresses]
        return Keys((), (state.user(self.unified), state.update(self.ag, self.tx), *addresses))

    def receivers(self) -> tuple[str, ...]:
        return (self.ag,)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        answer = X2Result(tx=self.tx, unified=self.unified, code=result.code, ag=self.ag)
        return [(self.sender, answer)]


_ADDRESSES = list_of(ADDRESS, 2 * ADDRESSES_MAX)


@message("X2.bank", Role.BANK)
class X2Bank(_UpdateAnswer, frozen=True):
    """7.5.2.5.1: the bank's latest information; with `accepted` it agrees to the addresses."""

    tx: TxId
    bank_user: Opaque
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    ag: Institution
    unified: User
    accepted: Flag
    answered: Digest  # SM3 of the text of the X2
    addresses: Annotated[tuple[str, ...], _ADDRESSES]  # those of the X2: to delete, to add
    document: DigestOrNone


@message("X2.registry", Role.REGISTRY)
class X2Registry(_UpdateAnswer, frozen=True):
    """7.5.2.5.2: the registry's latest information; likewise."""

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
    addresses: Annotated[tuple[str, ...], _ADDRESSES]
    document: DigestOrNone


@message("X2.update", Role.BROKER)
class X2Update(Message, frozen=True):
    """7.5.2.5.3: the broker gives UFMI the latest information of itself, bank and registry."""

    tx: TxId
    unified: User
    document: DigestOrNone  # the broker's own
    bank_document: DigestOrNone  # as the bank answered
    registry_document: DigestOrNone  # as the registry answered
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    answered: Digest  # SM3 of the text of the X2

    def touches(self, entry: Entry) -> Keys:
        return Keys((), (state.user(self.unified), state.update(self.sender, self.tx)))

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        code = str(result.data.get("outcome", result.code))
        addresses = tuple([str(one) for one in result.data.get("addresses", ())])
        answer = X2Result(self.tx, self.unified, code, self.sender, addresses)
        return [(self.sender, answer)]


@form("X2.result")
class X2Result(Form, frozen=True):
    """7.5.2.5.4 c: whether it is updated, and the account's addresses when it is complete."""

    tx: TxId
    unified: User
    code: Opaque
    # Ours.
    ag: Institution
    addresses: Annotated[tuple[str, ...], _ADDRESSES] = ()


@message("X3", Role.BROKER, Role.BANK, Role.REGISTRY)
class X3(Message, frozen=True):
    """查询账户 (7.5.3): the account of a user, by his unified id or by his id at the broker.

    For the user's own broker, bank and registry. Asked, not ordered.
    """

    QUERY: ClassVar[bool] = True

    tx: TxId
    ag: Institution
    unified: UserOrNone
    broker_user: OpaqueOrNone
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time


@form("X3.result")
class X3Result(Form, frozen=True):
    """7.5.3.5: the account, as the JSON of those accounts of the user that the asker keeps."""

    tx: TxId
    unified: UserOrNone
    code: Opaque
    # Ours.
    ag: Institution
    account: LongText
