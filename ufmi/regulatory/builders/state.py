"""What builders remember of the ledger: little, and from its blocks alone.

Whoever folds the same blocks has the same state. It can be written down and taken up again.
"""

from __future__ import annotations

import msgspec

from ufmi.errors import StoreCorrupted

STATE_VERSION = 1


class Party(msgspec.Struct):
    """A market or an institution."""

    role: str
    name: str
    market: str


class Mark(msgspec.Struct):
    """The code of a bank's money, and the broker that asked for it."""

    bank: str
    currency: str
    broker: str


class Freeze(msgspec.Struct):
    """When, by whom and why an account was frozen, or freed again."""

    time: int
    by: str
    remark: str


class Account(msgspec.Struct):
    """A user's account with one broker: two objects, securities and cash."""

    bank: str
    bank_user: str
    registry: str
    registry_user: str
    opened: int  # when it was asked for
    addresses: list[str]
    bank_answer: str = ""  # "", Y or N
    registry_answer: str = ""
    bank_document: str = ""
    registry_document: str = ""
    confirmed: int = 0  # when both had accepted
    refused: int = 0
    frozen: list[str] = []  # addresses, removed ones too
    freeze: Freeze | None = None
    thaw: Freeze | None = None

    @property
    def active(self) -> bool:
        return self.bank_answer == self.registry_answer == "Y"


class User(msgspec.Struct):
    """A person, and his accounts by broker."""

    document: str
    accounts: dict[str, Account] = {}


class Asset(msgspec.Struct):
    """An asset in UAR."""

    registry: str
    name: str
    asset_class: str
    decimals: int
    currency: str
    document: str
    broker: str
    listed: int
    halted: bool = False
    frozen: bool = False
    standing: str = ""  # what was said when it was last halted, frozen or freed


class Order(msgspec.Struct):
    """An open order: what is left of it, and the money that it holds, by mark."""

    asset: str
    side: str
    price: int
    rest: int
    publisher: str
    broadcast: bool
    text: str  # SM3 of the wallet's ORDER text
    held: dict[str, int] = {}


class Part(msgspec.Struct):
    """The money of one mark in a withdrawal."""

    amount: int
    status: str = "SENT"


class Withdrawal(msgspec.Struct):
    """A withdrawal on its way through the banks."""

    bank: str
    payee: str
    parts: dict[str, Part]


class Update(msgspec.Struct):
    """A change of addresses that waits for somebody's consent."""

    unified: str
    remove: list[str]
    add: list[str]
    applied: bool = False


class Known(msgspec.Struct):
    """An object that may yet change or be referred to: its version, and what that was made of.

    `facts` is a digest over what the ledger says, documents by their digests, and not over the
    body: whether there is a new version must not depend on a document being erased.
    """

    version: int
    facts: str


class State(msgspec.Struct):
    """All of it. Keys of orders and the like are `address/number` or `broker/tx`."""

    v: int = STATE_VERSION
    block: int = 0  # the next one
    network: str = ""
    parties: dict[str, Party] = {}
    users: dict[str, User] = {}
    addresses: dict[str, tuple[str, str]] = {}  # → user, broker
    receiving: dict[str, str] = {}  # a bank's address → the bank
    assets: dict[str, Asset] = {}
    marks: dict[str, Mark] = {}
    updates: dict[str, Update] = {}
    orders: dict[str, Order] = {}
    withdrawals: dict[str, Withdrawal] = {}
    free: dict[str, dict[str, int]] = {}  # address → mark → amount
    money: dict[str, dict[str, int]] = {}  # the same with what orders and withdrawals hold
    holdings: dict[str, dict[str, int]] = {}  # address → asset → quantity, what orders hold too
    objects: dict[str, Known] = {}

    def account(self, address: str) -> tuple[str, str, Account]:
        """User, broker and account of an address."""
        unified, broker = self.addresses[address]
        return unified, broker, self.users[unified].accounts[broker]


_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(State)


def export(state: State) -> bytes:
    """The state as JSON; equal states have equal bytes."""
    return _encoder.encode(state)


def restore(raw: bytes) -> State:
    """The state that `export` wrote. Raises StoreCorrupted."""
    try:
        state = _decoder.decode(raw)
    except msgspec.DecodeError as problem:
        raise StoreCorrupted(f"the builders' checkpoint cannot be read: {problem}") from problem
    if state.v != STATE_VERSION:
        raise StoreCorrupted(
            f"the builders' checkpoint has form {state.v}, not {STATE_VERSION}",
            hint="Fold the blocks anew from the first one",
        )
    return state


def add(amounts: dict[str, dict[str, int]], owner: str, item: str, change: int) -> None:
    """Changes an amount; what comes to nothing is not kept."""
    own = amounts.setdefault(owner, {})
    total = own.get(item, 0) + change
    if total < 0:
        raise ValueError(f"{owner} would have {total} of {item}")
    if total:
        own[item] = total
    else:
        own.pop(item, None)
        if not own:
            del amounts[owner]
