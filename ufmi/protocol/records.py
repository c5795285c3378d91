"""The records of the state of channel `udl`: JSON, fields in declared order.

`v` is the version of a record's form; an older form is brought up to date when it is read.
"""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, frozen=True, gc=False):
    """Base of all records."""


class Key(Record, frozen=True):
    """A key and the time in which it was valid (milliseconds since 1970, UTC; 0: still is)."""

    key: str
    since: int
    until: int = 0


class Service(Record, frozen=True):
    """A key of UFMI itself: an operator's or the front-end's."""

    role: str
    key: Key


class InitParameters(Record, frozen=True):
    """What `init` is given, as JSON. Their digest names the network for ever."""

    nonce: str  # makes two ledgers with the same operators differ
    operators: tuple[str, ...]  # public keys, hex
    threshold: int  # m: how many operator keys an admission needs
    frontend_msp: str
    frontend_certificate: str  # SHA-256 of the X.509 certificate (DER), hex
    frontend_key: str  # SM2, hex: signs receipts and its own messages
    clock: str = "system"  # or "controlled", for tests and demonstrations
    v: int = 1


class Network(Record, frozen=True):
    """The ledger's init parameters, its operators and what holds for everything."""

    digest: str  # SM3 of the init parameters: the `network` field of every text
    parameters: InitParameters
    services: dict[str, Service]  # by the address of the key
    halted: bool = False
    rules: int = 1  # the rules in force (ACTIVATE)
    v: int = 1


class Party(Record, frozen=True):
    """A market or an institution admitted by the operator (7.3.2: M and N)."""

    id: str
    role: str
    market: str
    name: str
    keys: tuple[Key, ...]
    active: bool = True
    frozen: bool = False
    removed: bool = False  # for good
    halted: bool = False  # of a market: nothing trades there
    receiving: str = ""  # of a bank: the address that withdrawals go to (9.3.2.2)
    v: int = 1


class Account(Record, frozen=True):
    """A user's account with one broker, and what bank and registry say of it (7.3.4)."""

    broker: str
    broker_user: str
    bank: str
    bank_user: str
    registry: str
    registry_user: str
    tx: str
    answered: str  # SM3 of the text of the X1, which the answers name
    document: str
    addresses: tuple[str, ...]  # usable once bank and registry have confirmed the account
    valid_until: int  # of the X1: a broker may register anew what nobody has confirmed by then
    bank_confirmed: str = ""  # "", Y or N
    registry_confirmed: str = ""
    bank_document: str = ""
    registry_document: str = ""

    @property
    def status(self) -> str:
        if "N" in (self.bank_confirmed, self.registry_confirmed):
            return "REFUSED"
        both = self.bank_confirmed == self.registry_confirmed == "Y"
        return "ACTIVE" if both else "PENDING"


class User(Record, frozen=True):
    """A user's unified account in UIDR (7.3.2: L and 9 digits)."""

    id: str
    person: str
    accounts: tuple[Account, ...]
    v: int = 1

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses onto which the user's tokens may come."""
        active = [account for account in self.accounts if account.status == "ACTIVE"]
        return tuple([address for account in active for address in account.addresses])


class PersonIndex(Record, frozen=True):
    """Which user a person is: one person is one user in the whole market (7.3.1)."""

    user: str
    v: int = 1


class AccountIndex(Record, frozen=True):
    """Which user a broker's own id names."""

    user: str
    v: int = 1


class Address(Record, frozen=True):
    """An address of a user and its key.

    A removed address takes in nothing new and buys nothing; what is on it can be sold and
    withdrawn, and its open orders still settle.
    """

    address: str
    user: str
    key: Key
    frozen: bool = False
    removed: bool = False
    broker: str = ""  # with whom it was registered, and who hears of its trades
    v: int = 1


class Update(Record, frozen=True):
    """An X2 that waits for `X2.bank`, `X2.registry` and `X2.update`."""

    answered: str
    unified: str
    bank: str
    registry: str
    remove: tuple[str, ...]  # addresses
    add: tuple[str, ...]  # public keys, hex
    valid_until: int
    applied: bool  # whether the addresses are changed: somebody beside the broker agreed
    bank_confirmed: str = ""  # "", Y or N
    registry_confirmed: str = ""
    bank_document: str = ""
    registry_document: str = ""
    open: bool = True
    outcome: str = ""
    v: int = 1


class Asset(Record, frozen=True):
    """An asset in UAR (8.3)."""

    code: str
    registry: str
    registry_asset: str
    name: str
    asset_class: str
    decimals: int
    currency: str
    document: str
    halted: bool = False
    frozen: bool = False
    tracked: bool = False  # its registry follows its transfers (Z2)
    v: int = 1


class Mark(Record, frozen=True):
    """The money of one bank in one currency (8.3.1)."""

    code: str
    bank: str
    currency: str
    unit: int  # decimals of the smallest unit
    v: int = 1


class Listing(Record, frozen=True):
    """A P1 that waits for `P1.registry`."""

    answered: str
    asset: str
    mark: str
    registry: str
    currency: str
    valid_until: int
    open: bool = True
    outcome: str = ""
    v: int = 1


class Amendment(Record, frozen=True):
    """A P2 that waits for `P2.registry` and `P2.update`."""

    answered: str
    asset: str
    registry: str
    valid_until: int
    confirmed: str = ""  # "", Y or N: the registry's answer
    name: str = ""
    document: str = ""
    open: bool = True
    outcome: str = ""
    v: int = 1


class Deposit(Record, frozen=True):
    """A Y1 that waits for `Y1.locked`."""

    answered: str
    bank: str
    address: str
    mark: str
    amount: int
    valid_until: int
    open: bool = True
    outcome: str = ""
    v: int = 1


class Part(Record, frozen=True):
    """The tokens of one mark in a withdrawal.

    SENT (to the bank's receiving address) → BURNING (the bank agreed) → MOVED (its cash is on the
    way to the opening bank) → DESTROYED (it arrived); or SENT → RETURNED (to the user).
    """

    mark: str
    bank: str
    receiving: str
    amount: int
    status: str = "SENT"


class Withdrawal(Record, frozen=True):
    """A Y2 on its way: what of each mark became (9.4.2.6)."""

    answered: str
    ag: str
    bank: str  # where the user's account is
    payee: str  # salted digest of the account to be paid
    currency: str
    amount: int
    valid_until: int
    parts: tuple[Part, ...]
    open: bool = True
    outcome: str = ""
    v: int = 1


class Onchain(Record, frozen=True):
    """A Z1 that waits for `Z1.locked`."""

    answered: str
    ag: str
    registry: str
    asset: str
    quantity: int
    valid_until: int
    open: bool = True
    outcome: str = ""
    v: int = 1


class Cash(Record, frozen=True):
    """Free money of one address: mark → amount in the smallest unit. No zero entries."""

    marks: dict[str, int]
    v: int = 1


class Holding(Record, frozen=True):
    """Free tokens of one asset on one address."""

    quantity: int
    v: int = 1


class OrderRecord(Record, frozen=True):
    """An order: its limits, what is left of it and what it holds for that."""

    asset_class: str
    asset: str
    side: str
    price: int
    quantity: int
    rest: int
    currency: str
    publisher: str
    adopters: tuple[str, ...]
    matchers: tuple[str, ...]
    broadcast: bool
    valid_until: int
    text: str  # SM3 of the wallet's ORDER text
    held_cash: dict[str, int]  # mark → amount, of a buy order
    held: int  # tokens, of a sell order
    status: str = "OPEN"  # FILLED, CANCELLED, EXPIRED
    v: int = 1


class Filter(Record, frozen=True):
    """Which orders a matcher follows; empty: any (11.5.3.4)."""

    asset_class: str = ""
    asset: str = ""
    side: str = ""


class Subscriptions(Record, frozen=True):
    """Which matchers follow which orders."""

    matchers: dict[str, tuple[Filter, ...]]
    v: int = 1


class Proposal(Record, frozen=True):
    """Operator keys that approved the same proposal."""

    terms: str  # SM3 over what all approvals must agree in
    approvals: dict[str, int]  # address of the operator key → until when it approves
    done: bool = False
    v: int = 1


class Outcome(Record, frozen=True):
    """The recorded result of a message: exactly one for each identity."""

    text: str  # SM3 of the text
    number: int  # arrival
    time: int
    code: str
    detail: str = ""
    data: dict[str, str | int | list[str]] = {}
    v: int = 1


# Which record stands under the keys of each prefix, for queries and tools.
RECORDS: dict[str, type[Record]] = {
    "network": Network,
    "party": Party,
    "user": User,
    "person": PersonIndex,
    "account": AccountIndex,
    "update": Update,
    "address": Address,
    "asset": Asset,
    "mark": Mark,
    "listing": Listing,
    "amendment": Amendment,
    "deposit": Deposit,
    "withdrawal": Withdrawal,
    "onchain": Onchain,
    "cash": Cash,
    "holding": Holding,
    "order": OrderRecord,
    "subscriptions": Subscriptions,
    "proposal": Proposal,
    "result": Outcome,
}
