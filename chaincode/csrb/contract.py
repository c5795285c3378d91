"""The contract of the regulatory channel, named `csrb` on every ledger.

A relay reports block after block of the business channel. Each report begins where the last one
ended, so nothing is reported twice or left out, however many relays run and whenever they die.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from chaincode.csrb import lifecycle
from chaincode.csrb.records import (
    Anchor,
    Fault,
    Object,
    Parameters,
    Progress,
    Report,
    Snapshot,
)
from ufmi.contract import Context, Contract, encode_record, evaluate, submit
from ufmi.errors import ContractFailure

SNAPSHOTS_MAX = 2_000
ANCHORS_MAX = 1_000
FAULTS_MAX = 500
EVENT_REPORTED = "reported"
PARAMETERS = "parameters"

_parameters = msgspec.json.Decoder(Parameters)
_report = msgspec.json.Decoder(Report)


def progress_key(channel: str) -> str:
    return f"progress/{channel}"


def anchor_key(channel: str, number: int) -> str:
    return f"anchor/{channel}/{number:012d}"


def object_key(id: str) -> str:
    return f"object/{id}"


def snapshot_key(id: str, version: int) -> str:
    return f"snapshot/{id}/{version:06d}"


def fault_key(fault: Fault) -> str:
    source = fault.source
    return f"fault/{source.channel}/{source.block:012d}/{source.transaction}/{source.line:04d}"


class CsrbContract(Contract):
    """Headers and hashes of report objects, their life cycle, block anchors, exceptions."""

    name = "csrb"
    SOURCES = ("ufmi.errors",)

    @submit
    def init(self, context: Context, parameters: bytes) -> bytes:
        """Founds the channel: JSON of `Parameters`. Once."""
        context.declare((), (PARAMETERS,))
        if context.get(PARAMETERS, Parameters) is not None:
            raise ContractFailure("the channel is initialised already")
        read = _read(_parameters, parameters, "the parameters")
        if not read.relays or len(set(read.relays)) != len(read.relays):
            raise ContractFailure("needs different certificates of relays")
        context.put(PARAMETERS, read)
        return b""

    @submit
    def report(self, context: Context, raw: bytes) -> bytes:
        """Takes a report (JSON of `Report`) that begins where the last one of its channel ended.

        Raises:
            ContractFailure: it does not, or the life cycle of an object forbids a snapshot.
        """
        report = _read(_report, raw, "the report")
        _check_sizes(report)
        _declare(context, report)
        _check_caller(context)
        key = progress_key(report.channel)
        known = context.get(key, Progress) or Progress(0, 0, "")
        if known != report.begin:
            raise ContractFailure(
                f"{report.channel} is reported up to block {known.block}, snapshot {known.index}",
                hint="Go on from there; perhaps another relay was faster",
            )
        _check_anchors(report)
        for anchor in report.anchors:
            context.put(anchor_key(report.channel, anchor.number), anchor)
        lifecycle.apply(context, report.snapshots, object_key, snapshot_key)
        for fault in report.faults:
            context.put(fault_key(fault), fault)
        context.put(key, report.end)
        counts = (report.end.block, report.end.index, len(report.snapshots), len(report.faults))
        context.emit(EVENT_REPORTED, encode_record((report.channel, *counts)))
        return encode_record(report.end)

    @evaluate
    def progress(self, context: Context, channel: bytes) -> bytes:
        """How far a channel has been reported, as JSON."""
        found = context.get(progress_key(channel.decode()), Progress)
        return encode_record(found or Progress(0, 0, ""))

    @evaluate
    def get(self, context: Context, key: bytes) -> bytes:
        """The record under a key, as JSON; `null` if there is none."""
        name = key.decode()
        found = context.scan(name, name + "\x00", 1)
        return found[0][1] if found else b"null"

    @evaluate
    def scan(self, context: Context, start: bytes, end: bytes, limit: bytes = b"1000") -> bytes:
        """Records with start ≤ key < end: a JSON list of [key, record], at most 1000."""
        found = context.scan(start.decode(), end.decode(), int(limit))
        return encode_record([(key, msgspec.Raw(value)) for key, value in found])

    @evaluate
    def history(self, context: Context, key: bytes) -> bytes:
        """What stood under a key, newest first: a JSON list of [transaction, time, record]."""
        entries = [
            (entry.tx_id, entry.timestamp_ms, msgspec.Raw(entry.value or b"null"))
            for entry in context.history(key.decode())
        ]
        return encode_record(entries)


_Kind = TypeVar("_Kind")


def _read(decoder: msgspec.json.Decoder[_Kind], raw: bytes, what: str) -> _Kind:
    try:
        return decoder.decode(raw)
    except msgspec.DecodeError as problem:
        raise ContractFailure(f"{what} cannot be read: {problem}") from problem


def _check_sizes(report: Report) -> None:
    for name, items, most in (
        ("snapshots", report.snapshots, SNAPSHOTS_MAX),
        ("anchors", report.anchors, ANCHORS_MAX),
        ("exceptions", report.faults, FAULTS_MAX),
    ):
        if len(items) > most:
            raise ContractFailure(f"more than {most} {name} in one report")


def _declare(context: Context, report: Report) -> None:
    writes = [progress_key(report.channel)]
    writes += [anchor_key(report.channel, anchor.number) for anchor in report.anchors]
    for snapshot in report.snapshots:
        writes += (object_key(snapshot.id), snapshot_key(snapshot.id, snapshot.version))
    writes += [fault_key(fault) for fault in report.faults]
    context.declare((PARAMETERS,), writes)


def _check_caller(context: Context) -> None:
    parameters = context.get(PARAMETERS, Parameters)
    if parameters is None:
        raise ContractFailure("the channel is not initialised", hint="Call init first")
    caller = context.caller
    if caller.msp != parameters.relay_msp or caller.fingerprint not in parameters.relays:
        raise ContractFailure("only a relay named at init may report")


def _check_anchors(report: Report) -> None:
    """The blocks from begin to end, each on the one before it; sources lie within them."""
    begin, end = report.begin, report.end
    numbers = [anchor.number for anchor in report.anchors]
    if numbers != list(range(begin.block, end.block)):
        raise ContractFailure("the anchors are not the blocks from begin to end")
    previous = begin.hash
    for anchor in report.anchors:
        if anchor.number and anchor.previous != previous:
            raise ContractFailure(f"block {anchor.number} does not follow the one before it")
        previous = anchor.hash
    if end.hash != previous or (end.block, end.index) < (begin.block, begin.index):
        raise ContractFailure("the end does not follow from the anchors")
    sources = [one.source for one in report.snapshots] + [one.source for one in report.faults]
    for source in sources:
        inside = begin.block <= source.block <= end.block and source.channel == report.channel
        if not inside or (source.block == end.block and not end.index):
            raise ContractFailure(f"a source is block {source.block}, which is not reported here")


__all__ = ["Anchor", "CsrbContract", "Object", "Snapshot"]
