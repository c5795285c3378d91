"""One UFMI: ledger, front-end and keys in one data folder.

DIR/ledger     the embedded ledger: blocks, state, organisations; or
DIR/fabric.json  which Fabric network is the ledger
DIR/frontend   journal, documents, progress of the front-end
DIR/keys       SM2 keys: operator-1.pem …, frontend.pem, relay.pem, regulator.pem
DIR/relay      what the relay has folded so far; it can be deleted
DIR/snapshots  bodies of report objects, unless they are kept elsewhere
DIR/books      books of reference banks and registries (demonstrations and tests)
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from chaincode.udl.ask import Answer
from ufmi import frontend_key
from ufmi.contract import decode_record
from ufmi.crypto import Signer, Sm2PrivateKey, Sm2PublicKey
from ufmi.datafolder import (
    CONTRACTS,
    FABRIC_FILE,
    FRONTEND_MEMBER,
    FabricPlace,
    Ledger,
    create_embedded,
    fabric_ledger,
    has_ledger,
    initialise,
    kept_key,
    network_of,
    open_ledger,
    take_clock,
)
from ufmi.errors import LedgerError, NotFound
from ufmi.frontend import Frontend
from ufmi.frontend.expiry import scan
from ufmi.ledger import Gateway, Identity, Network
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.embedded.topology import OPERATOR
from ufmi.protocol import Line
from ufmi.protocol import keys as state
from ufmi.protocol.records import (
    Account,
    Address,
    Amendment,
    Asset,
    Cash,
    InitParameters,
    OrderRecord,
    Outcome,
    Party,
    Record,
    Update,
    User,
    Withdrawal,
)
from ufmi.protocol.records import Network as NetworkRecord
from ufmi.relay import csrb
from ufmi.relay.opening import open_relay
from ufmi.relay.relay import Relay
from ufmi.system import Clock, RandomBytes, write_file

__all__ = [
    "CONTRACTS",
    "FABRIC_FILE",
    "FRONTEND_MEMBER",
    "Ledger",
    "Node",
    "has_ledger",
    "kept_key",
]

_Kind = TypeVar("_Kind", bound=Record)


class Node:
    """An open UFMI. Use it as a context manager, or `close` it."""

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        frontend_key: Sm2PrivateKey,
        in_flight: int,
        random_bytes: RandomBytes,
    ) -> None:
        self.folder = folder
        self.ledger = ledger
        self.clock: Clock = ledger.clock
        self.random_bytes = random_bytes
        self.gateway = Gateway(ledger, ledger.identity(OPERATOR, FRONTEND_MEMBER))
        self.channel: Network = self.gateway.network("udl")
        self._contract = self.channel.contract("udl")
        record = self.record(state.NETWORK, NetworkRecord)
        if record is None:
            raise NotFound(f"the ledger in {folder} is not initialised", hint="Run ufmi init")
        self.network = record.digest
        self.frontend_key = frontend_key.public_key
        self.frontend = Frontend(
            self.gateway,
            folder / "frontend",
            Signer.of(frontend_key),
            self.clock,
            in_flight=in_flight,
            random_bytes=random_bytes,
        )

    @classmethod
    def create(
        cls,
        folder: Path | str,
        *,
        operators: Sequence[Sm2PrivateKey] = (),
        threshold: int = 2,
        fabric: Path | str | None = None,
        regulator: Sm2PublicKey | None = None,
        clock: Clock | None = None,
        in_flight: int = 0,
        random_bytes: RandomBytes = os.urandom,
        password: str | None = None,
        strict: bool = False,
    ) -> Node:
        """Founds a UFMI in a folder that has none.

        Args:
            operators: the operator's keys; three are made and saved if none are given.
            threshold: how many of them an admission needs.
            fabric: the connection folder of a Fabric network; an embedded ledger if not given.
            regulator: the key that private report objects are enveloped for; one is made and
                saved if none is given.
            clock: the system's, or a controlled one for tests and demonstrations.
            password: protects the keys that are saved.
            strict: execute everything again in a second process, and compare.

        Raises:
            LedgerError: there is one already, in the folder or on the network.
        """
        folder = Path(folder)
        if has_ledger(folder):
            raise LedgerError(f"{folder} has a ledger already", hint="Take another folder")
        keys = folder / "keys"
        if not operators:
            operators = [
                kept_key(keys / f"operator-{at}.pem", password, random_bytes) for at in (1, 2, 3)
            ]
        frontend_key = kept_key(keys / "frontend.pem", password, random_bytes)

        def found(ledger: Ledger, member: Identity) -> None:
            parameters = InitParameters(
                nonce=random_bytes(16).hex(),
                operators=tuple([key.public_key.to_hex() for key in operators]),
                threshold=threshold,
                frontend_msp=OPERATOR,
                frontend_certificate=member.fingerprint,
                frontend_key=frontend_key.public_key.to_hex(),
                clock=ledger.clock.mode,
            )
            initialise(ledger, member, parameters)
            if csrb.has_channel(ledger):
                own, theirs = csrb.kept_keys(keys, regulator, password, random_bytes)
                csrb.found(ledger, own, theirs, random_bytes)

        if fabric is not None:
            place = FabricPlace(str(Path(fabric).absolute()))
            with fabric_ledger(place, clock, random_bytes) as ledger:
                found(ledger, ledger.identity(OPERATOR, FRONTEND_MEMBER))
                used = ledger.clock
            write_file(folder / FABRIC_FILE, msgspec.json.encode(place))
        else:
            used = create_embedded(folder, found, clock, random_bytes, strict)
        return cls.open(
            folder,
            clock=used,
            in_flight=in_flight,
            random_bytes=random_bytes,
            password=password,
            strict=strict,
        )

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        clock: Clock | None = None,
        in_flight: int = 0,
        random_bytes: RandomBytes = os.urandom,
        password: str | None = None,
        strict: bool = False,
    ) -> Node:
        """Opens a UFMI. A ledger founded on a controlled clock goes on with one.

        Raises:
            NotFound: there is none.
            LedgerInUse: another process has it open.
            StoreCorrupted, JournalCorrupted: its files contradict themselves.
            LedgerError: the Fabric network cannot be reached.
        """
        folder = Path(folder)
        ledger = open_ledger(folder, clock, random_bytes, strict)
        try:
            if clock is None:
                take_clock(ledger)
            key = frontend_key.load(folder, network_of(ledger), password)
            return cls(folder, ledger, key, in_flight, random_bytes)
        except BaseException:
            ledger.close()
            raise

    @property
    def embedded(self) -> EmbeddedLedger:
        """The embedded ledger. Raises LedgerError where the ledger is a Fabric network."""
        if isinstance(self.ledger, EmbeddedLedger):
            return self.ledger
        raise LedgerError(
            "this ledger is a Fabric network, whose peers verify every block themselves"
        )

    # -- queries ----------------------------------------------------------------------------

    def record(self, key: str, kind: type[_Kind]) -> _Kind | None:
        """The record under a state key of channel `udl`, or None."""
        raw = self._contract.evaluate("get", key.encode())
        return None if raw == b"null" else decode_record(raw, kind)

    def records(self, prefix: str, kind: type[_Kind]) -> list[tuple[str, _Kind]]:
        """All records whose keys begin with a prefix such as `order/`."""
        return [
            (key, msgspec.convert(record, kind)) for key, record in scan(self._contract, prefix)
        ]

    def ask(self, line: Line) -> Answer:
        """Puts a signed question, X3 or P3. Code `OK` and the answer's text, or the refusal."""
        return msgspec.json.decode(self._contract.evaluate("ask", line.encode()), type=Answer)

    def party(self, institution: str) -> Party | None:
        """A market or institution."""
        return self.record(state.party(institution), Party)

    def user(self, unified: str) -> User | None:
        """A user's unified account (7.3)."""
        return self.record(state.user(unified), User)

    def account(self, unified: str, broker: str) -> Account | None:
        """A user's account with a broker."""
        user = self.user(unified)
        accounts = user.accounts if user else ()
        return next((one for one in accounts if one.broker == broker), None)

    def address(self, address: str) -> Address | None:
        """Whose an address is."""
        return self.record(state.address(address), Address)

    def asset(self, code: str) -> Asset | None:
        """An asset in UAR (8.3)."""
        return self.record(state.asset(code), Asset)

    def order(self, address: str, number: str) -> OrderRecord | None:
        """An order by its owner's address and its number."""
        return self.record(state.order(address, number), OrderRecord)

    def update(self, broker: str, tx: str) -> Update | None:
        """An update of an account (X2)."""
        return self.record(state.update(broker, tx), Update)

    def amendment(self, broker: str, tx: str) -> Amendment | None:
        """An update of an asset (P2)."""
        return self.record(state.amendment(broker, tx), Amendment)

    def withdrawal(self, address: str, tx: str) -> Withdrawal | None:
        """A withdrawal (Y2), with what of each mark became."""
        return self.record(state.withdrawal(address, tx), Withdrawal)

    def result(self, identity: str) -> Outcome | None:
        """The recorded result of a message by its identity."""
        return self.record(state.result(identity), Outcome)

    def cash(self, address: str) -> dict[str, int]:
        """Free money of an address: mark → amount in the smallest unit."""
        record = self.record(state.cash(address), Cash)
        return dict(record.marks) if record else {}

    def holdings(self, address: str) -> dict[str, int]:
        """Free tokens of an address: asset code → quantity in the smallest unit."""
        prefix = f"holding/{address}/"
        return {
            key.removeprefix(prefix): int(record["quantity"])
            for key, record in scan(self._contract, prefix)
        }

    # -- the regulatory channel -------------------------------------------------------------

    def relay(self, password: str | None = None) -> Relay:
        """The relay that reports to channel `csrb`, for this process; close it before the node.

        Raises:
            NotFound: the ledger was founded without the regulatory channel.
            LedgerInUse: another relay works in this data folder.
        """
        return open_relay(
            self.folder, self.ledger, password=password, random_bytes=self.random_bytes
        )

    # -- the end ----------------------------------------------------------------------------

    def close(self) -> None:
        """Ends the front-end, flushes the ledger and lets the folder go."""
        try:
            self.frontend.close()
        finally:
            self.ledger.close()

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
