"""A small market over a data folder, for tests of the front-end: parties, users, messages."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ufmi.crypto import Signer, Sm2PrivateKey, sm3, sm3_hex
from ufmi.frontend import executed_lines
from ufmi.frontend.deliveries import ExecutedLine
from ufmi.node import Node
from ufmi.protocol import Line, Message, sign
from ufmi.protocol.codes import mark_code, user_id
from ufmi.protocol.funds import Y1, Y1Locked
from ufmi.protocol.governance import Admit
from ufmi.protocol.users import X1, X1Bank, X1Registry
from ufmi.sdk import Broker, Operator, Wallet

MARKET, BROKER, BANK = "MXBJE", "NBROKCNBJXXX", "NBANKCNBJXXX"
REGISTRY, MATCHER = "NREGICNBJXXX", "NMATCCNBJXXX"
PARTIES = (
    (MARKET, "MARKET", ""),
    (BROKER, "BROKER", MARKET),
    (BANK, "BANK", ""),
    (REGISTRY, "REGISTRY", MARKET),
    (MATCHER, "MATCHER", MARKET),
)
USERS = 4
DAY_MS = 24 * 3_600_000


@cache
def signer(name: str) -> Signer:
    """The key of a name, the same in every process."""
    return Signer.of(key(name))


@cache
def key(name: str) -> Sm2PrivateKey:
    return Sm2PrivateKey(sm3(f"key of {name}".encode()))


OPERATORS = ("operator-1", "operator-2", "operator-3")


def wallet(user: int) -> Signer:
    return signer(f"wallet-{user}")


def found(folder: Path, **options: Any) -> Node:
    """A new node whose operators' keys are known."""
    return Node.create(folder, operators=[key(name) for name in OPERATORS], **options)


class Town:
    """Messages for one node, signed by whoever has to."""

    _numbers = itertools.count(1)

    def __init__(self, node: Node) -> None:
        self.node = node

    def tx(self) -> str:
        return self.node.random_bytes(12).hex()

    def head(self, sender: str, tx: str = "") -> dict[str, Any]:
        return {
            "tx": tx or self.tx(),
            "network": self.node.network,
            "sender": sender,
            "valid_until": self.node.clock.now_ms() + DAY_MS,
        }

    def line(self, message: Message, by: str = "") -> Line:
        return sign(message, signer(by or message.sender))

    # -- setting up -------------------------------------------------------------------------

    def admit_all(self) -> None:
        operator = Operator(self.node, [signer(name) for name in OPERATORS[:2]])
        for party, role, market in PARTIES:
            operator.admit(party, role, signer(party).public_key, party, market)

    def register_all(self) -> None:
        """Users 1 … USERS with a wallet each, active, and the bank's money with its mark."""
        broker = Broker(self.node, BROKER, signer(BROKER))
        for user in range(1, USERS + 1):
            tx = self.tx()
            proof = Wallet(self.node, wallet(user)).bind(broker=BROKER, tx=tx, user=f"u{user}")
            x1 = self.x1(f"u{user}", tx=tx, proofs=(proof,))
            assert self.node.frontend.send(self.line(x1)).result.data["unified"] == user_id(user)
            for line in self.confirmations(x1, user_id(user)):
                assert self.node.frontend.send(line).result.accepted
        broker.register_asset(registry=REGISTRY, registry_asset="600001", bank=BANK, currency="CNY")

    def open(self) -> Town:
        self.admit_all()
        self.register_all()
        return self

    # -- messages ---------------------------------------------------------------------------

    def x1(self, who: str, **changes: Any) -> X1:
        message = X1(
            **self.head(BROKER),
            ag=BROKER,
            broker_user=who,
            bank_user=f"b-{who}",
            registry_user=f"r-{who}",
            bank=BANK,
            registry=REGISTRY,
            document=sm3_hex(f"document of {who}".encode()),
            person=sm3_hex(f"person {who}".encode()),
            unified="",
            proofs=(),
        )
        return replace(message, **changes)

    def confirmations(self, x1: X1, unified: str) -> list[Line]:
        """What bank and registry answer to an X1."""
        common = {
            "ag": BROKER,
            "unified": unified,
            "accepted": True,
            "answered": sm3_hex(x1.text().encode()),
            "document": "",
        }
        bank = X1Bank(**self.head(BANK, x1.tx), bank_user=x1.bank_user, **common)
        registry = X1Registry(
            **self.head(REGISTRY, x1.tx), registry_user=x1.registry_user, **common
        )
        return [self.line(bank), self.line(registry)]

    def y1(self, user: int, amount: int, **changes: Any) -> Y1:
        message = Y1(
            **self.head(BROKER),
            ag=BROKER,
            bank=BANK,
            unified=user_id(user),
            broker_user=f"u{user}",
            bank_user=f"b-u{user}",
            currency="CNY",
            amount=amount,
            unit=2,
            address=wallet(user).address,
        )
        return replace(message, **changes)

    def locked(self, y1: Y1, **changes: Any) -> Y1Locked:
        message = Y1Locked(
            **self.head(BANK, y1.tx),
            locked=True,
            ag=BROKER,
            address=y1.address,
            mark=mark_code(BANK, "CNY"),
            amount=y1.amount,
            answered=sm3_hex(y1.text().encode()),
        )
        return replace(message, **changes)

    def admit(self, party: str, operator: str = OPERATORS[0], **changes: Any) -> Admit:
        message = Admit(
            **self.head(signer(operator).address),
            party=party,
            role="BROKER",
            market="",
            name=party,
            key=signer(party).public_key.to_hex(),
        )
        return replace(message, **changes)

    def admissions(self, count: int) -> list[Line]:
        """First approvals, each of another party: they conflict with nothing."""
        names = [f"NTEST{letters(number)}CNXXX"[:12] for number in range(count)]
        return [self.line(self.admit(name), OPERATORS[0]) for name in names]

    def cash(self, user: int) -> int:
        return self.node.cash(wallet(user).address).get(mark_code(BANK, "CNY"), 0)


def letters(number: int) -> str:
    """A number as three capital letters."""
    return "".join(chr(65 + number // 26**place % 26) for place in (2, 1, 0))


def executed(node: Node) -> list[ExecutedLine]:
    """Everything that was executed, in the order of the blocks."""
    return [one for block in node.channel.past_blocks() for one in executed_lines(block)]
