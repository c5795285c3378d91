"""A market with many accounts, quickly: seeded through the ledger by a contract of its own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from chaincode.udl import UdlContract
from ufmi.contract import Context, encode_record, submit
from ufmi.crypto import Signer, Sm2PrivateKey, address_of, sm3
from ufmi.frontend.deliveries import header
from ufmi.ledger import Contract, Gateway, Identity
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.embedded.topology import OPERATOR
from ufmi.node import FRONTEND_MEMBER, Node
from ufmi.protocol import Entry, Role, Side, sign
from ufmi.protocol import keys as state
from ufmi.protocol.codes import asset_code, mark_code
from ufmi.protocol.orders import S1, Order, OrderReference
from ufmi.protocol.records import (
    Address,
    Asset,
    Cash,
    Holding,
    InitParameters,
    Key,
    OrderRecord,
    Party,
    Record,
)
from ufmi.protocol.settlement import T1, Leg

BROKER = "NLOTUSCNBXXX"
MARKET, MATCHER, BANK, REGISTRY = "MXBJE", "NMATCHCNBXXX", "NHARBOCNBXXX", "NNORTHCNBXXX"
ASSET = asset_code(REGISTRY, "600001")
MARK = mark_code(BANK, "CNY")
CLASS = "STOCK"
BATCH = 500
LARGE = 10**12
FOREVER = 2**50
_SEEDED_AT_ONCE = 1_000


class SeedingUdl(UdlContract):
    """The contract of `udl` with a door for the benchmark's opening positions."""

    @submit
    def seed(self, context: Context, *pairs: bytes) -> bytes:
        """Writes key, value, key, value … as they are."""
        keys = [key.decode() for key in pairs[::2]]
        context._stub.get_many(keys)
        context._stub.put_many(list(zip(keys, pairs[1::2], strict=True)))
        return b""


CONTRACTS = {"udl": {"udl": SeedingUdl()}}


def pretended_address(number: int) -> tuple[str, str]:
    """Address and key of an account that never signs."""
    body = sm3(number.to_bytes(8, "big"))
    raw = b"\x04" + body + sm3(body)
    return address_of(raw), raw.hex()


class Market:
    """Accounts on whatever ledger: even ones have a buy order, odd ones a sell order."""

    def __init__(self, accounts: int) -> None:
        self.accounts = accounts
        self.random = random.Random(7)
        self.matcher = Signer.of(Sm2PrivateKey.generate())
        self.traders = [Sm2PrivateKey.generate() for _ in range(200)]
        self.frontend_key = Sm2PrivateKey.generate()
        self.network = ""
        self.addresses: list[str] = []
        self._serial = 0

    # -- seeding ----------------------------------------------------------------------------

    def found(self, contract: Contract, member: Identity) -> None:
        """Founds the network, whose front-end is this member."""
        parameters = InitParameters(
            nonce="bench",
            operators=(Sm2PrivateKey.generate().public_key.to_hex(),),
            threshold=1,
            frontend_msp=OPERATOR,
            frontend_certificate=member.fingerprint,
            frontend_key=self.frontend_key.public_key.to_hex(),
        )
        self.network = contract.submit("init", encode_record(parameters)).decode()

    def opening(self) -> Iterator[list[bytes]]:
        """The opening positions, as the arguments of calls of `seed`."""
        # The runtime's limit on arguments is for messages; seeding goes below it.
        pairs: list[bytes] = []
        for key, record in self._records():
            pairs += (key.encode(), encode_record(record))
            if len(pairs) == 2 * _SEEDED_AT_ONCE:
                yield pairs
                pairs = []
        if pairs:
            yield pairs

    def _records(self) -> Iterator[tuple[str, Record]]:
        key = Key(self.matcher.public_key.to_hex(), 0)
        yield state.party(MARKET), Party(MARKET, Role.MARKET, "", "market", (key,))
        yield state.party(MATCHER), Party(MATCHER, Role.MATCHER, MARKET, "matcher", (key,))
        yield (
            state.asset(ASSET),
            Asset(ASSET, REGISTRY, "600001", "shares", CLASS, 0, "CNY", ""),
        )
        for number in range(self.accounts):
            address, public = pretended_address(number)
            self.addresses.append(address)
            record = Address(address, "L000000001", Key(public, 0), broker=BROKER)
            yield state.address(address), record
            yield state.cash(address), Cash({MARK: LARGE})
            buys = number % 2 == 0
            if buys:
                yield state.holding(address, ASSET), Holding(LARGE)
            yield state.order(address, "o"), self._order_record(buys)
        for trader in self.traders:
            address, public = trader.public_key.address, trader.public_key.to_hex()
            record = Address(address, "L000000001", Key(public, 0), broker=BROKER)
            yield state.address(address), record
            yield state.cash(address), Cash({MARK: LARGE})
            yield state.holding(address, ASSET), Holding(LARGE)

    def _order_record(self, buys: bool) -> OrderRecord:
        return OrderRecord(
            asset_class=CLASS,
            asset=ASSET,
            side="BUY" if buys else "SELL",
            price=100,
            quantity=10**9,
            rest=10**9,
            currency="CNY",
            publisher=MATCHER,
            adopters=(),
            matchers=(),
            broadcast=False,
            valid_until=FOREVER,
            text="0" * 64,
            held_cash={MARK: 100 * 10**9} if buys else {},
            held=0 if buys else 10**9,
        )

    # -- messages ---------------------------------------------------------------------------

    def settlements(self, count: int, skewed: bool = False) -> list[bytes]:
        """Signed T1 between random accounts, as encoded lines.

        Skewed: a tenth of the accounts has nine tenths of the trades.
        """
        lines = []
        pairs = self.accounts // 2
        for _ in range(count):
            among = pairs // 10 if skewed and self.random.random() < 0.9 else pairs
            buyer = self.addresses[2 * self.random.randrange(among)]
            seller = self.addresses[2 * self.random.randrange(among) + 1]
            orders = (
                OrderReference("o", CLASS, ASSET, Side.BUY, buyer),
                OrderReference("o", CLASS, ASSET, Side.SELL, seller),
            )
            lines.append(self._settlement(orders, 1 + self.random.randrange(50)))
        return lines

    def _settlement(self, orders: tuple[OrderReference, ...], quantity: int) -> bytes:
        self._serial += 1
        message = T1(
            tx=f"t{self._serial}",
            orders=orders,
            quantity=quantity,
            price=100,
            trade_time=1_700_000_000_000,
            network=self.network,
            sender=MATCHER,
            valid_until=FOREVER,
            market=MARKET,
            legs=(Leg(0, 1, quantity, 100),),
        )
        return sign(message, self.matcher).encode()

    def trades(self, count: int) -> list[bytes]:
        """Whole trades: two S1 with their wallets' signatures, and the T1."""
        lines = []
        for _ in range(count):
            buyer, seller = self.random.sample(self.traders, 2)
            orders = []
            for trader, side in ((buyer, Side.BUY), (seller, Side.SELL)):
                order = self._order(trader, side)
                orders.append(order)
                lines.append(self._publication(trader, order))
            references = tuple(
                OrderReference(one.number, CLASS, ASSET, one.side, one.address) for one in orders
            )
            lines.append(self._settlement(references, 10))
        return lines

    def _order(self, trader: Sm2PrivateKey, side: Side) -> Order:
        self._serial += 1
        return Order(
            number=f"n{self._serial}",
            asset_class=CLASS,
            asset=ASSET,
            side=side,
            network=self.network,
            valid_until=FOREVER,
            address=trader.public_key.address,
            key=trader.public_key.to_hex(),
            price=100,
            quantity=10,
            currency="CNY",
            matchers=(),
            broadcast=False,
        )

    def _publication(self, trader: Sm2PrivateKey, order: Order) -> bytes:
        message = S1(
            tx=f"s{order.number}",
            number=order.number,
            asset_class=CLASS,
            asset=ASSET,
            side=order.side,
            network=self.network,
            sender=MATCHER,
            valid_until=FOREVER,
            market=MARKET,
            order=order,
            signature=trader.sign(order.text().encode()).hex(),
        )
        return sign(message, self.matcher).encode()


class BenchMarket(Market):
    """The market on an embedded ledger of its own."""

    def __init__(self, folder: Path, accounts: int) -> None:
        super().__init__(accounts)
        self.folder = folder
        self.ledger = EmbeddedLedger.create(folder / "ledger", CONTRACTS)
        member = self.ledger.enrol(OPERATOR, FRONTEND_MEMBER)
        self.contract = Gateway(self.ledger, member).network("udl").contract("udl")
        self.found(self.contract, member)
        for pairs in self.opening():
            self.contract.submit("seed", *pairs)
        self.ledger.channel("udl").store.flush()
        self._arrival = 0
        self.node: Node | None = None

    def start_frontend(self) -> Node:
        """The front-end over this ledger, on threads."""
        self.node = Node(self.folder, self.ledger, self.frontend_key, 1, random.randbytes)
        return self.node

    def execute(self, lines: list[bytes]) -> None:
        """Runs lines through the ledger alone, in batches; every one must be accepted."""
        for at in range(0, len(lines), BATCH):
            batch = lines[at : at + BATCH]
            now = self.ledger.clock.now_ms()
            entries = []
            for _ in batch:
                self._arrival += 1
                entries.append(Entry(self._arrival, now))
            answer = self.contract.submit("execute", header(entries), *batch)
            if answer.count(b'"code":"OK"') != len(batch):
                raise RuntimeError(f"a message was refused: {answer[:300]!r}")

    def close(self) -> None:
        if self.node is not None:
            self.node.close()
        else:
            self.ledger.close()
