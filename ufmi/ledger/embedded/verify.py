"""`ufmi ledger verify`: does a channel follow from its own blocks, and from nothing else?"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError

from ufmi.errors import AccessDenied, StoreCorrupted
from ufmi.ledger.blocks import (
    COMMIT_HASH,
    SIGNATURES,
    Block,
    data_hash,
    header_bytes,
)
from ufmi.ledger.embedded.channel import EmbeddedChannel, next_commit_hash
from ufmi.ledger.embedded.rwset import Version
from ufmi.ledger.embedded.statestore import Versioned
from ufmi.ledger.embedded.validator import Checked, Validator
from ufmi.ledger.msp import Membership
from ufmi.ledger.protos import VALID, common, validation_name

PROBLEMS_MAX = 100


@dataclass
class Verification:
    """What was checked and what was found wrong."""

    channel: str
    blocks: int = 0
    transactions: int = 0
    keys: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems

    def wrong(self, problem: str) -> None:
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(problem)


class _Replayed:
    """State recomputed from blocks, as the validator reads it."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], tuple[tuple[int, int], bytes]] = {}
        self.transactions: dict[str, tuple[int, int, int]] = {}
        self.height = 0
        # The keys of a namespace in order; made when a range is first asked for, kept from then.
        self._order: dict[str, list[str]] = {}

    def version(self, namespace: str, key: str) -> Version:
        found = self.values.get((namespace, key))
        return found[0] if found else None

    def scan(self, namespace: str, start: str, end: str) -> Iterator[tuple[str, Versioned]]:
        order = self._order.get(namespace)
        if order is None:
            own = [key for name, key in self.values if name == namespace]
            order = self._order[namespace] = sorted(own)
        stop = bisect_left(order, end) if end else len(order)
        for key in order[bisect_left(order, start) : stop]:
            version, value = self.values[namespace, key]
            yield key, (value, version)

    def transaction(self, tx_id: str) -> tuple[int, int, int] | None:
        return self.transactions.get(tx_id)

    def _set(self, namespace: str, key: str, entry: tuple[tuple[int, int], bytes] | None) -> None:
        order = self._order.get(namespace)
        if order is not None and ((namespace, key) in self.values) != (entry is not None):
            if entry is None:
                del order[bisect_left(order, key)]
            else:
                insort(order, key)
        if entry is None:
            self.values.pop((namespace, key), None)
        else:
            self.values[namespace, key] = entry

    def apply(self, number: int, checked: list[Checked]) -> None:
        self.height = number + 1
        for at, one in enumerate(checked):
            if one.tx_id:
                self.transactions.setdefault(one.tx_id, (number, at, one.code))
            if one.code != VALID:
                continue
            for sets in one.sets:
                for key, value in sets.writes.items():
                    entry = None if value is None else ((number, at), value)
                    self._set(sets.namespace, key, entry)


def verify_channel(channel: EmbeddedChannel, orderer_msp: str) -> Verification:
    """Checks hash chain, orderer signatures, every transaction's verdict and the whole state.

    Raises:
        StoreCorrupted: the block files cannot even be read.
    """
    report = Verification(channel.name)
    with channel.lock:
        replayed: Any = _Replayed()
        validator = Validator(channel.name, channel.membership, channel.policies, replayed, {})
        previous, commit_hash = b"", b""
        for block in channel.blocks_on_disk():
            _check_chain(report, block, previous)
            _check_signature(report, block, channel.membership, orderer_msp)
            checked = [Checked("", VALID, [])]
            if block.number:
                checked = validator.check(list(block.message.data.data))
            codes = bytes([one.code for one in checked])
            _check_codes(report, block, checked)
            commit_hash = next_commit_hash(commit_hash, codes, checked)
            if _recorded_commit_hash(block) != commit_hash:
                report.wrong(f"block {block.number}: the commit hash is another")
            replayed.apply(block.number, checked)
            previous = block.hash
            report.blocks += 1
            report.transactions += len(checked)
        if report.blocks != channel.height:
            report.wrong(f"there are {report.blocks} blocks, the state is of {channel.height}")
        _check_state(report, channel, replayed)
    return report


def _check_chain(report: Verification, block: Block, previous: bytes) -> None:
    header = block.message.header
    if block.number != report.blocks:
        report.wrong(f"block {block.number} stands where {report.blocks} should")
    if header.previous_hash != previous:
        report.wrong(f"block {block.number}: the previous hash is another")
    if header.data_hash != data_hash(list(block.message.data.data)):
        report.wrong(f"block {block.number}: the data hash is another")


def _check_signature(
    report: Verification, block: Block, membership: Membership, orderer_msp: str
) -> None:
    header = block.message.header
    try:
        metadata = common.Metadata.FromString(block.message.metadata.metadata[SIGNATURES])
        (one,) = metadata.signatures
        creator = common.SignatureHeader.FromString(one.signature_header).creator
        member = membership.member(creator)
        if (member.msp, member.role) != (orderer_msp, "orderer"):
            raise AccessDenied(f"{member.msp} is not the orderer")
        signed = metadata.value + one.signature_header
        signed += header_bytes(header.number, header.previous_hash, header.data_hash)
        member.verify(one.signature, signed)
    except (AccessDenied, DecodeError, ValueError, IndexError) as problem:
        report.wrong(f"block {block.number}: the orderer's signature does not hold: {problem}")


def _recorded_commit_hash(block: Block) -> bytes | None:
    try:
        raw = block.message.metadata.metadata[COMMIT_HASH]
        return bytes(common.Metadata.FromString(raw).value)
    except (DecodeError, IndexError):
        return None


def _check_codes(report: Verification, block: Block, checked: list[Checked]) -> None:
    try:
        codes = block.codes
    except StoreCorrupted as problem:
        report.wrong(problem.message)
        return
    for at, (code, one) in enumerate(zip(codes, checked, strict=True)):
        if code != one.code:
            report.wrong(
                f"block {block.number}, transaction {at}: recorded as {validation_name(code)},"
                f" found {validation_name(one.code)}"
            )


def _check_state(report: Verification, channel: EmbeddedChannel, replayed: Any) -> None:
    """Compares the recomputed state and index with the stored ones, both ways."""
    expected = dict(replayed.values)
    for namespace, key, (value, version) in channel.store.everything():
        report.keys += 1
        found = expected.pop((namespace, key), None)
        if found is None:
            report.wrong(f"state: {key} follows from no block")
        elif found != (version, value):
            report.wrong(f"state: {key} is not what the blocks say")
    indexed = dict(channel.store.transactions())
    for tx_id in sorted(indexed.keys() | replayed.transactions.keys()):
        if indexed.get(tx_id) != replayed.transactions.get(tx_id):
            report.wrong(f"index: transaction {tx_id} is not what the blocks say")
    for _, key in sorted(expected)[:PROBLEMS_MAX]:
        report.wrong(f"state: {key} is missing")
