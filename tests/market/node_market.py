"""A whole UFMI in a folder: ledger, front-end, institutions with books, users with wallets."""

from __future__ import annotations

from pathlib import Path

from ufmi.crypto import Signer, Sm2PrivateKey, sm3_hex
from ufmi.frontend import Delivery
from ufmi.legacy.books import SqliteBook
from ufmi.node import Node
from ufmi.protocol import Role
from ufmi.reconcile import Reconciliation, reconcile
from ufmi.sdk import Bank, Broker, Description, Matcher, Operator, Registry, Wallet
from ufmi.system import ControlledClock

from .drafts import (
    BANK_A,
    BANK_B,
    BROKER_A,
    BROKER_B,
    MARKET,
    MATCHER_A,
    MATCHER_B,
    OPERATORS,
    REGISTRY,
    signer,
)
from .market import PARTIES, START_MS

CASH = 10_000  # of every user at every bank
SHARES = 1_000  # of every user at the registry


class NodeMarket:
    """One market, two brokers, two banks, a registry, two matchers; users are registered by name.

    Args:
        folder: an empty one founds a market; another one is opened again.
    """

    def __init__(self, folder: Path, operators: list[Sm2PrivateKey]) -> None:
        self.folder = folder
        self.operator_keys = operators
        self.books: dict[str, SqliteBook] = {}
        self.users: dict[str, str] = {}
        if (folder / "ledger").exists():
            self.node = Node.open(folder)
        else:
            clock = ControlledClock(START_MS)
            self.node = Node.create(folder, operators=operators, clock=clock)
        clock = self.node.clock
        assert isinstance(clock, ControlledClock)
        self.clock = clock
        self.operator = Operator(self.node, [Signer.of(key) for key in operators])
        self.sent: list[Delivery] = []
        self.node.frontend.connect("", self.sent.append)
        self._connect()

    def _connect(self) -> None:
        node, folder = self.node, self.folder / "books"
        for id in (BANK_A, BANK_B, REGISTRY):
            self.books[id] = SqliteBook(folder / id)
        self.broker = Broker(node, BROKER_A, signer(BROKER_A))
        self.broker_b = Broker(node, BROKER_B, signer(BROKER_B))
        self.bank = Bank(node, BANK_A, signer(BANK_A), self.books[BANK_A])
        self.bank_b = Bank(node, BANK_B, signer(BANK_B), self.books[BANK_B])
        assets = {"600001": Description("Company 600001", "STOCK", 0, "CNY")}
        self.registry = Registry(node, REGISTRY, signer(REGISTRY), self.books[REGISTRY], assets)
        self.matcher = Matcher(node, MATCHER_A, signer(MATCHER_A), MARKET)
        self.matcher_b = Matcher(node, MATCHER_B, signer(MATCHER_B), MARKET)

    @classmethod
    def found(cls, folder: Path) -> NodeMarket:
        """Founds a market and admits everybody; one asset is listed."""
        keys = [Sm2PrivateKey.from_hex(sm3_hex(name.encode())) for name in OPERATORS]
        market = cls(folder, keys)
        for party, role, of_market in PARTIES:
            key = signer(party).public_key
            market.operator.admit(party, Role(role), key, party, of_market)
        for bank in (BANK_A, BANK_B):
            market.broker.register_asset(
                registry=REGISTRY, registry_asset="600001", bank=bank, currency="CNY"
            )
        return market

    def reopen(self) -> NodeMarket:
        """Closes everything and opens it again from its files."""
        self.close()
        other = NodeMarket(self.folder, self.operator_keys)
        other.users = dict(self.users)
        return other

    def register(self, name: str) -> Wallet:
        """A user of the first broker with one wallet, known to bank and registry."""
        wallet = self.wallet(name)
        self.books[BANK_A].credit(f"{name} at bank", "CNY", CASH)
        self.books[REGISTRY].credit(f"{name} at registry", "600001", SHARES)
        executed = self.broker.register_user(
            broker_user=name,
            bank=BANK_A,
            bank_user=f"{name} at bank",
            registry=REGISTRY,
            registry_user=f"{name} at registry",
            person=sm3_hex(f"person {name}".encode()),
            document=sm3_hex(f"document {name}".encode()),
            proofs=[wallet.bind(broker=BROKER_A, tx=f"x1-{name}", user=name)],
            tx=f"x1-{name}",
        )
        self.users[name] = str(executed.result.data["unified"])
        return wallet

    def wallet(self, name: str) -> Wallet:
        return Wallet(self.node, signer(name))

    def deposit(self, name: str, amount: int, tx: str = "") -> None:
        self.broker.deposit(
            unified=self.users[name],
            address=self.wallet(name).address,
            amount=amount,
            currency="CNY",
            tx=tx,
        )

    def bring(self, name: str, quantity: int) -> None:
        self.wallet(name).bring_onchain(
            unified=self.users[name],
            broker=BROKER_A,
            broker_user=name,
            registry=REGISTRY,
            registry_asset="600001",
            quantity=quantity,
        )

    def told(self, party: str) -> list[str]:
        """The texts that UFMI sent to a party, the newest last."""
        return [one.text for one in self.sent if one.to == party]

    def reconcile(self) -> Reconciliation:
        return reconcile(self.node, self.books)

    def close(self) -> None:
        self.node.close()
        for book in self.books.values():
            book.close()
