"""Ranges in submit functions: what they saw must still stand when the transaction commits."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ufmi.errors import CommitError, EndorseError
from ufmi.ledger.embedded import EmbeddedLedger, simulator
from ufmi.ledger.embedded.rwset import RangeQuery, ReadWriteSet, decode, encode
from ufmi.ledger.protos import common, proposal, proposal_response, transaction

from .kv import (
    B,
    C,
    block_file,
    commit_raw,
    endorsed,
    found,
    keys,
    kv,
    program,
    put,
    reopen,
    signed,
    state,
    value,
    verified,
)
from .test_verify import problems


def ranges(ledger: EmbeddedLedger, number: int) -> tuple[RangeQuery, ...]:
    """The ranges that the first transaction of a block read."""
    (one, *_) = ledger.channel("one").block(number).transactions()
    assert one.endorsed is not None
    (sets,) = decode(one.endorsed.action.results)
    return sets.ranges


@pytest.fixture
def filled(ledger: EmbeddedLedger) -> EmbeddedLedger:
    """With b, d, f in blocks 1 to 3."""
    for key in "bdf":
        put(kv(ledger), key, "v")
    return ledger


def outcome(ledger: EmbeddedLedger, late: Any, *between: Any) -> str:
    """What becomes of an endorsed transaction after others, each in a block of its own."""
    client = kv(ledger)
    for one in between:
        assert commit_raw(ledger, signed(client, one)) == ["VALID"]
    (status,) = commit_raw(ledger, signed(client, late))
    return status


def within_a_block(ledger: EmbeddedLedger, late: Any, *between: Any) -> str:
    """The same with all in one block."""
    client = kv(ledger)
    found = commit_raw(ledger, *[signed(client, one) for one in (*between, late)])
    assert found[:-1] == ["VALID"] * len(between)
    return found[-1]


WAYS = pytest.mark.parametrize("way", [outcome, within_a_block])
CHANGES = {
    "a key came at the start": ["put", "b0", "n"],
    "a key came at the end": ["put", "ezz", "n"],
    "a key got another value": ["put", "d", "n"],
    "a key got the same value anew": ["put", "d", "v"],
    "the first key went": ["put", "b", None],
    "the last key went": ["put", "d", None],
}
OTHERS = {
    "before the start": ["put", "azz", "n"],
    "at the end, which is not within": ["put", "f", "n"],
    "after the end": ["put", "g", "n"],
    "a deletion of nothing": ["put", "c", None],
    "what it writes itself": ["put", "sum", "n"],
}


@WAYS
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_range_that_changed_is_a_phantom(
    filled: EmbeddedLedger, way: Any, change: list[Any]
) -> None:
    client = kv(filled)
    late = program(client, ["scan", "b", "f", 10], ["put", "sum", "2"])
    assert msgspec.json.decode(late.result) == [["b", "d"]]
    assert way(filled, late, program(client, change)) == "PHANTOM_READ_CONFLICT"
    assert value(client, "sum") is None


@WAYS
@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_what_changes_elsewhere_does_not_matter(
    filled: EmbeddedLedger, way: Any, change: list[Any]
) -> None:
    client = kv(filled)
    late = program(client, ["scan", "b", "f", 10], ["put", "sum", "2"])
    assert way(filled, late, program(client, change)) == "VALID"
    assert value(client, "sum") == "2"


def test_a_phantom_can_be_tried_again(filled: EmbeddedLedger) -> None:
    client = kv(filled)
    late = program(client, ["scan", "", "", 10])
    put(client, "a", "v")
    with pytest.raises(CommitError) as caught:
        late.submit().require_valid()
    assert caught.value.status == "PHANTOM_READ_CONFLICT"
    assert caught.value.retryable


@WAYS
def test_a_range_with_nothing_in_it_must_stay_so(ledger: EmbeddedLedger, way: Any) -> None:
    client = kv(ledger)
    late = program(client, ["scan", "", "", 5], ["put", "k", "v"])
    assert way(ledger, late, program(client, ["put", "other", "v"])) == "PHANTOM_READ_CONFLICT"


@WAYS
def test_what_an_invalid_transaction_wrote_is_no_phantom(filled: EmbeddedLedger, way: Any) -> None:
    client = kv(filled)
    late = program(client, ["scan", "b", "f", 10])
    poor = endorsed(client, "put", b"c", b"v", by=(B,))
    found = commit_raw(filled, signed(client, poor), signed(client, late))
    assert found == ["ENDORSEMENT_POLICY_FAILURE", "VALID"]


@WAYS
def test_what_came_and_went_is_no_phantom(filled: EmbeddedLedger, way: Any) -> None:
    client = kv(filled)
    late = program(client, ["scan", "b", "f", 10])
    came, went = program(client, ["put", "c", "v"]), program(client, ["put", "c", None])
    assert way(filled, late, came, went) == "VALID"


@WAYS
def test_keys_are_checked_before_ranges(filled: EmbeddedLedger, way: Any) -> None:
    client = kv(filled)
    late = program(client, ["scan", "b", "f", 10], ["get", "d"])
    assert way(filled, late, program(client, ["put", "d", "n"])) == "MVCC_READ_CONFLICT"


@WAYS
def test_a_free_read_conflicts_and_a_free_write_does_not(filled: EmbeddedLedger, way: Any) -> None:
    client = kv(filled)
    reads, writes = program(client, ["get", "d"]), program(client, ["put", "d", "w"])
    change = program(client, ["put", "d", "n"])
    assert way(filled, writes, change) == "VALID"
    assert way(filled, reads) == "MVCC_READ_CONFLICT"
    assert value(client, "d") == "w"


@WAYS
def test_of_several_ranges_any_counts(filled: EmbeddedLedger, way: Any) -> None:
    client = kv(filled)
    late = program(client, ["scan", "a", "c", 5], ["scan", "x", "z", 5], ["scan", "e", "g", 5])
    assert msgspec.json.decode(late.result) == [["b"], [], ["f"]]
    assert way(filled, late, program(client, ["put", "y", "n"])) == "PHANTOM_READ_CONFLICT"


def test_a_range_sees_committed_state_and_get_ones_own_writes(filled: EmbeddedLedger) -> None:
    client = kv(filled)
    steps = (["put", "c", "new"], ["put", "d", None], ["get", "c"], ["scan", "b", "f", 9])
    late = program(client, *steps, ["get", "d"])
    assert msgspec.json.decode(late.result) == ["new", ["b", "d"], None]
    assert outcome(filled, late) == "VALID"
    assert keys(client, "", "") == ["b", "c", "f"]


# -- what is recorded ---------------------------------------------------------------------------


def test_a_range_read_to_its_end_is_recorded_with_it(filled: EmbeddedLedger) -> None:
    program(kv(filled), ["scan", "", "e", 3], ["scan", "c", "c", 3], ["scan", "", "e", 2]).submit()
    here = (("b", (1, 0)), ("d", (2, 0)))
    assert ranges(filled, 4) == (RangeQuery("", "e", True, here), RangeQuery("c", "c", True, ()))


def test_a_peer_reads_ahead_of_a_contract_that_stops(
    ledger: EmbeddedLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = kv(ledger)
    program(client, *[["put", f"k{at:03}", "v"] for at in range(250)]).submit()
    for limit, last in ((1, 100), (100, 100), (101, 200), (200, 200), (201, None), (999, None)):
        late = program(client, ["scan", "", "", limit])
        assert len(msgspec.json.decode(late.result)[0]) == min(limit, 250)
        late.submit()
        (query,) = ranges(ledger, ledger.channel("one").height - 1)
        assert query.exhausted == (last is None)
        assert query.end == ("" if last is None else f"k{last:03}")
        assert len(query.reads) == (250 if last is None else last + 1)


@WAYS
@pytest.mark.parametrize("change", [["put", "c", "n"], ["put", "d", "n"], ["put", "d", None]])
def test_the_last_key_that_was_read_belongs_to_the_range(
    filled: EmbeddedLedger, monkeypatch: pytest.MonkeyPatch, way: Any, change: list[Any]
) -> None:
    monkeypatch.setattr(simulator, "BATCH", 1)
    client = kv(filled)
    late = program(client, ["scan", "a", "z", 1])
    assert way(filled, late, program(client, change)) == "PHANTOM_READ_CONFLICT"


@WAYS
@pytest.mark.parametrize("change", [["put", "d0", "n"], ["put", "f", None], ["put", "f", "n"]])
def test_what_lies_beyond_what_was_read_does_not_matter(
    filled: EmbeddedLedger, monkeypatch: pytest.MonkeyPatch, way: Any, change: list[Any]
) -> None:
    monkeypatch.setattr(simulator, "BATCH", 1)
    client = kv(filled)
    late = program(client, ["scan", "a", "z", 1])
    assert way(filled, late, program(client, change)) == "VALID"


def test_no_limit_reads_nothing(filled: EmbeddedLedger) -> None:
    late = program(kv(filled), ["scan", "", "", 0], ["scan", "", "", -1])
    assert msgspec.json.decode(late.result) == [[], []]
    put(kv(filled), "a", "v")
    assert outcome(filled, late) == "VALID"


def test_bounds_may_stand_just_after_the_longest_key_and_no_further(
    ledger: EmbeddedLedger,
) -> None:
    client, longest = kv(ledger), "k" * 396
    put(client, longest, "v")
    late = program(client, ["scan", longest, longest + "\0", 5], ["scan", longest + "\0", "", 5])
    assert msgspec.json.decode(late.result) == [[longest], []]
    assert outcome(ledger, late) == "VALID"
    with pytest.raises(EndorseError, match="longer"):
        program(client, ["put", longest + "k", "v"])
    for bounds in (["k" * 398, ""], ["", "k" * 398]):
        with pytest.raises(EndorseError, match="longer"):
            program(client, ["scan", *bounds, 5])


# -- from elsewhere, and from the disk ----------------------------------------------------------


def forged(ledger: EmbeddedLedger, sets: ReadWriteSet) -> Any:
    """A transaction with this read-write set, endorsed and signed by all rules."""
    client = kv(ledger)
    envelope = signed(client, endorsed(client, "put", b"k", b"v"))
    payload = common.Payload.FromString(envelope.payload)
    whole = transaction.Transaction.FromString(payload.data)
    action = transaction.ChaincodeActionPayload.FromString(whole.actions[0].payload)
    response = proposal_response.ProposalResponsePayload.FromString(
        action.action.proposal_response_payload
    )
    result = proposal.ChaincodeAction.FromString(response.extension)
    result.results = encode(sets)
    response.extension = result.SerializeToString()
    over = response.SerializeToString()
    action.action.proposal_response_payload = over
    for endorsement, msp in zip(action.action.endorsements, (B, C), strict=True):
        member = ledger.identity(msp, "peer0")
        endorsement.endorser = member.serialized
        endorsement.signature = member.sign(over + member.serialized)
    whole.actions[0].payload = action.SerializeToString()
    payload.data = whole.SerializeToString()
    raw = payload.SerializeToString()
    return common.Envelope(payload=raw, signature=client.network.gateway.identity.sign(raw))


LONG = "k" * 397
IMPOSSIBLE = {
    "an empty key read": ReadWriteSet("kv", {"": None}, {}),
    "an empty key written": ReadWriteSet("kv", {}, {"": b"1"}),
    "a long key read": ReadWriteSet("kv", {LONG: None}, {}),
    "a long key written": ReadWriteSet("kv", {}, {LONG: b"1"}),
    "a long start": ReadWriteSet("kv", {}, {}, (RangeQuery(LONG + "k", "", True, ()),)),
    "a long end": ReadWriteSet("kv", {}, {}, (RangeQuery("", LONG + "k", True, ()),)),
    "a long last key": ReadWriteSet("kv", {}, {}, (RangeQuery("", LONG, False, ()),)),
}


@pytest.mark.parametrize("sets", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_sets_that_no_peer_can_have_made_are_bad(
    ledger: EmbeddedLedger, sets: ReadWriteSet
) -> None:
    assert commit_raw(ledger, forged(ledger, sets)) == ["BAD_RWSET"]
    assert verified(ledger).ok


SEEN = {
    "all": (RangeQuery("a", "z", True, (("b", (1, 0)), ("d", (2, 0)), ("f", (3, 0)))), "VALID"),
    "none where it stopped": (RangeQuery("c", "c", False, ()), "VALID"),
    "no end, not exhausted": (RangeQuery("g", "", False, ()), "VALID"),
    "another order": (
        RangeQuery("a", "z", True, (("d", (2, 0)), ("b", (1, 0)), ("f", (3, 0)))),
        "PHANTOM_READ_CONFLICT",
    ),
    "one without version": (
        RangeQuery("a", "c", True, (("b", None),)),
        "PHANTOM_READ_CONFLICT",
    ),
    "one twice": (
        RangeQuery("a", "c", True, (("b", (1, 0)), ("b", (1, 0)))),
        "PHANTOM_READ_CONFLICT",
    ),
    "one too few": (RangeQuery("a", "z", True, (("b", (1, 0)),)), "PHANTOM_READ_CONFLICT"),
    "end before start": (RangeQuery("z", "b", False, (("b", (1, 0)),)), "VALID"),
}


@pytest.mark.parametrize(("query", "status"), SEEN.values(), ids=SEEN)
def test_ranges_of_others_are_judged_as_fabric_does(
    filled: EmbeddedLedger, query: RangeQuery, status: str
) -> None:
    sets = ReadWriteSet("kv", {}, {"sum": b"1"}, (query,))
    assert commit_raw(filled, forged(filled, sets)) == [status]
    assert verified(filled).ok


def test_ranges_last_over_a_restart_and_are_verified(tmp_path: Path) -> None:
    folder = tmp_path / "l"
    with found(folder) as ledger:
        client = kv(ledger)
        put(client, "a", "v")
        late = program(client, ["scan", "", "", 9], ["put", "b", "w"])
        program(client, ["scan", "", "", 9], ["put", "c", "v"]).submit().require_valid()
        assert late.submit().status(5).name == "PHANTOM_READ_CONFLICT"
        program(client, ["put", "a", "x"], ["put", "c", None]).submit().require_valid()
        program(client, ["scan", "", "", 9], ["put", "e", "v"]).submit().require_valid()
        program(client, ["scan", "", "", 9], ["put", "e", None]).submit().require_valid()
        before = state(ledger)
    shutil.rmtree(folder / "channels/one/state")
    with reopen(folder) as ledger:
        assert state(ledger) == before == {"a": (b'"x"', (4, 0))}
        assert verified(ledger).ok
        raw = kv(ledger).evaluate("history", b"a")
        assert [one[1] for one in msgspec.json.decode(raw)] == ['"x"', '"v"']
        raw = kv(ledger).evaluate("history", b"c")
        assert [one[2] for one in msgspec.json.decode(raw)] == [True, False]
    assert block_file(folder).exists()

    def change(blocks: list[Any]) -> None:
        blocks[3].message.metadata.metadata[2] = b"\0"

    assert "recorded as VALID, found PHANTOM_READ_CONFLICT" in problems(folder, change, False)
