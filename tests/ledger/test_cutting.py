"""Blocks are cut by number, by size and by time, as in Fabric."""

from __future__ import annotations

from pathlib import Path

from ufmi.ledger.embedded import Cut, EmbeddedLedger

from .kv import endorsed, found, kv, reopen, statuses, topology, value

LONG = 600_000  # milliseconds; such a time never comes in a test


def sizes(ledger: EmbeddedLedger) -> list[int]:
    """Transactions in each block after the first."""
    channel = ledger.channel("one")
    return [len(channel.block(number).codes) for number in range(1, channel.height)]


def submit(ledger: EmbeddedLedger, count: int, size: int = 1) -> list:  # type: ignore[type-arg]
    client = kv(ledger)
    return [endorsed(client, "put", f"k{at}".encode(), b"v" * size).submit() for at in range(count)]


def test_by_number(tmp_path: Path) -> None:
    with found(tmp_path / "l", topology(Cut(count=3, timeout_ms=LONG))) as ledger:
        submit(ledger, 7)
        assert sizes(ledger) == [3, 3]


def test_what_is_left_is_cut_at_the_end(tmp_path: Path) -> None:
    with found(tmp_path / "l", topology(Cut(count=3, timeout_ms=LONG))) as ledger:
        submit(ledger, 4)
    with reopen(tmp_path / "l") as ledger:
        assert sizes(ledger) == [3, 1]
        assert value(kv(ledger), "k3") == "v"


def test_by_size_once_it_is_reached(tmp_path: Path) -> None:
    shape = topology(Cut(count=100, bytes_preferred=100_000, timeout_ms=LONG))
    with found(tmp_path / "l", shape) as ledger:
        submit(ledger, 1, 100_000)
        assert sizes(ledger) == [1]


def test_by_size_before_it_is_passed(tmp_path: Path) -> None:
    # Each takes its value twice (arguments and write set) and some 4 kB: two fit, three do not.
    shape = topology(Cut(count=100, bytes_preferred=100_000, timeout_ms=LONG))
    with found(tmp_path / "l", shape) as ledger:
        submit(ledger, 5, 16_000)
        assert sizes(ledger) == [2, 2]


def test_one_larger_than_a_block_gets_its_own(tmp_path: Path) -> None:
    shape = topology(Cut(count=100, bytes_preferred=50_000, timeout_ms=LONG))
    with found(tmp_path / "l", shape) as ledger:
        commits = submit(ledger, 2) + submit(ledger, 1, 100_000)
        assert sizes(ledger) == [2, 1]
        assert statuses(*commits)[2] in ("VALID", "MVCC_READ_CONFLICT")


def test_by_time_after_the_first(tmp_path: Path) -> None:
    with found(tmp_path / "l", topology(Cut(count=100, timeout_ms=50))) as ledger:
        commits = submit(ledger, 3)
        assert statuses(*commits) == ["VALID"] * 3
        assert sum(sizes(ledger)) == 3


def test_the_time_begins_anew_with_every_block(tmp_path: Path) -> None:
    with found(tmp_path / "l", topology(Cut(count=2, timeout_ms=50))) as ledger:
        for _ in range(3):
            assert statuses(*submit(ledger, 1)) == ["VALID"]
        assert sizes(ledger) == [1, 1, 1]


def test_without_a_time_each_is_a_block(tmp_path: Path) -> None:
    with found(tmp_path / "l", topology(Cut(count=100, timeout_ms=0))) as ledger:
        submit(ledger, 3)
        assert sizes(ledger) == [1, 1, 1]
