"""The contract of the regulatory channel, named `csrb` on every ledger.

A relay reports block after block of the business channel. Each report begins where the last one
ended, so nothing is reported twice or left out, however many relays run and whenever they die.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec.structs import replace

from chaincode.csrb import forms, keys
from chaincode.csrb.lifecycle import Lives
from chaincode.csrb.records import (
    REPLACED_MAX,
    START,
    Correction,
    Fault,
    Object,
    Parameters,
    Progress,
    Report,
    Snapshot,
    Totals,
)
from ufmi.contract import Context, StateQueries, encode_record, evaluate, submit
from ufmi.errors import CallerNotAllowed, ContractFailure

EVENT_REPORTED = "reported"

_parameters = msgspec.json.Decoder(Parameters)
_report = msgspec.json.Decoder(Report)


class CsrbContract(StateQueries):
    """Headers and hashes of report objects, their life cycle, block anchors, exceptions.

    `init` and `report` are all that writes.
    """

    name = "csrb"
    SOURCES = ("ufmi.crypto", "ufmi.errors")

    @submit
    def init(self, context: Context, parameters: bytes) -> bytes:
        """Founds the channel: JSON of `Parameters`. Once."""
        context.declare((), (keys.PARAMETERS,))
        if context.get(keys.PARAMETERS, Parameters) is not None:
            raise ContractFailure("the channel is initialised already")
        read = _read(_parameters, parameters, "the parameters")
        forms.check_parameters(read)
        context.put(keys.PARAMETERS, read)
        return b""

    @submit
    def report(self, context: Context, raw: bytes) -> bytes:
        """Takes a report (JSON of `Report`) that begins where the last one of its channel ended.

        Returns where it ends, and emits [channel, block, index, snapshots, exceptions].

        Raises:
            CallerNotAllowed: the caller is no relay.
            ContractFailure: it does not begin there, or the life cycle of an object forbids a
                snapshot. Nothing of it is taken then.
        """
        report = _read(_report, raw, "the report")
        forms.check_report(report)
        _declare(context, report)
        _check_caller(context)
        key = keys.progress(report.channel)
        known = context.get(key, Progress) or START
        if known != report.begin:
            raise ContractFailure(
                f"{report.channel} is reported up to block {known.block}, place {known.index}",
                hint="Go on from there; perhaps another relay was faster",
            )
        forms.check_order(report)
        for anchor in report.anchors:
            context.put(keys.anchor(report.channel, anchor.number), anchor)
        _take(context, report.snapshots)
        for fault in report.faults:
            context.put(keys.fault(fault), fault)
        _correct(context, report)
        context.put(key, report.end)
        _count(context, report)
        counts = (report.end.block, report.end.index, len(report.snapshots), len(report.faults))
        context.emit(EVENT_REPORTED, encode_record((report.channel, *counts)))
        return encode_record(report.end)

    @evaluate
    def progress(self, context: Context, channel: bytes) -> bytes:
        """How far a channel has been reported, as JSON."""
        found = context.get(keys.progress(channel.decode()), Progress)
        return encode_record(found or START)

    @evaluate
    def object(self, context: Context, id: bytes) -> bytes:
        """An object over its life, as JSON; `null` if there is none."""
        return self.get(context, keys.object(id.decode()).encode())

    @evaluate
    def snapshot(self, context: Context, id: bytes, version: bytes) -> bytes:
        """A version of an object, as JSON; `null` if there is none."""
        return self.get(context, keys.snapshot(id.decode(), int(version)).encode())

    @evaluate
    def snapshots(self, context: Context, id: bytes, start: bytes = b"0") -> bytes:
        """An object's versions from `start` on: a JSON list of [key, snapshot], at most 1000."""
        prefix = keys.snapshots(id.decode())
        first = keys.snapshot(id.decode(), int(start))
        return self.scan(context, first.encode(), keys.after(prefix).encode())

    @evaluate
    def exceptions(
        self, context: Context, owner: bytes, after: bytes = b"", limit: bytes = b"1000"
    ) -> bytes:
        """The exception log of an owner (empty: of all) after a key: a JSON list of [key, fault].

        At most 1000; ask on with the last key.
        """
        prefix = keys.faults(owner.decode())
        start = after.decode() + "\x00" if after else prefix
        return self.scan(context, start.encode(), keys.after(prefix).encode(), limit)


_Kind = TypeVar("_Kind")


def _read(decoder: msgspec.json.Decoder[_Kind], raw: bytes, what: str) -> _Kind:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise ContractFailure(f"{what} cannot be read: {problem}") from problem


def _declare(context: Context, report: Report) -> None:
    writes = [keys.progress(report.channel), keys.totals(report.channel)]
    writes += [keys.anchor(report.channel, anchor.number) for anchor in report.anchors]
    for snapshot in report.snapshots:
        writes += (keys.object(snapshot.id), keys.snapshot(snapshot.id, snapshot.version))
    writes += [keys.fault(fault) for fault in report.faults]
    writes += [_corrected_key(report, one) for one in report.corrections]
    context.declare((keys.PARAMETERS,), writes)


def _corrected_key(report: Report, one: Correction) -> str:
    return keys.fault_at(one.owner, report.channel, one.block, one.place)


def _check_caller(context: Context) -> None:
    parameters = context.get(keys.PARAMETERS, Parameters)
    if parameters is None:
        raise ContractFailure("the channel is not initialised", hint="Call init first")
    caller = context.caller
    if caller.msp != parameters.relay_msp or caller.fingerprint not in parameters.relays:
        raise CallerNotAllowed("only a relay named at init may report")


def _take(context: Context, snapshots: tuple[Snapshot, ...]) -> None:
    """Takes snapshots in order. Raises ContractFailure where a life cycle forbids one."""
    lives = Lives()
    for one in snapshots:
        key = keys.object(one.id)
        known = context.get(key, Object)
        changed = lives.follow(known, one.id, one.type, one.owner, one.version, one.operation)
        place = keys.snapshot(one.id, one.version)
        before = context.get(place, Snapshot)
        if before is not None:
            if len(before.replaced) >= REPLACED_MAX:
                raise ContractFailure(f"{one.name} was overwritten {REPLACED_MAX} times")
            one = replace(one, replaced=(*before.replaced, before.hash))
        context.put(place, one)
        if changed != known:
            context.put(key, changed)
    lives.finish()


def _correct(context: Context, report: Report) -> None:
    """Marks exceptions that a snapshot of their owner in this report puts right."""
    owners = {snapshot.name: snapshot.owner for snapshot in report.snapshots}
    for one in report.corrections:
        key = _corrected_key(report, one)
        fault = context.get(key, Fault)
        if fault is None or fault.corrected:
            raise ContractFailure(
                f"there is no open exception of {one.owner} at block {one.block}, place {one.place}"
            )
        if owners.get(one.by) != one.owner:
            raise ContractFailure(f"{one.by} is no snapshot of {one.owner} in this report")
        context.put(key, replace(fault, corrected=one.by))


def _count(context: Context, report: Report) -> None:
    key = keys.totals(report.channel)
    known = context.get(key, Totals) or Totals()
    found = Totals(
        reports=known.reports + 1,
        snapshots=known.snapshots + len(report.snapshots),
        exceptions=known.exceptions + len(report.faults),
        corrected=known.corrected + len(report.corrections),
    )
    context.put(key, found)
