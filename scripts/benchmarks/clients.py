"""Transfers through clients: ours for asyncio, and hfc in an environment of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import time
from pathlib import Path

import benchmarks
from benchmarks.bed import CHANNEL, OPERATOR
from ufmi.ledger.aio import AsyncGateway
from ufmi.ledger.fabric import connect_async

_ROOT = Path(benchmarks.__file__).parents[2]
# Accounts that no other transfer of this process has touched: nothing conflicts.
_fresh = itertools.count()


async def _flood(gateway: AsyncGateway, name: str, count: int, in_flight: int) -> None:
    contract = gateway.network(CHANNEL).contract(name)
    numbers = iter(range(count))

    async def one_after_the_other() -> None:
        for _ in numbers:
            account = next(_fresh)
            await contract.submit("transfer", f"a{account}".encode(), f"b{account}".encode(), b"5")

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(one_after_the_other())


def transfers(connection: Path, name: str, count: int, in_flight: int) -> float:
    """Transfers a second, each a transaction of its own, waiting for its commit."""

    async def work() -> float:
        async with connect_async(connection, OPERATOR) as gateway:
            started = time.perf_counter()
            await _flood(gateway, name, count, in_flight)
            return count / (time.perf_counter() - started)

    return asyncio.run(work())


def hfc_python() -> Path | None:
    """The interpreter of hfc's environment, if it was made."""
    folder = Path(os.environ.get("UFMI_HFC_VENV") or _ROOT / ".venv-hfc")
    python = folder / "bin" / "python"
    return python if (folder / ".ufmi-hfc").exists() and python.exists() else None


def hfc_transfers(python: Path, connection: Path, count: int, in_flight: int) -> float:
    """The same through hfc."""
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, _ROOT / "scripts" / "hfc_transfers.py", connection, str(count), str(in_flight)],
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"hfc failed: {done.stderr[-2_000:]}")
    return float(json.loads(done.stdout)["rate"])
