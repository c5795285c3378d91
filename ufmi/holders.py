"""Whose balances a statement is about, and under which account each is stated."""

from __future__ import annotations

from ufmi.contract import decode_record
from ufmi.crypto import is_address
from ufmi.errors import NotFound
from ufmi.node import Node
from ufmi.protocol import Role
from ufmi.protocol.codes import mark_bank
from ufmi.protocol.records import Address, Asset, User

# More addresses than these are not looked for in the bytes of every block first.
_SOUGHT_MAX = 16
# The records that hold what somebody owns, by the first part of their keys; the second is whose.
VALUES = ("cash/", "holding/", "order/", "withdrawal/")


class Scope:
    """Which balances belong to the subject, and under which account they are stated."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.by_total = False
        self.addresses: set[str] = set()
        self.items: set[str] | None = None

    def account(self, address: str, item: str) -> str:
        """The account of a balance; "" if it is not the subject's."""
        return address if address in self.addresses else ""

    def relevant(self, key: str) -> bool:
        """Whether a key can hold the subject's balances, or say which addresses are his."""
        return key.startswith((*VALUES, "user/", "address/"))

    def learn(self, key: str, value: bytes) -> None:
        """Takes in who owns which addresses, as the ledger comes to know it."""

    @property
    def sought(self) -> list[bytes]:
        """One of these stands in every block that concerns the subject; none: it may be any."""
        found = [name.encode() for name in (self.subject, *self.addresses)]
        return found if len(found) <= _SOUGHT_MAX else []


class _OfAddress(Scope):
    def __init__(self, subject: str) -> None:
        super().__init__(subject)
        self.addresses = {subject}

    def relevant(self, key: str) -> bool:
        return key.startswith(VALUES) and key.split("/")[1] == self.subject


class _OfUser(Scope):
    """All addresses that were ever the user's."""

    def learn(self, key: str, value: bytes) -> None:
        if key == f"user/{self.subject}":
            for account in decode_record(value, User).accounts:
                self.addresses.update(account.addresses)
        elif key.startswith("address/"):
            record = decode_record(value, Address)
            if record.user == self.subject:
                self.addresses.add(record.address)


class _OfBroker(Scope):
    """All addresses that users registered with the broker."""

    sought = []

    def learn(self, key: str, value: bytes) -> None:
        if key.startswith("user/"):
            for account in decode_record(value, User).accounts:
                if account.broker == self.subject:
                    self.addresses.update(account.addresses)


class _OfBank(Scope):
    sought = []

    def __init__(self, subject: str) -> None:
        super().__init__(subject)
        self.by_total = True

    def relevant(self, key: str) -> bool:
        return key.startswith(("cash/", "order/", "withdrawal/"))

    def account(self, address: str, item: str) -> str:
        return self.subject if item[0] == "C" and mark_bank(item) == self.subject else ""


class _OfRegistry(Scope):
    sought = []

    def __init__(self, subject: str, assets: set[str]) -> None:
        super().__init__(subject)
        self.by_total = True
        self._assets = assets

    def relevant(self, key: str) -> bool:
        return key.startswith(("holding/", "order/"))

    def account(self, address: str, item: str) -> str:
        return self.subject if item in self._assets else ""


def scope_of(node: Node, subject: str) -> Scope:
    if is_address(subject) and node.address(subject) is not None:
        return _OfAddress(subject)
    if subject[:1] == "L" and node.user(subject) is not None:
        return _OfUser(subject)
    party = node.party(subject) if subject[:1] == "N" else None
    if party is None:
        raise NotFound(
            f"there is no {subject or 'such subject'} on the ledger",
            hint="Name an address (u…), a user (L…) or an institution (N…)",
        )
    if party.role == Role.BANK:
        return _OfBank(subject)
    if party.role == Role.REGISTRY:
        assets = node.records("asset/", Asset)
        return _OfRegistry(subject, {one.code for _, one in assets if one.registry == subject})
    if party.role == Role.BROKER:
        return _OfBroker(subject)
    raise NotFound(f"{subject} is a {party.role}, which has no balances on the ledger")
