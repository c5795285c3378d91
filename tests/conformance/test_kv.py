"""State, ranges, history, events, conflicts and policies are the same on every ledger."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from tests.ledger import kv
from ufmi.contract import encode_record
from ufmi.errors import (
    AccessDenied,
    CommitError,
    CommitStatusError,
    EndorseError,
    EvaluateError,
    LedgerError,
    NotFound,
)
from ufmi.ledger import Contract, Identity, MemoryCheckpoint, Transaction
from ufmi.ledger.embedded import rwset

from .backends import BANK, MARKET, OPERATOR, ORGANISATIONS, Backend


@pytest.fixture
def client(backend: Backend) -> Contract:
    return backend.contract()


@pytest.fixture
def key(backend: Backend) -> str:
    """A key that no test has used; longer ones begin with it."""
    return backend.fresh()


def value(client: Contract, key: str) -> Any:
    return json.loads(client.evaluate("get", key.encode()))


def history(client: Contract, key: str) -> list[Any]:
    return json.loads(client.evaluate("history", key.encode()))  # type: ignore[no-any-return]


def statuses(*transactions: Transaction) -> list[str]:
    """Orders transactions one after the other and tells what became of them."""
    commits = [transaction.submit() for transaction in transactions]
    return [commit.status().name for commit in commits]


# -- state and history ----------------------------------------------------------------------------


def test_what_was_put_is_there_until_it_is_deleted(client: Contract, key: str) -> None:
    assert value(client, key) is None
    kv.put(client, key, "one")
    kv.put(client, key, "二")
    assert value(client, key) == "二"
    client.submit("copy", key.encode(), f"{key}copy".encode())
    client.submit("delete", key.encode())
    assert (value(client, key), value(client, f"{key}copy")) == (None, "二")


def test_history_is_newest_first_with_its_transactions(client: Contract, key: str) -> None:
    assert history(client, key) == []
    ids = []
    for function, *arguments in (("put", b"a"), ("delete",), ("put", b"b"), ("put", b"c")):
        endorsed = client.new_proposal(str(function), key.encode(), *arguments).endorse()
        endorsed.submit().require_valid()
        ids.append(endorsed.transaction_id)
    assert history(client, key) == [
        [ids[3], '"c"', False],
        [ids[2], '"b"', False],
        [ids[1], "null", True],
        [ids[0], '"a"', False],
    ]
    assert json.loads(client.evaluate("history", key.encode(), b"2")) == history(client, key)[:2]


def test_ranges_are_in_order_of_their_bytes(client: Contract, key: str) -> None:
    names = [f"{key}{end}" for end in ("0", "a", "b", "é", "中", "中中")]
    for name in reversed(names):
        kv.put(client, name, "x")
    assert kv.keys(client, key, f"{key}\U0010ffff") == names
    assert kv.keys(client, names[1], names[3]) == names[1:3]
    assert kv.keys(client, key, f"{key}\U0010ffff", 2) == names[:2]
    assert kv.keys(client, names[0], names[0]) == []
    assert kv.keys(client, key, f"{key}\U0010ffff", 0) == []


def test_long_ranges_come_whole(client: Contract, key: str) -> None:
    """More than a peer gives in one page."""
    steps = [["put", f"{key}{at:04d}", "x"] for at in range(350)]
    client.submit("do", encode_record(steps))
    expected = [f"{key}{at:04d}" for at in range(350)]
    for limit in (99, 100, 101, 200, 349, 350, 500):
        assert kv.keys(client, key, f"{key}~", limit) == expected[:limit]


def test_a_transaction_does_not_see_its_own_writes_in_ranges(client: Contract, key: str) -> None:
    kv.put(client, f"{key}a", "1")
    steps = [
        ["put", f"{key}b", "2"],
        ["get", f"{key}b"],
        ["scan", key, f"{key}~", 10],
    ]
    assert json.loads(client.submit("do", encode_record(steps))) == ["2", [f"{key}a"]]
    assert kv.keys(client, key, f"{key}~") == [f"{key}a", f"{key}b"]


def test_a_query_changes_nothing(client: Contract, key: str) -> None:
    height = client.network.height()
    assert client.evaluate("put", key.encode(), b"x") == b"done"
    assert value(client, key) is None
    assert client.network.height() == height


@pytest.mark.parametrize("bad", [b"", b"k" * 400])
def test_keys_are_neither_empty_nor_too_long(client: Contract, bad: bytes) -> None:
    with pytest.raises(EndorseError, match="UFMI-3002"):
        client.submit("put", bad, b"x")


def test_large_values_and_arguments(client: Contract, key: str) -> None:
    text = "v" * 200_000
    kv.put(client, key, text)
    assert value(client, key) == text
    with pytest.raises(EndorseError, match="UFMI-3002"):
        kv.put(client, key, "v" * 300_000)


# -- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "arguments", "said"),
    [
        ("fail", (b"no tea",), "UFMI-3005: no tea"),
        ("crash", (), "UFMI-3000: the contract failed: RuntimeError: a defect"),
        ("fly", (), "UFMI-3003: the contract kv has no function fly"),
        ("put", (b"one",), "UFMI-3005: put does not take 1 arguments"),
    ],
)
def test_failures_are_told_in_the_contracts_words(
    client: Contract, function: str, arguments: tuple[bytes, ...], said: str
) -> None:
    with pytest.raises(EndorseError) as refused:
        client.submit(function, *arguments)
    with pytest.raises(EvaluateError) as failed:
        client.evaluate(function, *arguments)
    for problem in (refused.value, failed.value):
        # The embedded ledger says code and words apart, a peer as the contract's one line.
        assert all(part in str(problem) for part in said.split(": "))
        assert not problem.retryable and problem.transaction_id


def test_a_contract_describes_itself(client: Contract) -> None:
    described = json.loads(client.evaluate("describe"))
    assert described == {"name": "kv", "functions": kv.Kv().functions()}


def test_what_is_not_there_is_an_error(backend: Backend) -> None:
    with pytest.raises(LedgerError):
        backend.contract("nothing").evaluate("get", b"x")
    with pytest.raises(LedgerError):
        backend.gateway().network("nowhere").contract("kv").evaluate("get", b"x")
    with pytest.raises(NotFound):
        backend.network().block(10**6)
    with pytest.raises(CommitStatusError):
        backend.gateway().commit("one", "0" * 64).status(0.5)


def test_strangers_are_refused(backend: Backend) -> None:
    known = backend.identity(OPERATOR, "client")
    other = backend.identity(MARKET, "client")
    for identity in (
        Identity("NobodyMSP", known.certificate, known.signer),  # no such organisation
        Identity(MARKET, known.certificate, known.signer),  # not certified by it
        Identity(OPERATOR, known.certificate, other.signer),  # another's key
    ):
        gateway = backend.gateway()
        gateway.identity = identity
        with pytest.raises(LedgerError):
            gateway.network("one").contract("kv").evaluate("get", b"x")
        with pytest.raises(AccessDenied):
            gateway.network("one").height()


# -- conflicts ------------------------------------------------------------------------------------


def test_the_second_of_two_that_read_the_same_is_invalid(client: Contract, key: str) -> None:
    first, second = (kv.endorsed(client, "add", key.encode()) for _ in range(2))
    assert statuses(first, second) == ["VALID", "MVCC_READ_CONFLICT"]
    assert value(client, key) == 1
    with pytest.raises(CommitError) as caught:
        late = kv.endorsed(client, "add", key.encode())
        client.submit("add", key.encode())
        late.submit().require_valid()
    assert caught.value.retryable and caught.value.status == "MVCC_READ_CONFLICT"


def test_blind_writes_do_not_conflict(client: Contract, key: str) -> None:
    first, second = (kv.program(client, ["put", key, text]) for text in ("a", "b"))
    assert statuses(first, second) == ["VALID", "VALID"]
    assert value(client, key) == "b"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (["put", "b", "new"], "PHANTOM_READ_CONFLICT"),  # a key more
        (["put", "a", "changed"], "PHANTOM_READ_CONFLICT"),  # another value
        (["put", "d", "behind the end"], "VALID"),
        (["put", "~", "elsewhere"], "VALID"),
    ],
)
def test_what_a_range_has_read_may_not_change(
    client: Contract, key: str, change: list[str], status: str
) -> None:
    for end in "ac":
        kv.put(client, f"{key}{end}", "x")
    reader = kv.program(
        client, ["scan", f"{key}a", f"{key}d", 10], ["put", f"{key}result", "counted"]
    )
    act, end, text = change
    client.submit("do", encode_record([[act, f"{key}{end}", text]]))
    assert statuses(reader) == [status]
    assert value(client, f"{key}result") == ("counted" if status == "VALID" else None)


def test_a_deleted_key_is_missed_in_a_range(client: Contract, key: str) -> None:
    kv.put(client, f"{key}a", "x")
    reader = kv.program(client, ["scan", key, f"{key}~", 10], ["put", f"{key}result", "1"])
    client.submit("delete", f"{key}a".encode())
    assert statuses(reader) == ["PHANTOM_READ_CONFLICT"]


def test_a_key_is_checked_before_a_range(client: Contract, key: str) -> None:
    kv.put(client, f"{key}a", "x")
    reader = kv.program(
        client, ["get", f"{key}a"], ["scan", key, f"{key}~", 10], ["put", f"{key}result", "1"]
    )
    kv.put(client, f"{key}a", "y")
    assert statuses(reader) == ["MVCC_READ_CONFLICT"]


def test_a_transaction_is_taken_once(client: Contract, key: str) -> None:
    """Where the second copy is refused differs: the orderer, the peer or the block says so."""
    endorsed = kv.endorsed(client, "add", key.encode())
    assert statuses(endorsed) == ["VALID"]
    with suppress(LedgerError):
        assert endorsed.submit().status().name == "VALID"  # the first one's
    assert value(client, key) == 1


# -- policies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contract", "organisations", "status"),
    [
        ("kv", (OPERATOR,), "ENDORSEMENT_POLICY_FAILURE"),
        ("kv", (OPERATOR, BANK), "VALID"),
        ("kv", (MARKET, BANK), "VALID"),
        ("kv_all", (OPERATOR, MARKET), "ENDORSEMENT_POLICY_FAILURE"),
        ("kv_all", ORGANISATIONS, "VALID"),
    ],
)
def test_enough_organisations_have_to_endorse(
    backend: Backend, key: str, contract: str, organisations: tuple[str, ...], status: str
) -> None:
    client = backend.contract(contract)
    endorsed = kv.endorsed(client, "add", key.encode(), by=organisations)
    assert statuses(endorsed) == [status]
    assert value(client, key) == (1 if status == "VALID" else None)
    found = client.network.transaction(endorsed.transaction_id)
    assert (found.status, found.valid) == (status, status == "VALID")


def test_every_organisation_may_propose(backend: Backend, key: str) -> None:
    for count, msp in enumerate(ORGANISATIONS, 1):
        assert backend.contract(msp=msp).submit("add", key.encode()) == encode_record(count)
    # A peer may be a moment behind the one that answered last.
    assert value(backend.contract(msp=msp), key) == len(ORGANISATIONS)


def test_contracts_have_states_of_their_own(backend: Backend, key: str) -> None:
    kv.put(backend.contract("kv"), key, "here")
    assert value(backend.contract("kv_all"), key) is None


# -- blocks and events ----------------------------------------------------------------------------


def test_events_come_in_order_of_valid_transactions_only(client: Contract, key: str) -> None:
    network = client.network
    start = network.height()
    kv.put(client, key, "a")
    first, second = (kv.endorsed(client, "add", f"{key}n".encode()) for _ in range(2))
    assert statuses(first, second) == ["VALID", "MVCC_READ_CONFLICT"]
    client.submit("delete", key.encode())  # has no event
    kv.put(client, f"{key}last", "b")
    found = []
    for event in network.chaincode_events("kv", start=start):
        found.append((event.name, event.payload))
        if event.payload == f"{key}last".encode():
            break
    assert found == [("put", key.encode()), ("add", b"1"), ("put", f"{key}last".encode())]


def test_a_checkpoint_is_gone_on_from(client: Contract, key: str) -> None:
    checkpoint = MemoryCheckpoint()
    checkpoint.block_done(client.network.height() - 1)
    for end in "abc":
        kv.put(client, f"{key}{end}", "x")
    seen = []
    for _ in range(3):
        event = next(iter(client.network.chaincode_events("kv", checkpoint=checkpoint)))
        seen.append(event.payload.decode())
        checkpoint.transaction_done(event.block, event.transaction_id)
    assert seen == [f"{key}{end}" for end in "abc"]


def test_blocks_are_chained_and_name_what_is_in_them(
    backend: Backend, client: Contract, key: str
) -> None:
    network = client.network
    endorsed = kv.endorsed(client, "put", key.encode(), b"x")
    status = endorsed.submit().require_valid()
    block = network.block(status.block)
    assert network.block(status.block - 1).hash == block.message.header.previous_hash
    (one,) = [one for one in block.transactions() if one.tx_id == endorsed.transaction_id]
    assert one.endorsed is not None and one.event is not None
    assert one.endorsed.arguments == (b"put", key.encode(), b"x")
    assert one.endorsed.time_ms == backend.clock.now_ms()
    assert one.event.chaincode_id == "kv" and one.event.tx_id == endorsed.transaction_id
    assert len(one.endorsed.endorsements) == 2


def test_the_read_write_set_names_the_versions_that_were_read(client: Contract, key: str) -> None:
    network = client.network
    written = kv.endorsed(client, "add", key.encode())
    at = written.submit().require_valid()
    again = kv.endorsed(client, "add", key.encode())
    again.submit().require_valid()
    place = next(
        one.at
        for one in network.block(at.block).transactions()
        if one.tx_id == written.transaction_id
    )
    one = network.transaction(again.transaction_id)
    assert one.endorsed is not None
    (sets,) = [sets for sets in rwset.decode(one.endorsed.action.results) if sets.namespace == "kv"]
    assert sets.reads == {key: (at.block, place)}
    assert sets.writes == {key: b"2"}
