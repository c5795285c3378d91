"""Execute, order, validate: what becomes of a transaction is what Fabric says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ufmi.errors import CommitError, CommitStatusError, EndorseError, EvaluateError, NotFound
from ufmi.ledger import Commit
from ufmi.ledger.embedded import Cut, EmbeddedLedger
from ufmi.ledger.protos import VALID, validation_name

from .kv import A, B, C, endorsed, found, kv, network, put, state, statuses, topology, value


@pytest.fixture
def pairs(tmp_path: Path) -> Iterator[EmbeddedLedger]:
    """A ledger that cuts a block of every two transactions."""
    with found(tmp_path / "ledger", topology(Cut(count=2, timeout_ms=10_000))) as one:
        yield one


def test_submit_writes_and_returns_what_the_function_returned(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    assert client.submit("put", b"k", b"v") == b"done"
    assert value(client, "k") == "v"


def test_evaluate_writes_nothing_and_orders_nothing(ledger: EmbeddedLedger) -> None:
    height = ledger.channel("one").height
    assert value(kv(ledger), "k") is None
    assert ledger.channel("one").height == height


def test_endorsing_alone_changes_nothing(ledger: EmbeddedLedger) -> None:
    transaction = endorsed(kv(ledger), "put", b"k", b"v")
    assert transaction.result == b"done"
    assert (ledger.channel("one").height, state(ledger)) == (1, {})


def test_a_value_has_the_version_that_wrote_it(ledger: EmbeddedLedger) -> None:
    put(kv(ledger), "k", "v")
    put(kv(ledger), "l", "v")
    assert state(ledger) == {"k": (b'"v"', (1, 0)), "l": (b'"v"', (2, 0))}


def test_of_two_on_the_same_state_the_second_block_conflicts(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    first, second = endorsed(client, "add", b"n"), endorsed(client, "add", b"n")
    assert statuses(first.submit(), second.submit()) == ["VALID", "MVCC_READ_CONFLICT"]
    assert value(client, "n") == 1


def test_of_two_on_the_same_state_in_one_block_the_second_conflicts(pairs: EmbeddedLedger) -> None:
    client = kv(pairs)
    first, second = endorsed(client, "add", b"n"), endorsed(client, "add", b"n")
    assert statuses(first.submit(), second.submit()) == ["VALID", "MVCC_READ_CONFLICT"]
    assert pairs.channel("one").height == 2
    assert state(pairs) == {"n": (b"1", (1, 0))}


def test_the_order_of_submission_decides_not_that_of_endorsement(pairs: EmbeddedLedger) -> None:
    client = kv(pairs)
    first, second = endorsed(client, "add", b"n"), endorsed(client, "add", b"n")
    late, early = second.submit(), first.submit()
    assert statuses(late, early) == ["VALID", "MVCC_READ_CONFLICT"]


def test_different_keys_in_one_block_do_not_conflict(pairs: EmbeddedLedger) -> None:
    client = kv(pairs)
    first, second = endorsed(client, "add", b"n"), endorsed(client, "add", b"m")
    assert statuses(first.submit(), second.submit()) == ["VALID", "VALID"]
    assert {name: version for name, (_, version) in state(pairs).items()} == {
        "n": (1, 0),
        "m": (1, 1),
    }


def test_a_read_of_what_the_same_block_wrote_conflicts(pairs: EmbeddedLedger) -> None:
    client = kv(pairs)
    first = endorsed(client, "put", b"from", b"v")
    second = endorsed(client, "copy", b"from", b"to")
    assert statuses(first.submit(), second.submit()) == ["VALID", "MVCC_READ_CONFLICT"]


def test_a_read_of_what_an_invalid_transaction_wrote_does_not_conflict(
    pairs: EmbeddedLedger,
) -> None:
    client = kv(pairs)
    invalid = endorsed(client, "put", b"k", b"v", by=(A,))
    valid = endorsed(client, "add", b"k")
    commits = invalid.submit(), valid.submit()
    assert statuses(*commits) == ["ENDORSEMENT_POLICY_FAILURE", "VALID"]


def test_a_read_of_nothing_conflicts_once_something_is_there(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    late = endorsed(client, "add", b"n")
    put(client, "n", "v")
    assert statuses(late.submit()) == ["MVCC_READ_CONFLICT"]


def test_a_read_of_something_conflicts_once_it_is_deleted(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    client.submit("add", b"n")
    late = endorsed(client, "add", b"n")
    client.submit("delete", b"n")
    assert statuses(late.submit()) == ["MVCC_READ_CONFLICT"]


def test_the_same_value_written_anew_conflicts_all_the_same(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    put(client, "a", "x")
    late = endorsed(client, "copy", b"a", b"b")
    put(client, "a", "y")
    put(client, "a", "x")
    assert statuses(late.submit()) == ["MVCC_READ_CONFLICT"]


def test_a_conflict_can_be_tried_again(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    late = endorsed(client, "add", b"n")
    client.submit("add", b"n")
    with pytest.raises(CommitError) as caught:
        late.submit().require_valid()
    assert caught.value.retryable
    assert (caught.value.status, caught.value.block) == ("MVCC_READ_CONFLICT", 2)
    assert caught.value.transaction_id == late.transaction_id
    assert client.submit("add", b"n") == b"2"


def test_endorsed_by_too_few_organisations_is_a_policy_failure(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    with pytest.raises(CommitError) as caught:
        endorsed(client, "put", b"k", b"v", by=(A,)).submit().require_valid()
    assert caught.value.status == "ENDORSEMENT_POLICY_FAILURE"
    assert not caught.value.retryable
    assert state(ledger) == {}


@pytest.mark.parametrize("group", [(A, B), (C, B), (A, B, C)])
def test_any_majority_of_organisations_will_do(
    ledger: EmbeddedLedger, group: tuple[str, ...]
) -> None:
    transaction = endorsed(kv(ledger), "put", b"k", b"v", by=group)
    assert statuses(transaction.submit()) == ["VALID"]


def test_one_organisation_twice_is_still_too_few(ledger: EmbeddedLedger) -> None:
    transaction = endorsed(kv(ledger), "put", b"k", b"v", by=(A, A))
    assert statuses(transaction.submit()) == ["ENDORSEMENT_POLICY_FAILURE"]


def test_a_policy_that_asks_for_one_organisation_gets_it(tmp_path: Path) -> None:
    with found(tmp_path / "ledger", topology(policy=f"OR('{C}.peer')")) as ledger:
        put(kv(ledger), "k", "v")
        transaction = endorsed(kv(ledger), "put", b"k", b"w", by=(A, B))
        assert statuses(transaction.submit()) == ["ENDORSEMENT_POLICY_FAILURE"]


def test_an_organisation_without_peer_cannot_endorse(ledger: EmbeddedLedger) -> None:
    with pytest.raises(EndorseError, match="no peer of XMSP"):
        endorsed(kv(ledger), "put", b"k", b"v", by=(A, "XMSP"))


def test_what_a_contract_refuses_is_told_with_its_reason(ledger: EmbeddedLedger) -> None:
    with pytest.raises(EndorseError, match="because I say so") as caught:
        kv(ledger).submit("fail", b"because I say so")
    assert caught.value.transaction_id
    assert ledger.channel("one").height == 1


def test_a_defect_of_a_contract_fails_its_call_and_nothing_else(ledger: EmbeddedLedger) -> None:
    with pytest.raises(EndorseError, match="RuntimeError"):
        kv(ledger).submit("crash")
    with pytest.raises(EvaluateError, match="RuntimeError"):
        kv(ledger).evaluate("crash")
    put(kv(ledger), "k", "v")


def test_an_unknown_function_is_refused(ledger: EmbeddedLedger) -> None:
    with pytest.raises(EndorseError, match="no function"):
        kv(ledger).submit("nothing")


def test_an_unknown_contract_is_refused(ledger: EmbeddedLedger) -> None:
    other = network(ledger).contract("other")
    with pytest.raises(EndorseError, match="no contract 'other'"):
        other.submit("put", b"k", b"v")
    with pytest.raises(EvaluateError, match="no contract 'other'"):
        other.evaluate("get", b"k")


def test_an_unknown_channel_is_refused(ledger: EmbeddedLedger) -> None:
    with pytest.raises(NotFound, match="no channel 'nine'"):
        network(ledger, "nine").contract("kv").submit("put", b"k", b"v")
    with pytest.raises(NotFound):
        list(network(ledger, "nine").past_blocks())


def test_a_transaction_that_nobody_ordered_has_no_status(ledger: EmbeddedLedger) -> None:
    commit = Commit(network(ledger).gateway, "one", "00" * 32)
    with pytest.raises(CommitStatusError) as caught:
        commit.status(0.01)
    assert caught.value.retryable


def test_status_can_be_asked_for_later_and_by_others(ledger: EmbeddedLedger) -> None:
    commit = endorsed(kv(ledger), "put", b"k", b"v").submit()
    other = Commit(network(ledger, msp=B).gateway, "one", commit.transaction_id)
    for _ in range(2):
        status = other.status(5)
        assert (status.name, status.block, status.code) == ("VALID", 1, VALID)
    assert validation_name(11) == "MVCC_READ_CONFLICT"


def test_two_channels_are_separate(tmp_path: Path) -> None:
    with found(tmp_path / "ledger", topology(channels=2)) as ledger:
        put(kv(ledger, "one"), "k", "first")
        put(kv(ledger, "two"), "k", "second")
        put(kv(ledger, "two"), "l", "third")
        assert value(kv(ledger, "one"), "k") == "first"
        assert value(kv(ledger, "one"), "l") is None
        assert [ledger.channel(name).height for name in ("one", "two")] == [2, 3]
        assert ledger.channel("one").tip_hash != ledger.channel("two").tip_hash


def test_the_store_is_only_read_by_who_holds_the_channels_lock(
    ledger: EmbeddedLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another thread's flush ends the read transaction that everybody reads through.
    channel = ledger.channel("one")
    real, unlocked = channel.store._get, []

    def get(key: bytes) -> bytes | None:
        if not channel.lock._is_owned():  # type: ignore[attr-defined]
            unlocked.append(key)
        return real(key)

    monkeypatch.setattr(channel.store, "_get", get)
    client = kv(ledger)
    put(client, "k", "v")
    value(client, "k")
    client.evaluate("keys", b"", b"")
    client.evaluate("history", b"k")
    list(network(ledger).past_blocks())
    assert unlocked == []
