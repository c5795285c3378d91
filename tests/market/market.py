"""A market in memory: the contract itself over a dict, with the model beside it.

Every batch that a `Market` executes is checked: results and whole state against the model, the
invariants, and that what was refused changed nothing but its result.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from msgspec.structs import replace

from chaincode.udl import UdlContract
from ufmi.contract.context import Modification, encode_record
from ufmi.protocol import UNRECORDED, Entry, Line, Message, Result, sign
from ufmi.protocol.codes import asset_code, mark_code, user_id
from ufmi.protocol.records import InitParameters

from .compare import assert_same
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
    REGULATOR,
    address,
    public_key,
    signer,
)
from .drafts_changes import Changes
from .invariants import assert_invariants
from .model import Expected, Model

START_MS = 1_750_000_000_000
MSP = "OperatorMSP"
THRESHOLD = 2
PARTIES = (
    (MARKET, "MARKET", ""),
    (BROKER_A, "BROKER", MARKET),
    (BROKER_B, "BROKER", MARKET),
    (BANK_A, "BANK", ""),
    (BANK_B, "BANK", ""),
    (REGISTRY, "REGISTRY", MARKET),
    (MATCHER_A, "MATCHER", MARKET),
    (MATCHER_B, "MATCHER", MARKET),
    (REGULATOR, "REGULATOR", ""),
)
# Wallet → person, unified id, broker, bank. Alice has accounts with both brokers.
WALLETS = {
    "alice": ("alice", user_id(1), BROKER_A, BANK_A),
    "alice-2": ("alice", user_id(1), BROKER_B, BANK_B),
    "bob": ("bob", user_id(2), BROKER_A, BANK_A),
    "carol": ("carol", user_id(3), BROKER_B, BANK_B),
}
# Wallets that nobody has registered yet.
NEWCOMERS = ("dora", "dora-2", "emil", "fritz")
ALICE, BOB, CAROL = user_id(1), user_id(2), user_id(3)
WHOLE = asset_code(REGISTRY, "600001")  # counted in whole units
TENTHS = asset_code(REGISTRY, "600002")  # counted in tenths
MARK_A, MARK_B = mark_code(BANK_A, "CNY"), mark_code(BANK_B, "CNY")


@cache
def certificate(name: str) -> bytes:
    """A self-signed certificate in PEM, as the ledger shows a caller's."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime(2025, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3650))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


class MemoryStub:
    """One transaction over a dict: what a ledger offers to the contract."""

    channel = "udl"

    def __init__(
        self, state: dict[str, bytes], now: int, msp: str = MSP, caller: str = "frontend"
    ) -> None:
        self._state = state
        self.tx_id = "transaction"
        self.timestamp_ms = now
        self.creator_msp = msp
        self.creator_certificate = certificate(caller)
        self.events: list[tuple[str, bytes]] = []

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return [self._state.get(key) for key in keys]

    def put_many(self, items: Sequence[tuple[str, bytes | None]]) -> None:
        for key, value in items:
            assert value is not None, "the contract deletes nothing"
            self._state[key] = value

    def scan(self, start: str, end: str, limit: int) -> list[tuple[str, bytes]]:
        found = [(key, self._state[key]) for key in sorted(self._state) if start <= key < end]
        return found[:limit]

    def history(self, key: str, limit: int) -> list[Modification]:
        return []

    def set_event(self, name: str, payload: bytes) -> None:
        self.events.append((name, payload))


def parameters(**changes: Any) -> dict[str, Any]:
    """Init parameters as plain JSON values."""
    fingerprint = hashlib.sha256(
        x509.load_pem_x509_certificate(certificate("frontend")).public_bytes(Encoding.DER)
    ).hexdigest()
    found = InitParameters(
        nonce="00",
        operators=tuple([public_key(name) for name in OPERATORS]),
        threshold=THRESHOLD,
        frontend_msp=MSP,
        frontend_certificate=fingerprint,
        frontend_key=public_key("frontend"),
        clock="controlled",
    )
    return msgspec.to_builtins(found) | changes


class Market(Changes):
    """The contract with its state, and a clock. Nobody is admitted yet; see `open_market`."""

    def __init__(self) -> None:
        self.state: dict[str, bytes] = {}
        self.now = START_MS
        self.number = 0
        self.contract = UdlContract()
        self.network = self.invoke("init", encode_record(parameters())).decode()
        services = {address(name): ("OPERATOR", public_key(name)) for name in OPERATORS}
        services[address("frontend")] = ("FRONTEND", public_key("frontend"))
        # None switches the comparison off, for tests that write to the state themselves.
        self.model: Model | None = Model(self.network, THRESHOLD, services)
        self.keys = {address(name): name for name in (*OPERATORS, "frontend", *WALLETS, *NEWCOMERS)}

    def copy(self) -> Market:
        """Another market in the same state."""
        other = copy.copy(self)
        other.state = dict(self.state)
        other.model = copy.deepcopy(self.model)
        other.keys = dict(self.keys)
        return other

    # -- calls --------------------------------------------------------------------------------

    def invoke(self, function: str, *arguments: bytes, **caller: str) -> bytes:
        return self.contract.invoke(MemoryStub(self.state, self.now, **caller), function, arguments)

    def line(self, message: Message, by: str = "") -> Line:
        """Signs a message with its sender's key, or with that of another name."""
        return sign(message, signer(by or self.keys.get(message.sender, message.sender)))

    def execute(self, lines: Sequence[Line | bytes], users: Sequence[str] = ()) -> list[Result]:
        """Executes a batch of lines; `users` are the unified ids allotted to them."""
        raw = [line.encode() if isinstance(line, Line) else line for line in lines]
        allotted = [*users, *([""] * (len(raw) - len(users)))]
        entries = []
        for user in allotted:
            self.number += 1
            entries.append(Entry(self.number, self.now, user))
        before = dict(self.state)
        answer = self.invoke("execute", encode_record(entries), *raw)
        results = msgspec.json.decode(answer, type=list[Result])
        assert len(results) == len(raw)
        if self.model is not None:
            self._check(before, raw, allotted, results)
        return results

    def _check(
        self,
        before: dict[str, bytes],
        raw: Sequence[bytes],
        allotted: Sequence[str],
        results: Sequence[Result],
    ) -> None:
        assert self.model is not None
        for line, user, result in zip(raw, allotted, results, strict=True):
            expected = self.model.apply(line, self.now, user)
            shown = (line, result, sorted(expected.codes))
            assert result.code in expected.codes, shown
            assert result.repeated == expected.repeated, shown
            self._check_data(expected, result)
            self.model.record(expected, result.code)
        changed = {key for key, value in self.state.items() if before.get(key) != value}
        if not any(result.accepted and not result.repeated for result in results):
            assert changed == recorded(results), changed
        assert_same(self.state, self.model)
        assert_invariants(self.state)

    @staticmethod
    def _check_data(expected: Expected, result: Result) -> None:
        """What the result brings is what the model expects; lists in any order."""
        for name, value in (expected.data or {}).items():
            found = result.data.get(name, [] if isinstance(value, list) else "")
            found = sorted(found) if isinstance(found, list) else found
            assert found == value, (name, found, value)

    # -- one message --------------------------------------------------------------------------

    def send(self, message: Message, by: str = "", user: str = "") -> Result:
        """Executes one message in a batch of its own."""
        return self.execute([self.line(message, by)], [user])[0]

    def accept(self, *messages: Message, user: str = "") -> Result:
        """Sends messages that have to be accepted, each in a batch; gives the last result."""
        result = None
        for message in messages:
            result = self.send(message, user=user)
            assert result.accepted, result
        assert result is not None
        return result

    def refuse(self, message: Message, code: str, by: str = "", user: str = "") -> Result:
        """Sends a message that has to be refused with a code, changing nothing else."""
        before = dict(self.state)
        result = self.send(message, by, user)
        assert result.code == code, result
        changed = {key for key, value in self.state.items() if before.get(key) != value}
        assert changed == recorded([result]), changed
        return result

    def advance(self, milliseconds: int) -> None:
        self.now += milliseconds

    # -- what a market needs ------------------------------------------------------------------

    def admit_party(self, party: str, role: str, market: str = "", **changes: Any) -> Result:
        tx = self.new_tx()
        for operator in range(THRESHOLD):
            result = self.accept(self.admit(party, role, market, operator, tx=tx, **changes))
        return result

    def register(self, wallet: str, unified: str = "") -> None:
        """Registers a wallet of `WALLETS` with its person, confirmed by bank and registry."""
        who, user, broker, bank = WALLETS[wallet]
        x1 = self.x1(who, [wallet], broker=broker, bank=bank, unified=unified)
        self.accept(x1, user="" if unified else user)
        self.accept(self.x1_bank(x1, user), self.x1_registry(x1, user))

    def by_operators(self, draft: Message) -> Result:
        """A message of governance from as many operators as it takes."""
        result = None
        for operator in OPERATORS[:THRESHOLD]:
            result = self.accept(replace(draft, sender=address(operator)))  # type: ignore[call-arg]
        assert result is not None and result.code == "OK"
        return result

    def set_status(self, kind: str, subject: str, status: str) -> Result:
        """The operators give something a status."""
        return self.by_operators(self.status(kind, subject, status))

    def name_receiving(self, *banks: str) -> None:
        """Banks name the addresses to which withdrawals go."""
        for bank in banks:
            self.accept(self.receive(bank))

    def list_asset(self, registry_asset: str, decimals: int) -> None:
        p1 = self.p1(registry_asset)
        self.accept(p1, self.p1_registry(p1, decimals=decimals))

    def deposit(self, wallet: str, amount: int, payer: str = "") -> None:
        """Money comes onto a wallet, through the broker and bank of it or of a payer."""
        who, unified, broker, bank = WALLETS[payer or wallet]
        y1 = self.y1(who, unified, wallet, amount, broker=broker, bank=bank)
        self.accept(y1, self.y1_locked(y1))

    def bring(self, wallet: str, registry_asset: str, quantity: int) -> None:
        """An asset comes onto a wallet."""
        who, unified, broker, _ = WALLETS[wallet]
        z1 = self.z1(who, unified, wallet, registry_asset, quantity, broker=broker)
        self.accept(z1, self.z1_locked(z1))

    def free_cash(self, wallet: str) -> dict[str, int]:
        raw = self.state.get(f"cash/{address(wallet)}")
        return dict(msgspec.json.decode(raw)["marks"]) if raw else {}

    def holding(self, wallet: str, asset: str = WHOLE) -> int:
        raw = self.state.get(f"holding/{address(wallet)}/{asset}")
        return int(msgspec.json.decode(raw)["quantity"]) if raw else 0

    def record(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.state[key])
        return found

    def change(self, key: str, **fields: Any) -> None:
        """Writes to the state what no message writes so soon; the model stands aside."""
        self.model = None
        self.state[key] = msgspec.json.encode(self.record(key) | fields)


def recorded(results: Sequence[Result]) -> set[str]:
    """The keys under which these results are recorded."""
    return {
        f"result/{result.id}"
        for result in results
        if result.code not in UNRECORDED and not result.repeated
    }


def open_up(market: Market) -> Market:
    """Admits parties, registers users, lists two assets."""
    for party, role, of_market in PARTIES:
        market.admit_party(party, role, of_market)
    market.list_asset("600001", 0)
    market.list_asset("600002", 1)
    market.accept(market.p1("600001", BANK_B))
    for wallet in WALLETS:
        market.register(wallet, ALICE if wallet == "alice-2" else "")
    return market


def fund(market: Market) -> Market:
    """Brings cash and assets onto the wallets; Alice has money of both banks."""
    for wallet, amount in (("alice", 1_000), ("bob", 800), ("carol", 600)):
        market.deposit(wallet, amount)
        market.bring(wallet, "600001", 100)
        market.bring(wallet, "600002", 500)
    market.deposit("alice", 500, payer="alice-2")
    market.name_receiving(BANK_A, BANK_B)
    return market


@cache
def _opened() -> Market:
    return open_up(Market())


@cache
def _funded() -> Market:
    return fund(open_market())


def open_market() -> Market:
    """Parties are admitted, users registered, two assets listed; nobody owns anything yet."""
    return _opened().copy()


def funded_market() -> Market:
    """As `open_market`, and users own cash and assets; Alice money of both banks."""
    return _funded().copy()
