"""One channel of the embedded ledger: its blocks, its state, and how transactions enter both."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ufmi.contract import Contract, Modification
from ufmi.errors import LedgerError, NotFound, StoreCorrupted
from ufmi.ledger import policy
from ufmi.ledger.blocks import (
    COMMIT_HASH,
    SIGNATURES,
    TRANSACTIONS_FILTER,
    Block,
    data_hash,
    header_bytes,
    header_hash,
)
from ufmi.ledger.embedded import rwset
from ufmi.ledger.embedded.genesis import genesis_block
from ufmi.ledger.embedded.statestore import (
    NOT_READ,
    READ_NOTHING,
    READ_VALUE,
    StateStore,
    Write,
)
from ufmi.ledger.embedded.topology import Channel
from ufmi.ledger.embedded.validator import Checked, OwnEndorsement, Validator
from ufmi.ledger.identity import Identity, sha256
from ufmi.ledger.msp import Membership
from ufmi.ledger.protos import VALID, common
from ufmi.recordlog import HEAD_BYTES, RecordLog

RECENT_MAX = 256
_FAILED_MAX = 10_000
_NOTHING: Any = object()


class EmbeddedChannel:
    """A chain of blocks and what it has come to.

    `lock` guards everything; `committed` is notified with every block.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        topology: Channel,
        membership: Membership,
        orderer: Identity,
        contracts: dict[str, Contract],
    ) -> None:
        self.name = name
        self.topology = topology
        self.membership = membership
        self.contracts = contracts
        self.policies = {
            contract: policy.parse(expression, topology.organisations)
            for contract, expression in topology.contracts.items()
        }
        self.lock = threading.RLock()
        self.committed = threading.Condition(self.lock)
        self.closed = False
        # What was endorsed here and is not yet committed, by transaction id.
        self.endorsed: dict[str, OwnEndorsement] = {}
        self.failed: dict[str, LedgerError] = {}
        self._orderer = orderer
        self._blocks = RecordLog(folder / "blocks", ".blocks")
        self.store = StateStore(folder / "state")
        self.validator = Validator(name, membership, self.policies, self.store, self.endorsed)
        self._tip = b""
        self._recover()

    # -- blocks -----------------------------------------------------------------------------

    @property
    def height(self) -> int:
        """How many blocks there are."""
        return self.store.height

    @property
    def tip_hash(self) -> bytes:
        """The hash of the newest block."""
        return self._tip

    @property
    def bytes_total(self) -> int:
        """Size of the block files."""
        return self._blocks.bytes_total

    def block(self, number: int) -> Block:
        """Raises NotFound or StoreCorrupted."""
        with self.lock:
            self.check_open()
            location = self.store.location(number)
            if location is None:
                raise NotFound(f"channel {self.name} has no block {number}")
            return Block.from_bytes(self._blocks.read(location))

    def blocks_on_disk(self) -> Iterator[Block]:
        """All blocks as they stand in the files, for verification."""
        for _, raw in self._blocks.scan():
            yield Block.from_bytes(raw)

    def found(self, envelope: bytes) -> None:
        """Writes block 0."""
        with self.lock:
            self._write(genesis_block(envelope), [Checked("", VALID, [])])

    def commit(self, envelopes: Sequence[bytes], admitted: bool = False) -> None:
        """Orders the envelopes as the next block, validates them and commits what is valid.

        Args:
            admitted: the creators' signatures are verified already.

        Raises:
            StorageFailed: the disk refuses; nothing of the block was taken in.
        """
        with self.lock:
            self.check_open()
            self._make_room(envelopes)
            message = common.Block(
                header=common.BlockHeader(
                    number=self.height,
                    previous_hash=self._tip,
                    data_hash=data_hash(list(envelopes)),
                ),
                data=common.BlockData(data=envelopes),
            )
            checked = self.validator.check(envelopes, admitted)
            try:
                self._write(message, checked)
            except LedgerError as problem:
                for one in checked:
                    self._remember_failure(one.tx_id, problem)
                self.committed.notify_all()
                raise

    def check_open(self) -> None:
        """Raises LedgerError once the ledger is closed."""
        if self.closed:
            raise LedgerError("the ledger is closed", hint="Open it again")

    def _make_room(self, envelopes: Sequence[bytes]) -> None:
        """Flushes the state before a block is made, so that a full disk stops it in time."""
        try:
            self.store.flush_if_full()
        except LedgerError as problem:
            for raw in envelopes:
                self._remember_failure(tx_id_of(raw), problem)
            self.committed.notify_all()
            raise

    def _remember_failure(self, tx_id: str, problem: LedgerError) -> None:
        while len(self.failed) >= _FAILED_MAX:
            del self.failed[next(iter(self.failed))]
        self.failed[tx_id] = problem

    def _write(self, message: Any, checked: list[Checked]) -> None:
        codes = bytes([one.code for one in checked])
        commit_hash = next_commit_hash(self.store.commit_hash, codes, checked)
        message.metadata.metadata.extend([b""] * 5)
        message.metadata.metadata[SIGNATURES] = self._signed_metadata(message.header)
        message.metadata.metadata[TRANSACTIONS_FILTER] = codes
        message.metadata.metadata[COMMIT_HASH] = common.Metadata(
            value=commit_hash
        ).SerializeToString()
        (location,) = self._blocks.append([message.SerializeToString()])
        self.store.apply(
            int(message.header.number),
            location,
            [(one.tx_id, one.code) for one in checked],
            _writes(checked),
            commit_hash,
        )
        self._tip = header_hash(message.header)
        self.committed.notify_all()

    def _signed_metadata(self, header: Any) -> bytes:
        """The orderer's signature over the block."""
        value = orderer_block_metadata()
        signature_header = common.SignatureHeader(
            creator=self._orderer.serialized, nonce=sha256(header.data_hash)[:24]
        ).SerializeToString()
        signed = value + signature_header
        signed += header_bytes(header.number, header.previous_hash, header.data_hash)
        return bytes(
            common.Metadata(
                value=value,
                signatures=[
                    common.MetadataSignature(
                        signature_header=signature_header, signature=self._orderer.sign(signed)
                    )
                ],
            ).SerializeToString()
        )

    # -- start and end ----------------------------------------------------------------------

    def _recover(self) -> None:
        """Brings the state up from the block file, from where it was last flushed."""
        start = None
        if self.height:
            location = self.store.location(self.height - 1)
            if location is None:
                raise StoreCorrupted(f"the index of channel {self.name} lacks its newest block")
            self._tip = Block.from_bytes(self._blocks.read(location)).hash
            start = (location[0], location[1] + HEAD_BYTES + location[2])
        for location, raw in self._blocks.scan(start, repair=True):
            block = Block.from_bytes(raw)
            header = block.message.header
            if block.number != self.height or header.previous_hash != self._tip:
                raise StoreCorrupted(f"block {block.number} does not follow the one before it")
            checked = decode_checked(block)
            commit_hash = next_commit_hash(self.store.commit_hash, block.codes, checked)
            self.store.apply(
                block.number,
                location,
                [(one.tx_id, one.code) for one in checked],
                _writes(checked),
                commit_hash,
            )
            self.store.flush_if_full()
            self._tip = block.hash

    def history(self, namespace: str, key: str, limit: int) -> list[Modification]:
        """The values of a key, newest first, read from the blocks that wrote them."""
        found: list[Modification] = []
        version = self.store.newest_version(namespace, key)
        while version is not None and len(found) < limit:
            number, at = version
            transaction = list(self.block(number).transactions())[at]
            endorsed = transaction.endorsed
            sets = rwset.decode(endorsed.action.results) if endorsed else []
            one = next((one for one in sets if one.namespace == namespace), None)
            if endorsed is None or one is None or key not in one.writes:
                raise StoreCorrupted(f"block {number} does not write {key} as indexed")
            found.append(Modification(transaction.tx_id, endorsed.time_ms, one.writes[key]))
            version = one.reads.get(key) or self.store.version_before(namespace, key, version)
        return found

    def anchor(self) -> tuple[Any, ...]:
        """Takes note of where the channel is, for `revert`."""
        with self.lock:
            place, tip = self._blocks.place(), self._tip
            return place, tip, self.height, self.store.commit_hash, self.store.hold()

    def revert(self, anchor: tuple[Any, ...]) -> None:
        """Goes back to an anchor: later blocks are gone as if they had never been."""
        with self.lock:
            place, tip, height, commit_hash, pending = anchor
            self._blocks.cut_back(place)
            self.store.revert(pending, height, commit_hash)
            self._tip = tip
            self.endorsed.clear()

    def close(self) -> None:
        """Flushes the state and closes the files."""
        with self.lock:
            if self.closed:
                return
            self.closed = True
            self.committed.notify_all()
            try:
                self.store.close()
            finally:
                self._blocks.close()


def tx_id_of(envelope: bytes) -> str:
    """The transaction id that an admitted envelope names."""
    payload = common.Payload.FromString(common.Envelope.FromString(envelope).payload)
    return str(common.ChannelHeader.FromString(payload.header.channel_header).tx_id)


def orderer_block_metadata() -> bytes:
    """What the orderer's signature covers besides the header: block 0 is the last config."""
    return bytes(
        common.OrdererBlockMetadata(last_config=common.LastConfig(index=0)).SerializeToString()
    )


def next_commit_hash(previous: bytes, codes: bytes, checked: Sequence[Checked]) -> bytes:
    """Chains what each block did to the state: validation codes and what the valid wrote."""
    digest = hashlib.sha256(len(codes).to_bytes(4, "big") + codes)
    for one in checked:
        if one.code == VALID:
            digest.update(one.results)
    digest.update(previous)
    return digest.digest()


def decode_checked(block: Block) -> list[Checked]:
    """The transactions of a committed block with the verdicts that stand in it."""
    checked = []
    for one in block.transactions():
        results, sets = b"", []
        if one.valid and one.endorsed is not None:
            results = one.endorsed.action.results
            sets = rwset.decode(results)
        checked.append(Checked(one.tx_id if one.endorsed else "", one.code, sets, results))
    return checked


def _writes(checked: Sequence[Checked]) -> Iterator[Write]:
    for at, one in enumerate(checked):
        if one.code == VALID:
            for sets in one.sets:
                reads = sets.reads
                for key, value in sets.writes.items():
                    version = reads.get(key, _NOTHING)
                    if version is None:
                        read = READ_NOTHING
                    else:
                        read = NOT_READ if version is _NOTHING else READ_VALUE
                    yield sets.namespace, key, at, value, read
