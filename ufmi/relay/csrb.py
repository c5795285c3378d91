"""The regulatory channel as a client sees it, how it is founded, and whether there is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from chaincode.csrb import keys
from chaincode.csrb.records import (
    Anchor,
    Fault,
    Object,
    Parameters,
    Progress,
    Report,
    Snapshot,
    Totals,
)
from ufmi.contract import decode_record, encode_record
from ufmi.crypto import Sm2PrivateKey, Sm2PublicKey
from ufmi.datafolder import RELAY_MEMBER, Ledger, kept_key
from ufmi.errors import AccessDenied, LedgerError, NotFound
from ufmi.ledger import Gateway, Identity, Network
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.embedded.topology import OPERATOR, REGULATOR
from ufmi.system import RandomBytes

CHANNEL = CONTRACT = "csrb"
# No news of a commit for so long: ask the contract how far it is, and go on from there.
STATUS_SECONDS = 15.0
_PAGE = 1_000
_Kind = TypeVar("_Kind")


def has_channel(ledger: Ledger) -> bool:
    """Whether a ledger has the regulatory channel, with a member that may report to it."""
    if isinstance(ledger, EmbeddedLedger):
        channels: Any = ledger.topology.channels
    else:
        channels = ledger.connection.channels
    if CHANNEL not in channels:
        return False
    try:
        ledger.identity(OPERATOR, RELAY_MEMBER)
    except AccessDenied:
        return False
    return True


def relay_identity(ledger: Ledger) -> Identity:
    """The member that reports. Raises NotFound where the ledger has no regulatory channel."""
    if not has_channel(ledger):
        raise NotFound(
            "this ledger has no regulatory channel: it was founded without csrb or its relay",
            hint="Everything else works as before; reports need a ledger founded anew",
        )
    return ledger.identity(OPERATOR, RELAY_MEMBER)


def kept_keys(
    folder: Path,
    regulator: Sm2PublicKey | None,
    password: str | None,
    random_bytes: RandomBytes,
) -> tuple[Sm2PublicKey, Sm2PublicKey]:
    """The key that the relay seals with, and the regulator's; made and saved where missing."""
    own = kept_key(folder / "relay.pem", password, random_bytes).public_key
    if regulator is None:
        regulator = kept_key(folder / "regulator.pem", password, random_bytes).public_key
    return own, regulator


def relay_key(folder: Path, password: str | None) -> Sm2PrivateKey:
    """The key in a data folder that the relay seals with. Raises CryptoError."""
    return Sm2PrivateKey.load(folder / "keys" / "relay.pem", password)


def found(
    ledger: Ledger, own: Sm2PublicKey, regulator: Sm2PublicKey, random_bytes: RandomBytes
) -> None:
    """Calls `init` of the contract, unless an earlier try of the same relay came as far as that.

    Raises:
        LedgerError: it was founded with other keys, or the ledger does not work.
    """
    member = relay_identity(ledger)
    channel = Csrb(Gateway(ledger, member).network(CHANNEL))
    parameters = Parameters(
        nonce=random_bytes(16).hex(),
        relay_msp=OPERATOR,
        relays=(member.fingerprint,),
        seal_keys=(own.to_hex(),),
        regulator_msp=REGULATOR,
        regulator_key=regulator.to_hex(),
    )
    known = channel.record(keys.PARAMETERS, Parameters)
    if known is None:
        channel.contract.submit("init", encode_record(parameters))
    elif replace(parameters, nonce=known.nonce) != known:
        raise LedgerError(
            "the regulatory channel was initialised before, with other keys",
            hint="Go on with the data folder that it was initialised from",
        )


class Csrb:
    """The contract's functions with records instead of bytes. Methods raise LedgerErrors."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.contract = network.contract(CONTRACT)

    def record(self, key: str, kind: type[_Kind]) -> _Kind | None:
        """The record under a key of the state, or None."""
        raw = self.contract.evaluate("get", key.encode())
        return None if raw == b"null" else decode_record(raw, kind)

    def records(self, prefix: str, kind: type[_Kind]) -> Iterator[tuple[str, _Kind]]:
        """All records whose keys begin with a prefix, which ends with a slash, in their order."""
        start, end = prefix, keys.after(prefix)
        while True:
            page = str(_PAGE).encode()
            raw = self.contract.evaluate("scan", start.encode(), end.encode(), page)
            found = msgspec.json.decode(raw)
            for key, record in found:
                yield key, msgspec.convert(record, kind)
            if len(found) < _PAGE:
                return
            start = found[-1][0] + "\x00"

    def parameters(self) -> Parameters:
        """How the channel was founded. Raises NotFound before it was."""
        known = self.record(keys.PARAMETERS, Parameters)
        if known is None:
            raise NotFound("the regulatory channel is not initialised", hint="Run ufmi init")
        return known

    def progress(self, channel: str = "udl") -> Progress:
        """How far a channel has been reported."""
        return decode_record(self.contract.evaluate("progress", channel.encode()), Progress)

    def totals(self, channel: str = "udl") -> Totals:
        """How much was reported of a channel."""
        return self.record(keys.totals(channel), Totals) or Totals()

    def report(self, report: Report) -> None:
        """Submits a report and waits for its commit.

        Raises:
            LedgerError: it failed, or nobody knows; `progress` tells which.
        """
        endorsed = self.contract.new_proposal("report", encode_record(report)).endorse()
        endorsed.submit().require_valid(STATUS_SECONDS)

    def object(self, id: str) -> Object | None:
        """An object over its life."""
        return self.record(keys.object(id), Object)

    def snapshot(self, id: str, version: int) -> Snapshot | None:
        """A version of an object: header and hash."""
        return self.record(keys.snapshot(id, version), Snapshot)

    def snapshots(self, id: str = "") -> Iterator[Snapshot]:
        """All versions of an object; of all objects if none is named."""
        prefix = keys.snapshots(id) if id else "snapshot/"
        return (one for _, one in self.records(prefix, Snapshot))

    def anchor(self, number: int, channel: str = "udl") -> Anchor | None:
        """What is fixed of a block."""
        return self.record(keys.anchor(channel, number), Anchor)

    def faults(self, owner: str = "") -> Iterator[Fault]:
        """The exception log, of an owner or of all."""
        return (one for _, one in self.records(keys.faults(owner), Fault))
