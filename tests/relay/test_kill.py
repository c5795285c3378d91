"""Relays that are killed: no snapshot is missing or doubled, every stored body fits its hash.

A worker brings new blocks, reports, and dies at a random point between two steps of the relay;
two relays take turns. UFMI_KILLS says how often (100 if it is not set); UFMI_KILL_SEED repeats a
run.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ufmi.node import Node

from .office import assert_ledger, assert_reported

KILLS = int(os.environ.get("UFMI_KILLS", "100"))
SEED = int(os.environ.get("UFMI_KILL_SEED", str(random.randrange(10**6) * 1000)))
# Fault points up to which a worker may live: it passes some thirty when there is little to do, and
# many after others were killed; who passes fewer than it may comes to its end.
POINTS = (24, 48, 120)
TRIES = 8  # for each kill


def kill_again_and_again(folder: Path, kills: int) -> int:
    """Starts workers until so many were killed; returns how many came to their end."""
    script = Path(__file__).with_name("kill_child.py")
    chance = random.Random(SEED)
    survived = 0
    with (
        (folder / "errors").open("w") as errors,
        subprocess.Popen(
            [sys.executable, str(script), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as parent,
    ):
        assert parent.stdin and parent.stdout
        for at in range(TRIES * kills):
            if at - survived >= kills:
                break
            parent.stdin.write(f"{SEED + at} {chance.randint(1, chance.choice(POINTS))}\n")
            parent.stdin.flush()
            status = int(parent.stdout.readline())
            said = (folder / "errors").read_text()
            assert status in (0, -signal.SIGKILL), f"worker {at} of seed {SEED}: {status}\n{said}"
            survived += status == 0
        parent.stdin.close()
        assert at - survived >= kills - 1, "too few were killed"
    return survived


@pytest.mark.timeout(900)
def test_a_killed_relay_loses_and_repeats_nothing(data: Path) -> None:
    print(f"UFMI_KILL_SEED={SEED}")
    kill_again_and_again(data, KILLS)
    with Node.open(data) as node:
        with node.relay() as relay:
            relay.run_once()
        assert_reported(node)
        assert_ledger(node)
