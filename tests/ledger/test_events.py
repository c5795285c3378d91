"""Events: blocks and chaincode events in order, none missed, none twice."""

from __future__ import annotations

import threading
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.errors import StoreCorrupted
from ufmi.ledger import FileCheckpoint, MemoryCheckpoint, Position
from ufmi.ledger.embedded import Cut, EmbeddedLedger

from .kv import A, endorsed, found, kv, network, put, topology


@pytest.fixture
def busy(tmp_path: Path) -> EmbeddedLedger:  # type: ignore[misc]
    """Blocks with three transactions each, some of them invalid: 12 in blocks 1 … 4."""
    with found(tmp_path / "ledger", topology(Cut(count=3, timeout_ms=600_000))) as ledger:
        for at in range(12):
            client = kv(ledger)
            by = (A,) if at % 5 == 2 else ()
            endorsed(client, "put", f"k{at}".encode(), b"v", by=by).submit()
        yield ledger


GOOD = [at for at in range(12) if at % 5 != 2]


def names(events: list) -> list[int]:  # type: ignore[type-arg]
    return [int(event.payload.decode()[1:]) for event in events]


def test_past_blocks_are_all_blocks(busy: EmbeddedLedger) -> None:
    assert [block.number for block in network(busy).past_blocks()] == [0, 1, 2, 3, 4]
    assert [block.number for block in network(busy).past_blocks(3)] == [3, 4]


def test_block_events_are_replayed_from_a_height_to_a_stop(busy: EmbeddedLedger) -> None:
    assert [block.number for block in network(busy).block_events(1, stop=3)] == [1, 2, 3]


def test_block_events_wait_for_what_comes(busy: EmbeddedLedger) -> None:
    seen: list[int] = []

    def listen() -> None:
        for block in network(busy).block_events(4, stop=5):
            seen.append(block.number)

    thread = threading.Thread(target=listen)
    thread.start()
    for at in range(3):
        endorsed(kv(busy), "put", f"x{at}".encode(), b"v").submit()
    thread.join(30)
    assert seen == [4, 5]


def test_without_a_start_block_events_begin_with_the_next_block(ledger: EmbeddedLedger) -> None:
    put(kv(ledger), "k", "1")
    blocks = network(ledger).block_events()
    got: list[int] = []
    ready = threading.Event()

    def listen() -> None:
        ready.set()
        got.append(next(blocks).number)

    thread = threading.Thread(target=listen)
    thread.start()
    ready.wait(30)
    while not got:
        put(kv(ledger), "k", "2")
        thread.join(0.02)
    assert got[0] >= 2


def test_events_end_when_the_ledger_closes(tmp_path: Path) -> None:
    ledger = found(tmp_path / "ledger")
    thread = threading.Thread(target=lambda: list(network(ledger).block_events(0)))
    thread.start()
    ledger.close()
    thread.join(30)
    assert not thread.is_alive()


def test_a_checkpoint_continues_where_it_was(busy: EmbeddedLedger) -> None:
    checkpoint = MemoryCheckpoint()
    for block in islice(network(busy).block_events(checkpoint=checkpoint), 3):
        checkpoint.block_done(block.number)
    rest = network(busy).block_events(checkpoint=checkpoint, stop=4)
    assert [block.number for block in rest] == [3, 4]


def test_chaincode_events_are_those_of_valid_transactions(busy: EmbeddedLedger) -> None:
    events = list(islice(network(busy).chaincode_events("kv", 0), len(GOOD)))
    assert names(events) == GOOD
    assert {event.name for event in events} == {"put"}
    assert [event.block for event in events] == [1 + at // 3 for at in GOOD]


def test_chaincode_events_are_those_of_the_contract_asked_for(busy: EmbeddedLedger) -> None:
    request = network(busy).chaincode_events("other", 0)
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.extend(islice(request, 1)))
    thread.start()
    thread.join(0.1)
    assert seen == []
    # The listener ends with the ledger, when the fixture closes it.


@pytest.mark.parametrize("stop_after", range(1, len(GOOD)))
def test_events_resume_after_a_transaction(busy: EmbeddedLedger, stop_after: int) -> None:
    checkpoint = MemoryCheckpoint()
    seen = []
    for event in islice(network(busy).chaincode_events("kv", checkpoint=checkpoint), stop_after):
        seen.append(event)
        checkpoint.transaction_done(event.block, event.transaction_id)
    rest = network(busy).chaincode_events("kv", checkpoint=checkpoint)
    seen += islice(rest, len(GOOD) - stop_after)
    assert names(seen) == GOOD


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_reading_in_any_pieces_misses_none_and_doubles_none(data: st.DataObject) -> None:
    # The ledger is made once; hypothesis chooses where the reader is interrupted.
    ledger = _shared()
    checkpoint = MemoryCheckpoint()
    seen = []
    while len(seen) < len(GOOD):
        size = data.draw(st.integers(1, len(GOOD) - len(seen)))
        piece = list(islice(network(ledger).chaincode_events("kv", checkpoint=checkpoint), size))
        seen += piece
        checkpoint.transaction_done(piece[-1].block, piece[-1].transaction_id)
    assert names(seen) == GOOD


_ledgers: list[EmbeddedLedger] = []


def _shared() -> EmbeddedLedger:
    return _ledgers[0]


@pytest.fixture(autouse=True)
def _share(request: pytest.FixtureRequest) -> None:
    if request.node.originalname.startswith("test_reading_in_any"):
        _ledgers[:] = [request.getfixturevalue("busy")]


def test_a_file_checkpoint_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    assert FileCheckpoint(path).position == Position()
    FileCheckpoint(path).block_done(7)
    assert FileCheckpoint(path).position == Position(8)
    FileCheckpoint(path).transaction_done(9, "aa")
    assert FileCheckpoint(path).position == Position(9, "aa")


@pytest.mark.parametrize("raw", [b"", b"{", b'{"block":"x"}', b"\xff"])
def test_a_damaged_file_checkpoint_is_said_to_be(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "checkpoint"
    path.write_bytes(raw)
    with pytest.raises(StoreCorrupted):
        FileCheckpoint(path)


def test_a_block_shows_its_transactions(busy: EmbeddedLedger) -> None:
    (block,) = network(busy).block_events(1, stop=1)
    transactions = list(block.transactions())
    assert [one.status for one in transactions] == ["VALID", "VALID", "ENDORSEMENT_POLICY_FAILURE"]
    assert [one.at for one in transactions] == [0, 1, 2]
    for one in transactions:
        assert one.endorsed is not None
        assert one.endorsed.arguments[0] == b"put"
        assert one.event.event_name == "put"  # type: ignore[union-attr]
        assert one.event.tx_id == one.tx_id  # type: ignore[union-attr]
