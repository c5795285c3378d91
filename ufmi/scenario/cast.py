"""The cast of a scenario: the parties, users and assets of its file, as clients of the SDK."""

from __future__ import annotations

import re
from typing import TypeVar

from ufmi.amounts import parse_amount
from ufmi.crypto import Signer, Sm2PrivateKey
from ufmi.errors import ScenarioError
from ufmi.legacy.books import SqliteBook
from ufmi.node import Node, kept_key
from ufmi.protocol import Role
from ufmi.protocol.codes import CURRENCIES, asset_code
from ufmi.scenario.model import AssetSpec, Scenario, UserSpec
from ufmi.sdk import (
    Bank,
    Broker,
    Client,
    Description,
    Matcher,
    Operator,
    Registry,
    Regulator,
    Wallet,
)

_Kind = TypeVar("_Kind", bound=Client)
_DURATION = re.compile(r"([1-9][0-9]{0,6})(ms|s|m|h|d)")
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def milliseconds(text: str) -> int:
    """The length of a time such as `90s` or `2h`. Raises ScenarioError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ScenarioError(f"{text!r} is not a time such as 90s, 30m or 2h")
    return int(match[1]) * _UNITS[match[2]]


class User:
    """A user of the scenario with his wallets; the first one has no name."""

    def __init__(self, name: str, spec: UserSpec, wallet: Wallet) -> None:
        self.name = name
        self.spec = spec
        self.wallet = wallet
        self.wallets: dict[str, Wallet] = {"": wallet}
        self.unified = ""


class Cast:
    """Everybody, by the names that the file gives them."""

    def __init__(self, node: Node, scenario: Scenario, operators: list[Sm2PrivateKey]) -> None:
        self.node = node
        self.scenario = scenario
        self.operator = Operator(node, [Signer.of(key) for key in operators])
        self.clients: dict[str, Client] = {}
        self.books: dict[str, SqliteBook] = {}
        self.users: dict[str, User] = {}
        for name in scenario.parties:
            self._make_party(name)
        for name, spec in scenario.users.items():
            self.broker(spec.broker)
            self._of_kind(spec.bank, Bank)
            self._of_kind(spec.registry, Registry)
            wallet = Wallet(node, self._signer(f"user-{name}"))
            self.users[name] = User(name, spec, wallet)

    def _signer(self, name: str) -> Signer:
        """The key of somebody, kept in the data folder so that later runs go on with it."""
        path = self.node.folder / "keys" / f"{name}.pem"
        return Signer.of(kept_key(path, None, self.node.random_bytes))

    def _make_party(self, name: str) -> None:
        spec = self.scenario.parties[name]
        signer = self._signer(name)
        if spec.role == Role.BANK:
            self.clients[name] = Bank(self.node, spec.id, signer, self._book(spec.id))
        elif spec.role == Role.REGISTRY:
            assets = {
                one.id: Description(one.name, one.asset_class, one.decimals, one.currency)
                for one in self.scenario.assets.values()
                if one.registry == name
            }
            book = self._book(spec.id)
            self.clients[name] = Registry(self.node, spec.id, signer, book, assets)
        elif spec.role == Role.MATCHER:
            self.clients[name] = Matcher(self.node, spec.id, signer, spec.market)
        elif spec.role == Role.REGULATOR:
            self.clients[name] = Regulator(self.node, spec.id, signer)
        elif spec.role == Role.BROKER:
            self.clients[name] = Broker(self.node, spec.id, signer)
        else:
            self.clients[name] = Client(self.node, spec.id, signer)

    def _book(self, institution: str) -> SqliteBook:
        book = SqliteBook(self.node.folder / "books" / institution)
        self.books[institution] = book
        return book

    # -- looking up -------------------------------------------------------------------------

    def client(self, name: str) -> Client:
        """A party by its name in the file. Raises ScenarioError."""
        if name not in self.clients:
            raise ScenarioError(f"there is no party {name!r} in the scenario")
        return self.clients[name]

    def user(self, name: str) -> User:
        """A user by his name in the file. Raises ScenarioError."""
        if name not in self.users:
            raise ScenarioError(f"there is no user {name!r} in the scenario")
        return self.users[name]

    def wallet(self, user: str, name: str) -> Wallet:
        """A wallet of a user by its name, made where it is new."""
        found = self.user(user)
        if name not in found.wallets:
            found.wallets[name] = Wallet(self.node, self._signer(f"user-{user}-{name}"))
        return found.wallets[name]

    def broker(self, name: str) -> Broker:
        return self._of_kind(name, Broker)

    def bank(self, name: str) -> Bank:
        return self._of_kind(name, Bank)

    def registry(self, name: str) -> Registry:
        return self._of_kind(name, Registry)

    def signer(self, name: str) -> Signer:
        """A new key, kept under a name."""
        return self._signer(name)

    def matcher(self, name: str) -> Matcher:
        """A matcher by name; the first one if the name is empty."""
        return self._of_kind(name, Matcher)

    def _of_kind(self, name: str, kind: type[_Kind]) -> _Kind:
        candidates = self.clients.values() if not name else [self.client(name)]
        for client in candidates:
            if isinstance(client, kind):
                return client
        raise ScenarioError(f"{name or 'nobody'} is a {kind.__name__.lower()} in the scenario")

    def asset(self, name: str) -> tuple[AssetSpec, str]:
        """An asset's description and unified code. Raises ScenarioError."""
        spec = self.scenario.assets.get(name)
        if spec is None:
            raise ScenarioError(f"there is no asset {name!r} in the scenario")
        return spec, asset_code(self.client(spec.registry).id, spec.id)

    def signer_of(self, name: str) -> Signer:
        """The key of a party or user."""
        return self.users[name].wallet.signer if name in self.users else self.client(name).signer

    def name_of(self, sender: str) -> str:
        """What the file calls an institution or address; itself if it is not in the file."""
        for name, client in self.clients.items():
            if client.id == sender:
                return name
        for name, user in self.users.items():
            if any(wallet.address == sender for wallet in user.wallets.values()):
                return name
        network = self.node.frontend.view.network
        service = network.services.get(sender) if network else None
        return service.role.lower() if service else sender

    # -- amounts ----------------------------------------------------------------------------

    def money(self, text: str, currency: str) -> int:
        if currency not in CURRENCIES:
            raise ScenarioError(f"{currency!r} is not a currency that UFMI knows")
        return parse_amount(text, CURRENCIES[currency])

    def open_books(self) -> None:
        """Gives banks and registries the opening positions, once."""
        for name, user in self.users.items():
            bank = self.books[self.client(user.spec.bank).id]
            registry = self.books[self.client(user.spec.registry).id]
            if bank.knows(account_at(name, "bank")):
                continue
            bank.credit(account_at(name, "bank"), "CNY", 0)
            registry.credit(account_at(name, "registry"), "", 0)
            for currency, amount in user.spec.cash.items():
                bank.credit(account_at(name, "bank"), currency, self.money(amount, currency))
            for asset, quantity in user.spec.assets.items():
                spec, _ = self.asset(asset)
                units = parse_amount(quantity, spec.decimals)
                registry.credit(account_at(name, "registry"), spec.id, units)

    def balances(self) -> dict[str, dict[str, object]]:
        """What every user has: on the ledger, free, and at bank and registry, free."""
        found: dict[str, dict[str, object]] = {}
        for name, user in self.users.items():
            bank = self.books[self.client(user.spec.bank).id]
            registry = self.books[self.client(user.spec.registry).id]
            held: dict[str, int] = {}
            for one in self.scenario.assets.values():
                held[one.id] = registry.free(account_at(name, "registry"), one.id)
            found[name] = {
                "address": user.wallet.address,
                "ledger_cash": self.node.cash(user.wallet.address),
                "ledger_holdings": self.node.holdings(user.wallet.address),
                "bank_cash": {
                    currency: bank.free(account_at(name, "bank"), currency)
                    for currency in sorted({"CNY", *user.spec.cash})
                },
                "registry_holdings": held,
            }
        return found

    def close(self) -> None:
        for book in self.books.values():
            book.close()


def account_at(user: str, where: str) -> str:
    """The pseudonym under which an institution keeps a user."""
    return f"{where}-{user}"
