"""Whole processes with banks and registries are killed while they start, recover or work.

A quarter of UFMI_KILLS (200): each costs a new interpreter. tests/frontend/test_kill.py does more.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.system.market import Market, found
from ufmi import Auditor, Node
from ufmi.frontend import executed_lines

ROOT = Path(__file__).parent.parent.parent
KILLS = int(os.environ.get("UFMI_KILLS", "200")) // 4


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def run_and_kill(folder: Path, notes: Path, in_flight: int, chance: random.Random) -> None:
    """Starts the victim and kills it: while it starts, recovers, or works."""
    command = [sys.executable, "-m", "tests.system.victim", folder, notes, str(in_flight)]
    with subprocess.Popen(
        [*command, str(chance.randrange(10**9))], cwd=ROOT, stderr=subprocess.PIPE
    ) as victim:
        before = size(notes)
        if chance.random() < 0.7:
            # Let it get to work first, however slow the machine is.
            while victim.poll() is None and size(notes) == before:
                time.sleep(0.005)
        time.sleep(chance.random() * 0.15)
        assert victim.poll() is None, victim.stderr.read().decode() if victim.stderr else ""
        victim.send_signal(signal.SIGKILL)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("in_flight", [0, 1, 3])
def test_killed_at_any_moment_nothing_receipted_is_lost_or_doubled(
    tmp_path: Path, in_flight: int
) -> None:
    seed = random.randrange(10**9)
    print("seed", seed)
    chance = random.Random(seed)
    folder, notes = tmp_path / "data", tmp_path / "notes"
    found(folder)
    for _ in range(KILLS // 3 + 1):
        run_and_kill(folder, notes, in_flight, chance)
    noted = [line.split() for line in notes.read_text().splitlines()]
    with Node.open(folder) as node:
        market = Market(node)
        market.catch_up()
        executed: dict[str, list[int]] = {}
        for block in node.channel.past_blocks():
            for one in executed_lines(block):
                if not one.result.repeated:
                    executed.setdefault(one.line.digest, []).append(one.entry.number)
        for number, digest in noted:
            assert executed.get(digest) == [int(number)], f"arrival {number}, seed {seed}"
        numbers = [int(number) for number, _ in noted]
        assert numbers == sorted(set(numbers))
        auditor = Auditor(node)
        report = auditor.reconcile(market.books)
        assert report.ok, [check for check in report.checks if not check.ok]
        assert all(one.ok for one in auditor.verify())
        market.close()
