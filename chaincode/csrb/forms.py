"""What each part of a report must look like, before its meaning is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from chaincode.csrb.records import (
    ERROR_MAX,
    ERRORS_MAX,
    LOCATION_MAX,
    OBJECT_ID_MAX,
    OPERATIONS,
    OWNER_MAX,
    SEALS_MAX,
    TYPES,
    VERSIONS_MAX,
    Anchor,
    Fault,
    Parameters,
    Progress,
    Report,
    Snapshot,
    Source,
)
from ufmi.contract.context import KEY_BYTES_MAX
from ufmi.crypto import Sm2PublicKey
from ufmi.errors import ContractFailure, InvalidKey

SNAPSHOTS_MAX = 1_000
ANCHORS_MAX = 1_000
FAULTS_MAX = 500
CORRECTIONS_MAX = 500
RELAYS_MAX = 16

_HASH = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(r"04[0-9a-f]{128}")
_OWNER = re.compile(rf"[^/\x00-\x20\x7f]{{1,{OWNER_MAX}}}")
# What keys of the state are made of has neither blank nor slash.
_ID = re.compile(rf"[^/\x00-\x20\x7f]{{1,{OBJECT_ID_MAX}}}")
_ID_BYTES_MAX = KEY_BYTES_MAX - 24  # what the longest key adds to it
_CHANNEL = re.compile(r"[a-z][a-z0-9.-]{0,63}")


def check_parameters(read: Parameters) -> None:
    """Raises ContractFailure unless a channel can be founded with them."""
    relays = read.relays
    if not 1 <= len(relays) <= RELAYS_MAX or len(set(relays)) != len(relays):
        raise ContractFailure(f"needs 1 to {RELAYS_MAX} different certificates of relays")
    if not all(_HASH.fullmatch(one) for one in relays):
        raise ContractFailure("a relay is named by the SHA-256 of its certificate, in hex")
    if not 1 <= len(read.seal_keys) <= RELAYS_MAX:
        raise ContractFailure(f"needs 1 to {RELAYS_MAX} keys that relays seal with")
    try:
        for key in (*read.seal_keys, read.regulator_key):
            if Sm2PublicKey.from_hex(key).to_hex() != key:
                raise ContractFailure("keys are written in lower case")
    except InvalidKey as problem:
        raise ContractFailure(f"a key cannot be read: {problem}") from problem
    if not read.relay_msp or not read.regulator_msp:
        raise ContractFailure("the organisations of relays and regulator are named")


def check_report(report: Report) -> None:
    """Raises ContractFailure where a part is too large or not well formed."""
    for name, items, most in (
        ("snapshots", report.snapshots, SNAPSHOTS_MAX),
        ("anchors", report.anchors, ANCHORS_MAX),
        ("exceptions", report.faults, FAULTS_MAX),
        ("corrections", report.corrections, CORRECTIONS_MAX),
    ):
        if len(items) > most:
            raise ContractFailure(f"more than {most} {name} in one report")
    if not _CHANNEL.fullmatch(report.channel):
        raise ContractFailure(f"{report.channel!r} is no name for a channel")
    for anchor in report.anchors:
        _check_anchor(anchor)
    for snapshot in report.snapshots:
        _check_snapshot(snapshot)
    for fault in report.faults:
        _check_fault(fault)


def check_order(report: Report) -> None:
    """The blocks from begin to end, each on the one before it; all that each brings, in its place.

    Raises:
        ContractFailure: something is left out, brought twice or out of its order.
    """
    begin, end = report.begin, report.end
    _check_chain(begin, end, report.anchors)
    if (end.block, end.index) < (begin.block, begin.index) or end.index < 0:
        raise ContractFailure("the end lies before the beginning")
    block, place = begin.block, begin.index
    for source in merged_sources(report):
        if source.block > block:
            block, place = source.block, 0
        if source.channel != report.channel or (source.block, source.place) != (block, place):
            raise ContractFailure(
                f"what stands at block {source.block}, place {source.place} does not follow"
                f" what is before it"
            )
        place += 1
    if block < end.block:
        block, place = end.block, 0
    if (block, place) != (end.block, end.index):
        raise ContractFailure("the end is not where the report ends")


def merged_sources(report: Report) -> Iterable[Source]:
    """The sources of snapshots and exceptions, which together are in order."""
    found = [one.source for one in report.snapshots] + [one.source for one in report.faults]
    return sorted(found, key=lambda source: (source.block, source.place))


def _check_chain(begin: Progress, end: Progress, anchors: tuple[Anchor, ...]) -> None:
    numbers = [anchor.number for anchor in anchors]
    if numbers != list(range(begin.block, end.block)):
        raise ContractFailure("the anchors are not the blocks from begin to end")
    previous = begin.hash
    for anchor in anchors:
        if anchor.previous != previous:
            raise ContractFailure(f"block {anchor.number} does not follow the one before it")
        previous = anchor.hash
    if end.hash != previous:
        raise ContractFailure("the end does not follow from the anchors")


def _check_anchor(anchor: Anchor) -> None:
    if not _HASH.fullmatch(anchor.hash):
        raise ContractFailure(f"the hash of block {anchor.number} is not well formed")


def _check_snapshot(one: Snapshot) -> None:
    fits = (
        is_object_id(one.id)
        and _OWNER.fullmatch(one.owner)
        and one.type in TYPES
        and one.operation in OPERATIONS
        and 0 <= one.version <= VERSIONS_MAX
        and _HASH.fullmatch(one.hash)
        and _HASH.fullmatch(one.content)
        and one.size > 0
        and 0 < len(one.location) <= LOCATION_MAX
        and 0 < len(one.seals) <= SEALS_MAX
        and all(_KEY.fullmatch(key) for key in one.seals)
        and _is_source(one.source)
    )
    if not fits:
        raise ContractFailure(f"the snapshot {one.name[:OBJECT_ID_MAX]} is not well formed")
    if one.replaced:
        raise ContractFailure(f"what {one.name} replaces is kept here, not reported")


def is_object_id(id: str) -> bool:
    """Whether an id can be a part of the state's keys."""
    return bool(_ID.fullmatch(id)) and len(id.encode()) <= _ID_BYTES_MAX


def _check_fault(one: Fault) -> None:
    fits = (
        len(one.id) <= OBJECT_ID_MAX
        and len(one.type) <= OWNER_MAX
        and len(one.operation) <= OWNER_MAX
        and _OWNER.fullmatch(one.owner)
        and (not one.content or _HASH.fullmatch(one.content))
        and 0 < len(one.errors) <= ERRORS_MAX
        and all(0 < len(error) <= ERROR_MAX for error in one.errors)
        and _is_source(one.source)
    )
    if not fits:
        raise ContractFailure("an exception is not well formed")
    if one.corrected:
        raise ContractFailure("an exception is corrected by a correction")


def _is_source(source: Source) -> bool:
    return len(source.transaction) <= OBJECT_ID_MAX and source.line >= 0 and source.place >= 0
