"""The data folder: which ledger is in it, how it is made and opened, which keys are kept.

DIR/ledger       the embedded ledger: blocks, state, organisations; or
DIR/fabric.json  which Fabric network is the ledger
DIR/keys         SM2 keys: operator-1.pem …, frontend.pem, relay.pem, regulator.pem
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Union

import msgspec

from chaincode.csrb import CsrbContract
from chaincode.udl import UdlContract
from ufmi.contract import decode_record, encode_record
from ufmi.crypto import Sm2PrivateKey
from ufmi.errors import LedgerError, StoreCorrupted
from ufmi.ledger import Gateway, Identity
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.embedded.ledger import Contracts
from ufmi.ledger.embedded.topology import OPERATOR
from ufmi.protocol import keys as state
from ufmi.protocol.records import InitParameters
from ufmi.protocol.records import Network as NetworkRecord
from ufmi.system import Clock, ControlledClock, RandomBytes, SystemClock, sync_folder

CONTRACTS: Contracts = {"udl": {"udl": UdlContract()}, "csrb": {"csrb": CsrbContract()}}
FRONTEND_MEMBER, RELAY_MEMBER = "frontend", "relay"
FABRIC_FILE = "fabric.json"

if TYPE_CHECKING:
    from ufmi.ledger.fabric import FabricLedger

Ledger = Union[EmbeddedLedger, "FabricLedger"]


class FabricPlace(msgspec.Struct, frozen=True):
    """`fabric.json`: the network on which a data folder's UFMI stands."""

    connection: str
    msp: str = OPERATOR


def kept_key(
    path: Path, password: str | None, random_bytes: RandomBytes = os.urandom
) -> Sm2PrivateKey:
    """The key in a file; a new one, saved there, where there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        Sm2PrivateKey.generate(random_bytes).save(path, password)
    return Sm2PrivateKey.load(path, password)


def has_ledger(folder: Path) -> bool:
    """Whether a UFMI was founded in a data folder."""
    return (folder / "ledger" / "ledger.json").exists() or (folder / FABRIC_FILE).exists()


def create_embedded(
    folder: Path,
    found: Callable[[Ledger, Identity], None],
    clock: Clock | None,
    random_bytes: RandomBytes,
    strict: bool,
) -> Clock:
    """Makes the ledger of a data folder, with the members that work on it; returns its clock."""
    # Made aside and moved into its place when it is whole: founding can be interrupted.
    aside = folder / "ledger.new"
    shutil.rmtree(aside, ignore_errors=True)
    with EmbeddedLedger.create(
        aside, CONTRACTS, clock=clock, random_bytes=random_bytes, strict=strict
    ) as ledger:
        ledger.enrol(OPERATOR, RELAY_MEMBER)
        found(ledger, ledger.enrol(OPERATOR, FRONTEND_MEMBER))
        used = ledger.clock
    aside.rename(folder / "ledger")
    sync_folder(folder)
    return used


def initialise(ledger: Ledger, member: Identity, parameters: InitParameters) -> None:
    """Calls `init`, unless an earlier try of the same front-end came as far as that."""
    contract = Gateway(ledger, member).network("udl").contract("udl")
    raw = contract.evaluate("get", state.NETWORK.encode())
    if raw == b"null":
        contract.submit("init", encode_record(parameters))
        return
    known = decode_record(raw, NetworkRecord).parameters
    if msgspec.structs.replace(parameters, nonce=known.nonce) != known:
        raise LedgerError(
            "the network was initialised before, with other keys",
            hint="Go on with the data folder that it was initialised from",
        )


@contextmanager
def fabric_ledger(
    place: FabricPlace, clock: Clock | None, random_bytes: RandomBytes
) -> Iterator[FabricLedger]:
    """A connection to a network, for the time of a block. Raises LedgerError."""
    ledger = _connect(place, clock, random_bytes)
    try:
        yield ledger
    finally:
        ledger.close()


def open_ledger(
    folder: Path,
    clock: Clock | None = None,
    random_bytes: RandomBytes = os.urandom,
    strict: bool = False,
) -> Ledger:
    """The ledger of a data folder. Raises what `Node.open` does."""
    try:
        raw = (folder / FABRIC_FILE).read_bytes()
    except FileNotFoundError:
        return EmbeddedLedger.open(
            folder / "ledger",
            CONTRACTS,
            clock=clock or SystemClock(),
            random_bytes=random_bytes,
            strict=strict,
        )
    try:
        place = msgspec.json.decode(raw, type=FabricPlace)
    except msgspec.DecodeError as problem:
        raise StoreCorrupted(f"{folder / FABRIC_FILE} cannot be read: {problem}") from problem
    return _connect(place, clock, random_bytes)


def _connect(place: FabricPlace, clock: Clock | None, random_bytes: RandomBytes) -> FabricLedger:
    try:
        # Not installed with plain `ufmi`, and not needed by the embedded ledger.
        from ufmi.ledger.fabric import FabricLedger
    except ImportError as problem:
        raise LedgerError(
            f"the packages for Fabric are missing: {problem}", hint="Install ufmi[fabric]"
        ) from problem
    return FabricLedger(Path(place.connection), place.msp, clock=clock, random_bytes=random_bytes)


def take_clock(ledger: Ledger) -> None:
    """Gives a ledger that was founded on a controlled clock one that goes on from its end."""
    record = network_of(ledger)
    if record is not None and record.parameters.clock == "controlled":
        network = Gateway(ledger, ledger.identity(OPERATOR, FRONTEND_MEMBER)).network("udl")
        ledger.clock = ControlledClock(network.newest_time("udl"))


def network_of(ledger: Ledger) -> NetworkRecord | None:
    """What `init` recorded on channel `udl`; None before."""
    network = Gateway(ledger, ledger.identity(OPERATOR, FRONTEND_MEMBER)).network("udl")
    raw = network.contract("udl").evaluate("get", state.NETWORK.encode())
    return None if raw == b"null" else decode_record(raw, NetworkRecord)


def workers(ledger: EmbeddedLedger) -> list[str]:
    """The operator's members of a ledger that work on it; one founded long ago has no relay."""
    folder = ledger.organisation(OPERATOR).folder
    names = (FRONTEND_MEMBER, RELAY_MEMBER)
    return [name for name in names if (folder / f"{name}-cert.pem").exists()]
