"""The contract `csrb`: who reports, what follows what, limits, queries, the exception log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from chaincode.csrb import forms, keys
from chaincode.csrb.records import Correction, Fault, Object, Progress, Report, Snapshot, Totals
from ufmi.contract import decode_record, encode_record
from ufmi.contract.contract import ARGUMENT_BYTES_MAX
from ufmi.errors import CallerNotAllowed, ContractError, ContractFailure

from .channel import (
    OWNER,
    START,
    Channel,
    anchors,
    at,
    block_hash,
    fault,
    operation,
    parameters,
    snapshot,
    source,
)

# Two blocks with three items, the second block half done.
GOOD = Report(
    "udl",
    START,
    at(2, 1),
    anchors(0, 2),
    (
        snapshot("o-1", 0, "create", source(1, 0)),
        snapshot("o-2", 0, "create", source(2, 0)),
    ),
    (fault(source(1, 1)),),
)


def stored(channel: Channel, key: str, kind: type[Any]) -> Any:
    return decode_record(channel.state[key], kind)


# -- init -------------------------------------------------------------------------------------


def test_a_channel_is_founded_once() -> None:
    channel = Channel()
    assert decode_record(channel.state[keys.PARAMETERS], type(parameters())) == parameters()
    with pytest.raises(ContractFailure, match="initialised already"):
        channel.call("init", encode_record(parameters()))


@pytest.mark.parametrize(
    "changes",
    [
        {"relays": ()},
        {"relays": parameters().relays[:1] * 2},
        {"relays": ("0",)},
        {"relays": tuple([f"{n:064x}" for n in range(forms.RELAYS_MAX + 1)])},
        {"seal_keys": ()},
        {"seal_keys": ("04" + "0" * 128,)},
        {"seal_keys": (parameters().seal_keys[0].upper(),)},
        {"regulator_key": ""},
        {"regulator_msp": ""},
    ],
    ids="-".join,  # not the values: certificates differ from process to process
)
def test_what_no_channel_can_be_founded_with_is_refused(changes: dict[str, Any]) -> None:
    channel = Channel(founded=False)
    with pytest.raises(ContractFailure):
        channel.call("init", encode_record(parameters(**changes)))
    with pytest.raises(ContractFailure, match="cannot be read"):
        channel.call("init", b"{")
    assert not channel.state


# -- callers ----------------------------------------------------------------------------------


def test_nothing_is_reported_before_init() -> None:
    with pytest.raises(ContractFailure, match="not initialised"):
        Channel(founded=False).report(GOOD)


@pytest.mark.parametrize(
    "caller",
    [{"caller": "frontend"}, {"msp": "RegulatorMSP"}, {"caller": "frontend", "msp": "BankMSP"}],
    ids=str,
)
def test_only_a_relay_reports(caller: dict[str, str]) -> None:
    channel = Channel()
    before = dict(channel.state)
    with pytest.raises(CallerNotAllowed):
        channel.report(GOOD, **caller)
    assert channel.state == before
    channel.report(GOOD, caller="relay-2")


def test_nothing_else_writes() -> None:
    functions = Channel().ask("describe")["functions"]
    assert {name for name, kind in functions.items() if kind == "submit"} == {"init", "report"}


# -- what follows what ------------------------------------------------------------------------


def test_a_report_is_taken_whole() -> None:
    channel = Channel()
    channel.report(GOOD)
    assert channel.events == [("reported", b'["udl",2,1,2,1]')]
    assert channel.progress == GOOD.end
    assert channel.ask("get", "totals/udl") == msgspec.to_builtins(Totals(1, 2, 1, 0))
    for one in GOOD.snapshots:
        assert stored(channel, keys.snapshot(one.id, one.version), Snapshot) == one
        assert stored(channel, keys.object(one.id), Object) == Object(one.id, one.type, OWNER, 0)
    for anchor in GOOD.anchors:
        assert stored(channel, keys.anchor("udl", anchor.number), type(anchor)) == anchor
    assert stored(channel, keys.fault(GOOD.faults[0]), Fault) == GOOD.faults[0]


def test_a_report_goes_on_exactly_where_the_last_one_ended() -> None:
    channel = Channel()
    channel.report(GOOD)
    with pytest.raises(ContractFailure, match="up to block 2, place 1"):
        channel.report(GOOD)
    following = Report(
        "udl",
        GOOD.end,
        at(3),
        anchors(2, 3),
        (snapshot("o-3", 0, "create", source(2, 1)),),
    )
    for begin in (at(2), at(2, 2), at(1, 1), replace(GOOD.end, hash=block_hash(7))):
        with pytest.raises(ContractFailure, match="reported up to"):
            channel.report(replace(following, begin=begin))
    channel.report(following)
    assert channel.progress == at(3)
    channel.report(Report("udl", at(3), at(5), anchors(3, 5), ()))
    assert channel.progress == at(5)


def test_channels_are_reported_apart() -> None:
    channel = Channel()
    channel.report(GOOD)
    channel.report(Report("other", START, at(1), anchors(0, 1), ()))
    assert channel.progress == GOOD.end
    assert decode_record(channel.call("progress", b"other"), Progress) == at(1)


first, second = GOOD.snapshots
WRONG: dict[str, Callable[[Report], Report]] = {
    "an anchor is missing": lambda r: replace(r, anchors=r.anchors[:1]),
    "an anchor too much": lambda r: replace(r, anchors=anchors(0, 3)),
    "anchors out of order": lambda r: replace(r, anchors=r.anchors[::-1]),
    "an anchor of another chain": lambda r: replace(
        r, anchors=(r.anchors[0], replace(r.anchors[1], previous=block_hash(5)))
    ),
    "block 0 follows something": lambda r: replace(
        r, anchors=(replace(r.anchors[0], previous=block_hash(5)), r.anchors[1])
    ),
    "a hash that is none": lambda r: replace(
        r, anchors=(r.anchors[0], replace(r.anchors[1], hash="0x")), end=replace(r.end, hash="0x")
    ),
    "another end": lambda r: replace(r, end=replace(r.end, hash=block_hash(0))),
    "an end that leaves one out": lambda r: replace(r, end=at(2, 2)),
    "an end before the last one": lambda r: replace(r, end=at(2, 0)),
    "a place twice": lambda r: replace(
        r, snapshots=(first, replace(second, source=source(1, 1)))
    ),
    "a place left out": lambda r: replace(r, faults=(fault(source(1, 2)),)),
    "not from the first place": lambda r: replace(r, faults=(), snapshots=(second,)),
    "a source before the beginning": lambda r: replace(r, faults=(fault(source(-1, 0)),)),
    "a source after the end": lambda r: replace(r, faults=(fault(source(3, 0)),)),
    "a source of another channel": lambda r: replace(
        r, snapshots=(replace(first, source=replace(first.source, channel="x")), second)
    ),
    "an end before the beginning": lambda r: Report("udl", START, at(0, -1), (), ()),
    "no channel": lambda r: replace(r, channel="Udl/1"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_follow_is_refused_whole(name: str) -> None:
    channel = Channel()
    before = dict(channel.state)
    wrong = WRONG[name](GOOD)
    if name == "not from the first place":
        wrong = replace(wrong, snapshots=(replace(second, source=source(2, 1)),), end=at(2, 2))
    with pytest.raises(ContractFailure):
        channel.report(wrong)
    assert channel.state == before
    channel.report(GOOD)


def test_a_report_that_cannot_be_read_is_refused() -> None:
    for raw in (b"", b"{}", b"[]", b"\xff", b'{"channel":1}', b"[" * 100_000):
        with pytest.raises(ContractFailure, match="cannot be read"):
            Channel().call("report", raw)


# -- forms and limits -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": "a/b"},
        {"id": "a b"},
        {"id": "x" * 129},
        {"id": "\U0001f600" * 120},
        {"type": "thing"},
        {"operation": "add"},
        {"version": -1},
        {"version": 1_000_000},
        {"hash": "0" * 63},
        {"content": "G" * 64},
        {"size": 0},
        {"location": ""},
        {"location": "x" * 513},
        {"owner": ""},
        {"owner": "a/b"},
        {"seals": ()},
        {"seals": ("04",)},
        {"seals": parameters().seal_keys * 17},
        {"replaced": ("0" * 64,)},
        {"source": replace(source(0, 0), line=-1)},
    ],
    ids=lambda changes: "-".join(f"{k}={str(v)[:12]}" for k, v in changes.items()),
)
def test_a_snapshot_that_is_not_well_formed_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ContractFailure):
        Channel().take(replace(operation("o-1", 0, "create"), **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "x" * 129},
        {"owner": ""},
        {"owner": "a/b"},
        {"content": "0"},
        {"errors": ()},
        {"errors": ("x",) * 101},
        {"errors": ("x" * 513,)},
        {"errors": ("",)},
        {"corrected": "o-1/0"},
        {"type": "x" * 65},
        {"operation": "x" * 65},
    ],
    ids=str,
)
def test_an_exception_that_is_not_well_formed_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ContractFailure):
        Channel().take(fault(source(0, 0), **changes))


def test_longest_ids_and_owners_fit_the_ledger() -> None:
    channel = Channel()
    channel.take(operation("物" * 125, 0, "create", owner="x" * 64))
    assert channel.ask("object", "物" * 125)["latest"] == 0
    assert max(len(key.encode()) for key in channel.state) <= 400 - len("csrb") - 2


def test_a_report_has_limits() -> None:
    channel = Channel()
    many = [operation(f"o-{n}", 0, "create") for n in range(forms.SNAPSHOTS_MAX + 1)]
    assert len(encode_record(many[0])) * forms.SNAPSHOTS_MAX < ARGUMENT_BYTES_MAX
    with pytest.raises(ContractFailure, match="1000 snapshots"):
        channel.take(*many)
    with pytest.raises(ContractFailure, match="500 exceptions"):
        channel.take(*[fault(source(0, 0))] * (forms.FAULTS_MAX + 1))
    with pytest.raises(ContractFailure, match="500 corrections"):
        channel.take(corrections=(Correction(OWNER, 0, 0, "o-1/0"),) * 501)
    end = forms.ANCHORS_MAX + 1
    with pytest.raises(ContractFailure, match="1000 anchors"):
        channel.report(Report("udl", START, at(end), anchors(0, end), ()))
    channel.take(*many[:-1])
    assert len(channel.ask("scan", "object/", "object0")) == 1000


# -- queries ----------------------------------------------------------------------------------


def test_queries_answer_what_is_there() -> None:
    channel = Channel()
    assert channel.ask("progress", "udl") == {"block": 0, "index": 0, "hash": "", "v": 1}
    assert channel.ask("object", "o-1") is channel.ask("snapshot", "o-1", "0") is None
    channel.take(operation("o-1", 0, "create"), operation("o-10", 0, "create"))
    channel.take(operation("o-1", 1, "update"), operation("o-1", 2, "delete"))
    assert channel.ask("object", "o-1")["deleted"]
    assert channel.ask("snapshot", "o-1", "1")["operation"] == "update"
    assert [one["version"] for _, one in channel.ask("snapshots", "o-1")] == [0, 1, 2]
    assert [one["version"] for _, one in channel.ask("snapshots", "o-1", "2")] == [2]
    assert channel.ask("history", "object/o-1") == []  # memory keeps none
    with pytest.raises(ContractError):
        channel.ask("snapshot", "o-1")


# -- the exception log ------------------------------------------------------------------------


def test_the_exception_log_is_read_by_owner_and_in_parts() -> None:
    channel = Channel()
    channel.take(fault(source(0, 0), id="a"), fault(source(0, 0), id="b"))
    channel.take(fault(source(0, 0), id="c", owner="NREGICNBJXXX"), fault(source(0, 0), id="d"))
    mine = channel.ask("exceptions", OWNER)
    assert [one["id"] for _, one in mine] == ["a", "b", "d"]
    assert [one["id"] for _, one in channel.ask("exceptions", "")] == ["a", "b", "d", "c"]
    some = channel.ask("exceptions", OWNER, "", "1")
    assert [one["id"] for _, one in some] == ["a"]
    assert [one["id"] for _, one in channel.ask("exceptions", OWNER, some[-1][0])] == ["b", "d"]
    assert channel.ask("exceptions", "NREGI") == []


def test_a_later_snapshot_puts_an_exception_right() -> None:
    channel = Channel()
    wrong = channel.take(fault(source(0, 0)), fault(source(0, 0))).faults
    right = operation("o-1", 0, "create")
    channel.take(right, corrections=(Correction(OWNER, 0, 1, "o-1/0"),))
    assert stored(channel, keys.fault(wrong[0]), Fault) == wrong[0]
    assert stored(channel, keys.fault(wrong[1]), Fault) == replace(wrong[1], corrected="o-1/0")
    with pytest.raises(ContractFailure, match="no open exception"):
        channel.take(operation("o-1", 1, "update"), corrections=(Correction(OWNER, 0, 1, "o-1/1"),))


@pytest.mark.parametrize(
    "correction",
    [
        Correction(OWNER, 0, 7, "o-1/0"),
        Correction(OWNER, 9, 0, "o-1/0"),
        Correction("NREGICNBJXXX", 0, 0, "o-1/0"),
        Correction(OWNER, 0, 0, "o-1/1"),
        Correction(OWNER, 0, 0, "o-2/0"),
        Correction(OWNER, 0, 0, ""),
    ],
    ids=str,
)
def test_a_correction_names_an_open_exception_and_a_snapshot_of_its_owner(
    correction: Correction,
) -> None:
    channel = Channel()
    channel.take(fault(source(0, 0)))
    with pytest.raises(ContractFailure):
        channel.take(
            operation("o-1", 0, "create"),
            operation("o-2", 0, "create", owner="NREGICNBJXXX"),
            corrections=(correction,),
        )


def test_the_records_are_json_that_anybody_reads() -> None:
    channel = Channel()
    channel.report(GOOD)
    for value in channel.state.values():
        assert msgspec.json.decode(value)["v"] == 1
