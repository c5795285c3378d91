"""A market in a folder that several processes open one after the other."""

from __future__ import annotations

from pathlib import Path

from ufmi import (
    Bank,
    Broker,
    Description,
    Matcher,
    Node,
    Operator,
    Registry,
    Role,
    Side,
    Signer,
    Sm2PrivateKey,
    SqliteBook,
    Wallet,
)
from ufmi.protocol.codes import asset_code

MARKET = "MXBJE"
BROKER, BANK = "NLOTUSCNBXXX", "NHARBOCNBXXX"
REGISTRY, MATCHER = "NNORTHCNBXXX", "NMATCHCNBXXX"
ASSET = asset_code(REGISTRY, "600001")
PARTIES = {MARKET: Role.MARKET, BROKER: Role.BROKER, BANK: Role.BANK}
PARTIES |= {REGISTRY: Role.REGISTRY, MATCHER: Role.MATCHER}


class Market:
    """The parties of the market on an open node, with the keys and books in its folder."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.bank_book = SqliteBook(node.folder / "books" / BANK)
        self.registry_book = SqliteBook(node.folder / "books" / REGISTRY)
        self.broker = Broker(node, BROKER, self.signer(BROKER))
        self.bank = Bank(node, BANK, self.signer(BANK), self.bank_book)
        shares = {"600001": Description("Tea House", "STOCK", 0, "CNY")}
        self.registry = Registry(node, REGISTRY, self.signer(REGISTRY), self.registry_book, shares)
        self.matcher = Matcher(node, MATCHER, self.signer(MATCHER), MARKET)
        self.wallet = Wallet(node, self.signer("wallet"))

    def signer(self, name: str) -> Signer:
        return Signer.of(Sm2PrivateKey.load(self.node.folder / "keys" / f"{name}.pem"))

    @property
    def books(self) -> dict[str, SqliteBook]:
        return {BANK: self.bank_book, REGISTRY: self.registry_book}

    def catch_up(self) -> None:
        """Bank and registry deal with what came while they were away."""
        self.bank.catch_up()
        self.registry.catch_up()

    def order(self, quantity: int, side: Side = Side.BUY):  # type: ignore[no-untyped-def]
        return self.wallet.order(
            side=side, asset=ASSET, asset_class="STOCK", price=1, quantity=quantity, currency="CNY"
        )

    def close(self) -> None:
        self.bank_book.close()
        self.registry_book.close()


def found(folder: Path) -> None:
    """Makes the market: parties, a user with money and shares on the ledger."""
    operators = [Sm2PrivateKey.generate() for _ in range(3)]
    with Node.create(folder, operators=operators) as node:
        operator = Operator(node, [Signer.of(key) for key in operators])
        for name in (*PARTIES, "wallet"):
            Sm2PrivateKey.generate().save(folder / "keys" / f"{name}.pem")
        for party, role in PARTIES.items():
            key = Sm2PrivateKey.load(folder / "keys" / f"{party}.pem").public_key
            operator.admit(party, role, key, party, "" if role is Role.MARKET else MARKET)
        market = Market(node)
        market.bank_book.credit("at-bank", "CNY", 10**9)
        market.registry_book.credit("at-registry", "600001", 10**9)
        tx = market.broker.new_tx()
        unified = market.broker.register_user(
            tx=tx,
            broker_user="client",
            bank=BANK,
            bank_user="at-bank",
            registry=REGISTRY,
            registry_user="at-registry",
            person="11" * 32,
            document="22" * 32,
            proofs=[market.wallet.bind(broker=BROKER, tx=tx, user="client")],
        ).result.data["unified"]
        market.broker.register_asset(
            registry=REGISTRY, registry_asset="600001", bank=BANK, currency="CNY"
        )
        deposit(market, str(unified), 10**6)
        market.wallet.bring_onchain(
            unified=str(unified),
            broker=BROKER,
            broker_user="client",
            registry=REGISTRY,
            registry_asset="600001",
            quantity=10**6,
        )
        market.close()


def deposit(market: Market, unified: str, amount: int) -> None:
    market.broker.deposit(
        unified=unified, address=market.wallet.address, amount=amount, currency="CNY"
    )
