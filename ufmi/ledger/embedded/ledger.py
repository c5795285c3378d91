"""The embedded ledger: a Fabric network in one process, kept in one folder.

ledger = EmbeddedLedger.create(folder, contracts={"udl": {"udl": UdlContract()}})
gateway = Gateway(ledger, ledger.identity("OperatorMSP", "frontend"))
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from ufmi.contract import Contract
from ufmi.errors import (
    AccessDenied,
    CommitStatusError,
    LedgerError,
    NotFound,
    StoreCorrupted,
    SubmitError,
)
from ufmi.ledger.ca import Organisation
from ufmi.ledger.embedded.channel import EmbeddedChannel
from ufmi.ledger.embedded.genesis import config_envelope
from ufmi.ledger.embedded.orderer import Orderer
from ufmi.ledger.embedded.peer import Peers
from ufmi.ledger.embedded.strict import SecondProcess
from ufmi.ledger.embedded.topology import DEFAULT, Topology
from ufmi.ledger.identity import Identity
from ufmi.ledger.msp import Membership
from ufmi.ledger.protos import common, gateway, orderer
from ufmi.system import Clock, FolderLock, RandomBytes, SystemClock, write_file

# Contracts by channel and name.
Contracts = Mapping[str, Mapping[str, Contract]]

_WAIT_SECONDS = 0.2
_NEWEST = 2**64 - 1


class EmbeddedLedger:
    """A ledger folder opened by this process. Implements `ufmi.ledger.transport.Transport`."""

    kind = "embedded"

    def __init__(
        self,
        folder: Path,
        contracts: Contracts,
        clock: Clock | None = None,
        random_bytes: RandomBytes = os.urandom,
        strict: bool = False,
    ) -> None:
        """Opens a folder that `create` made.

        Args:
            strict: execute once for each endorsing organisation, in a second process, and compare.

        Raises:
            NotFound: there is no ledger.
            LedgerInUse: another process has it open.
            StoreCorrupted: its files contradict themselves.
            LedgerError: strict, and the second process cannot import a contract.
        """
        self.folder = folder
        self.clock: Clock = clock or SystemClock()
        self.wall_clock: Clock = SystemClock()
        self.random_bytes = random_bytes
        self.topology = _read_topology(folder)
        self._closed = False
        self._lock = FolderLock(folder)
        self._channels: dict[str, EmbeddedChannel] = {}
        self._orderers: dict[str, Orderer] = {}
        self._peers: dict[str, Peers] = {}
        self.second: SecondProcess | None = None
        try:
            if strict:
                self.second = SecondProcess(contracts)
            for name in self.topology.channels:
                self._open_channel(name, dict(contracts.get(name, {})))
        except BaseException:
            self.close()
            raise
        self.clock.not_before(self.newest_time())

    @classmethod
    def create(
        cls,
        folder: Path | str,
        contracts: Contracts,
        topology: Topology = DEFAULT,
        clock: Clock | None = None,
        random_bytes: RandomBytes = os.urandom,
        strict: bool = False,
    ) -> EmbeddedLedger:
        """Makes a ledger in a folder that has none: organisations, identities, block 0.

        Raises:
            LedgerError: there is one already.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "ledger.json").exists():
            raise LedgerError(f"{folder} has a ledger already", hint="Open it, or take another")
        names = sorted({*topology.organisations, topology.orderer})
        for msp in names:
            organisation = Organisation.create(folder / "organisations" / msp, msp)
            organisation.enrol("admin", "admin")
            if msp == topology.orderer:
                organisation.enrol("orderer", "orderer")
            else:
                organisation.enrol("peer0", "peer")
        write_file(folder / "ledger.json", msgspec.json.encode(topology), 0o644)
        return cls(folder, contracts, clock, random_bytes, strict)

    @classmethod
    def open(
        cls,
        folder: Path | str,
        contracts: Contracts,
        clock: Clock | None = None,
        random_bytes: RandomBytes = os.urandom,
        strict: bool = False,
    ) -> EmbeddedLedger:
        """Opens an existing ledger; see the constructor."""
        return cls(Path(folder), contracts, clock, random_bytes, strict)

    def _open_channel(self, name: str, contracts: dict[str, Contract]) -> None:
        topology = self.topology.channels[name]
        names = (*topology.organisations, self.topology.orderer)
        authorities = {msp: self.organisation(msp).authority for msp in names}
        signer = self.identity(self.topology.orderer, "orderer")
        channel = EmbeddedChannel(
            name,
            self.folder / "channels" / name,
            topology,
            Membership(authorities),
            signer,
            contracts,
        )
        self._channels[name] = channel
        if channel.height == 0:
            channel.found(
                config_envelope(
                    name,
                    topology,
                    self.topology.orderer,
                    authorities,
                    signer,
                    self.random_bytes(24),
                    self.clock.now_ms(),
                )
            )
        self._orderers[name] = Orderer(channel)
        peers = {msp: self.identity(msp, "peer0") for msp in topology.organisations}
        self._peers[name] = Peers(channel, peers, self.second)

    def newest_time(self) -> int:
        """The time of the newest transaction, before which the clock must not go on."""
        newest = 0
        for channel in self._channels.values():
            for transaction in channel.block(channel.height - 1).transactions():
                if transaction.endorsed is not None:
                    newest = max(newest, transaction.endorsed.time_ms)
        return newest

    # -- members ----------------------------------------------------------------------------

    def organisation(self, msp: str) -> Organisation:
        """An organisation of the ledger, whose CA certifies members."""
        return Organisation(self.folder / "organisations" / msp, msp)

    def identity(self, msp: str, name: str) -> Identity:
        """A member certified before. Raises AccessDenied."""
        return self.organisation(msp).member(name)

    def enrol(self, msp: str, name: str, role: str = "client") -> Identity:
        """Certifies a new member."""
        return self.organisation(msp).enrol(name, role)

    # -- channels ---------------------------------------------------------------------------

    def channel(self, name: str) -> EmbeddedChannel:
        """Raises NotFound."""
        try:
            return self._channels[name]
        except KeyError:
            known = ", ".join(self._channels)
            raise NotFound(f"there is no channel {name!r}", hint=f"There are {known}") from None

    @contextmanager
    def anchor(self) -> Iterator[None]:
        """Whatever happens within is undone at the end: blocks, state, events. For tests."""
        for waiting in self._orderers.values():
            waiting.cut()
        anchors = {name: channel.anchor() for name, channel in self._channels.items()}
        try:
            yield
        finally:
            for name, taken in anchors.items():
                self._orderers[name].drop()
                self._channels[name].revert(taken)

    # -- Fabric's Gateway service -----------------------------------------------------------

    def evaluate(self, request: Any) -> Any:
        self.channel(request.channel_id)
        result = self._peers[request.channel_id].evaluate(request.proposed_transaction)
        return gateway.EvaluateResponse(result=result)

    def endorse(self, request: Any) -> Any:
        self.channel(request.channel_id)
        envelope = self._peers[request.channel_id].endorse(
            request.proposed_transaction, request.endorsing_organizations
        )
        return gateway.EndorseResponse(prepared_transaction=envelope)

    def submit(self, request: Any) -> Any:
        self.channel(request.channel_id)
        self._orderers[request.channel_id].submit(request.prepared_transaction)
        return gateway.SubmitResponse()

    def commit_status(self, request: Any, timeout: float | None) -> Any:
        asked = gateway.CommitStatusRequest.FromString(request.request)
        channel = self.channel(asked.channel_id)
        channel.membership.member(asked.identity).verify(request.signature, request.request)
        deadline = None if timeout is None else time.monotonic() + timeout
        with channel.committed:
            while (found := channel.store.transaction(asked.transaction_id)) is None:
                failure = channel.failed.pop(asked.transaction_id, None)
                if failure is not None:
                    raise SubmitError(
                        failure.message, hint=failure.hint, transaction_id=asked.transaction_id
                    ) from failure
                left = None if deadline is None else deadline - time.monotonic()
                if channel.closed or (left is not None and left <= 0):
                    raise CommitStatusError(
                        "the transaction is in no block yet", transaction_id=asked.transaction_id
                    )
                channel.committed.wait(left)
        block, _, code = found
        return gateway.CommitStatusResponse(result=code, block_number=block)

    def chaincode_events(self, request: Any) -> Iterator[Any]:
        asked = gateway.ChaincodeEventsRequest.FromString(request.request)
        channel = self.channel(asked.channel_id)
        channel.membership.member(asked.identity).verify(request.signature, request.request)
        after = asked.after_transaction_id
        for block in self._blocks(channel, _start(channel, asked.start_position), _NEWEST):
            events = []
            for transaction in block.transactions():
                if after:
                    # Everything up to and including this transaction has been seen.
                    after = "" if transaction.tx_id == after else after
                    continue
                event = transaction.event
                if transaction.valid and event and event.chaincode_id == asked.chaincode_id:
                    events.append(event)
            after = ""
            if events:
                yield gateway.ChaincodeEventsResponse(events=events, block_number=block.number)

    def deliver(self, envelope: Any) -> Iterator[Any]:
        payload = common.Payload.FromString(envelope.payload)
        header = common.ChannelHeader.FromString(payload.header.channel_header)
        creator = common.SignatureHeader.FromString(payload.header.signature_header).creator
        channel = self.channel(header.channel_id)
        channel.membership.member(creator).verify(envelope.signature, envelope.payload)
        seek = orderer.SeekInfo.FromString(payload.data)
        stop = _NEWEST if not seek.HasField("stop") else _stop(channel, seek.stop)
        for block in self._blocks(channel, _start(channel, seek.start), stop):
            yield block.message

    def _blocks(self, channel: EmbeddedChannel, start: int, stop: int) -> Iterator[Any]:
        """Blocks in order, waiting for those to come; ends when the ledger closes."""
        number = start
        while number <= stop:
            with channel.committed:
                while number >= channel.height and not channel.closed:
                    channel.committed.wait(_WAIT_SECONDS)
                if channel.closed:
                    return
                block = channel.block(number)
            yield block
            number += 1

    # -- the end ----------------------------------------------------------------------------

    def close(self) -> None:
        """Commits what is waiting, flushes and lets the folder go. Again: does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            for waiting in self._orderers.values():
                waiting.close()
            for channel in self._channels.values():
                channel.close()
        finally:
            if self.second is not None:
                self.second.close()
            self._lock.release()

    def __enter__(self) -> EmbeddedLedger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read_topology(folder: Path) -> Topology:
    try:
        raw = (folder / "ledger.json").read_bytes()
        return msgspec.json.decode(raw, type=Topology)
    except FileNotFoundError as problem:
        raise NotFound(f"there is no ledger in {folder}", hint="Make one: ufmi init") from problem
    except msgspec.DecodeError as problem:
        raise StoreCorrupted(f"{folder / 'ledger.json'} cannot be read: {problem}") from problem


def _start(channel: EmbeddedChannel, position: Any) -> int:
    kind = position.WhichOneof("Type")
    if kind == "oldest":
        return 0
    if kind == "newest":
        return channel.height - 1
    if kind == "specified":
        return int(position.specified.number)
    return channel.height


def _stop(channel: EmbeddedChannel, position: Any) -> int:
    kind = position.WhichOneof("Type")
    if kind == "specified":
        return int(position.specified.number)
    if kind == "oldest":
        return 0
    if kind == "newest":
        return channel.height - 1
    raise AccessDenied("a stream of blocks cannot stop at the next commit")
