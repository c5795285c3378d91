"""Processes that are killed: whatever got a receipt is executed exactly once, in order.

A worker submits small groups of messages and writes down every receipt; it is killed with SIGKILL
at a random moment and started again over the same folder. UFMI_KILLS says how often altogether
(200 if it is not set, which takes about half a minute on two cores); UFMI_KILL_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from ufmi.ledger.embedded.verify import verify_channel
from ufmi.node import Node
from ufmi.protocol import decode
from ufmi.protocol.funds import Y1Locked
from ufmi.reconcile import reconcile

from .town import USERS, Town, executed, found, wallet

KILLS = int(os.environ.get("UFMI_KILLS", "200"))
SEED = int(os.environ.get("UFMI_KILL_SEED", str(random.randrange(10**6) * 1000)))
# A worker lives at most so long, or twice as long as the first one needs for its first receipt.
LIFE_SECONDS_MAX = 0.12
FIRST_SECONDS_MAX = 60


def first_receipt(folder: Path) -> float:
    """Seconds until the first worker, just started, has written a receipt down."""
    started = time.monotonic()
    acknowledged = folder / "acknowledged"
    while not (acknowledged.exists() and acknowledged.stat().st_size):
        assert time.monotonic() < started + FIRST_SECONDS_MAX, "no worker comes to a receipt"
        time.sleep(0.002)
    return time.monotonic() - started


def kill_again_and_again(folder: Path, in_flight: int, kills: int) -> None:
    """Starts a worker and kills it, so many times."""
    script = Path(__file__).with_name("kill_child.py")
    command = [sys.executable, str(script), str(folder)]
    chance = random.Random(SEED)
    with (
        (folder / "errors").open("w") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as parent,
    ):
        assert parent.stdin and parent.stdout
        longest = LIFE_SECONDS_MAX
        for at in range(kills):
            life = chance.uniform(0, longest)
            parent.stdin.write(f"{SEED + at} {in_flight}\n")
            parent.stdin.flush()
            worker = int(parent.stdout.readline())
            if not at:
                longest = max(longest, 2 * first_receipt(folder))
            time.sleep(life)
            os.kill(worker, signal.SIGKILL)
            status = int(parent.stdout.readline())
            said = (folder / "errors").read_text()
            assert status == -signal.SIGKILL, f"kill {at} of seed {SEED}: ended itself\n{said}"
        parent.stdin.close()


def receipts(folder: Path) -> list[tuple[int, str]]:
    """Number and digest of all receipts that were written down."""
    lines = (folder / "acknowledged").read_text().splitlines()
    return [(int(number), digest) for number, digest in map(str.split, lines)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("in_flight", "share"), [(2, 3), (0, 1)])
def test_a_killed_process_loses_and_repeats_nothing(
    tmp_path: Path, in_flight: int, share: int
) -> None:
    print(f"UFMI_KILL_SEED={SEED}")
    with found(tmp_path) as node:
        Town(node).open()
    kill_again_and_again(tmp_path, in_flight, max(1, KILLS * share // 4))
    with Node.open(tmp_path) as node:
        lines = executed(node)
        assert not node.frontend.set_aside()
        numbers = Counter(one.entry.number for one in lines)
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), "a gap"
        assert set(numbers.values()) == {1}, "executed twice"
        digests = {one.entry.number: one.line.digest for one in lines}
        acknowledged = receipts(tmp_path)
        assert acknowledged, "no worker came as far as a receipt"
        for number, digest in acknowledged:
            assert digests.get(number) == digest, f"receipt {number} is not kept"
        assert all(one.result.accepted for one in lines)
        minted = [
            decode(one.line.text).amount  # type: ignore[attr-defined]
            for one in lines
            if one.line.text.startswith(Y1Locked.NAME)
        ]
        cash = [sum(node.cash(wallet(user).address).values()) for user in range(1, USERS + 1)]
        assert sum(cash) == sum(minted)
        report = reconcile(node)
        assert report.ok, [check for check in report.checks if not check.ok]
        verification = verify_channel(node.ledger.channel("udl"), node.ledger.topology.orderer)
        assert verification.ok, verification.problems
