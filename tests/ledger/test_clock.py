"""Clocks: never back, and one that is told the time."""

from __future__ import annotations

from pathlib import Path

import pytest

from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.system import ControlledClock, SystemClock

from .kv import found, kv, network, put, reopen


def times(ledger: EmbeddedLedger) -> list[int]:
    return [
        one.endorsed.time_ms
        for block in network(ledger).past_blocks(1)
        for one in block.transactions()
        if one.endorsed
    ]


def test_the_systems_clock_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [5_000_000_000]
    monkeypatch.setattr("time.time_ns", lambda: now[0])
    clock = SystemClock()
    assert clock.now_ms() == 5_000
    now[0] = 4_000_000_000
    assert clock.now_ms() == 5_000
    now[0] = 6_000_000_000
    assert clock.now_ms() == 6_000


def test_a_clock_tells_no_time_before_the_one_it_was_told() -> None:
    for clock in (SystemClock(), ControlledClock(1)):
        clock.not_before(10**13)
        clock.not_before(5)
        assert clock.now_ms() == 10**13


def test_a_controlled_clock_stands_still_and_never_goes_back() -> None:
    clock = ControlledClock(1_000)
    clock.advance(5)
    clock.advance(-50)
    assert clock.now_ms() == clock.now_ms() == 1_005


def test_transactions_bear_the_clocks_time(tmp_path: Path) -> None:
    clock = ControlledClock(1_234_567)
    with found(tmp_path / "l", clock=clock) as ledger:
        put(kv(ledger), "k", "v")
        clock.advance(1)
        put(kv(ledger), "k", "v")
        assert times(ledger) == [1_234_567, 1_234_568]


def test_a_reopened_ledger_does_not_go_back_in_time(tmp_path: Path) -> None:
    with found(tmp_path / "l", clock=ControlledClock(9_999)) as ledger:
        put(kv(ledger), "k", "v")
    clock = ControlledClock(5)
    with reopen(tmp_path / "l", clock=clock) as ledger:
        assert clock.now_ms() == 9_999
        put(kv(ledger), "k", "v")
        assert times(ledger) == [9_999, 9_999]
