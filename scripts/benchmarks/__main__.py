"""Prints a table of figures with baselines and ratios; `--json` gives them as data."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.load import paced, percentiles, run
from benchmarks.market import BenchMarket
from benchmarks.report import Figures, Report, machine, show
from benchmarks.sqlite import SqliteMarket
from ufmi import crypto
from ufmi.crypto import Sm2PrivateKey
from ufmi.errors import UfmiError
from ufmi.ledger.embedded.verify import verify_channel
from ufmi.ledger.tuning import tune
from ufmi.protocol import Line, read_line


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def forget() -> None:
    """Empties what a process remembers of signatures."""
    crypto.cache.clear()


class Bench(Report):
    """One run of all measurements on the embedded ledger."""

    def __init__(self, folder: Path, quick: bool) -> None:
        self.folder = folder
        self.rounds = 3 if quick else 5
        self.size = 1_000 if quick else 4_000
        self.large = 100_000 if quick else 1_000_000
        super().__init__()

    # -- signatures and settlements ---------------------------------------------------------

    def signed(self) -> None:
        """Verification, signed settlements and whole trades, alternately."""
        self.say("signed settlements …")
        market = BenchMarket(self.folder / "signed", 10_000)
        frontend = market.start_frontend().frontend
        verify: dict[str, list[float]] = {"reference": [], "best": []}
        settle: dict[str, list[float]] = {"reference": [], "best": []}
        trade: list[float] = []
        best = crypto.found()[0].name
        submitted = self.size * 2
        for _ in range(self.rounds + 1):
            for kind, provider in (("reference", "tongsuopy"), ("best", best)):
                lines = market.settlements(submitted)
                crypto.use(provider)
                verify[kind].append(self._verifications(lines))
                forget()
                settle[kind].append(submitted / timed(lambda lines=lines: run(frontend, lines)))
            lines = market.trades(submitted // 4)
            forget()
            trade.append(submitted // 4 / timed(lambda lines=lines: run(frontend, lines)))
        for values in (*verify.values(), *settle.values(), trade):
            del values[0]  # the first round warms all up
        reference = median(verify["reference"])
        name = "sm2_reference"
        self.put("sm2_reference", reference, "verifications/s, tongsuopy")
        self.put(
            "sm2_best", median(verify["best"]), f"verifications/s, {best}", name,
            median(verify["best"]) / reference,
        )  # fmt: skip
        for kind in ("reference", "best"):
            value = median(settle[kind])
            self.put(f"settlements_signed_{kind}", value, "T1/s", name, value / reference)
        value = median(trade)
        self.put("trades_signed", value, "trades/s", f"{name} / 5", value / (reference / 5))
        self._latency(market, median(settle["best"]))
        market.close()

    def _verifications(self, lines: list[bytes]) -> float:
        key = self._keys.setdefault("key", Sm2PrivateKey.generate())
        items = [(key.public_key.to_bytes(), line[:400], key.sign(line[:400])) for line in lines]
        provider = crypto.provider()
        return len(items) / timed(lambda: provider.verify_many(items))

    _keys: dict[str, Sm2PrivateKey] = {}

    def _latency(self, market: BenchMarket, rate: float) -> None:
        """One message at a time, at half of the full rate in groups of what has come meanwhile."""
        node = market.node
        assert node is not None
        count = min(self.size, 4_000)
        lines = [read_line(line) for line in market.settlements(count)]
        forget()
        latencies = paced(node.frontend, lines, rate / 2)
        p50, p99 = percentiles(latencies)
        self.put("latency", p50, "ms (p50) at half of the full rate")
        self.figures["latency"] |= {"p50": round(p50, 2), "p99": round(p99, 2)}

    # -- the ledger alone -------------------------------------------------------------------

    def checked(self) -> None:
        """Settlements with signatures checked beforehand, against SQLite, at two sizes."""
        small = self._pair(10_000)
        self.put("sqlite_baseline", 1 / small["sqlite"], "settlements/s")
        self.put(
            "settlements_checked", 1 / small["ufmi"], "T1/s", "sqlite_baseline",
            small["sqlite"] / small["ufmi"],
        )  # fmt: skip
        large = self._pair(self.large)
        ours, theirs = large["ufmi"] / small["ufmi"], large["sqlite"] / small["sqlite"]
        self.put("cost_growth", ours, "× time a settlement", f"SQLite grows × {theirs:.2f}")
        self.figures["cost_growth"] |= {
            "ratio": round(ours / theirs, 3),
            "sqlite": round(theirs, 3),
            "accounts": [10_000, self.large],
        }

    def _pair(self, accounts: int) -> dict[str, float]:
        """Seconds a settlement, medians of alternate rounds."""
        self.say(f"settlements among {accounts:,} accounts …")
        folder = self.folder / f"checked-{accounts}"
        market = BenchMarket(folder, accounts)
        sqlite = SqliteMarket(folder / "sqlite", accounts)
        seconds: dict[str, list[float]] = {"ufmi": [], "sqlite": []}
        channel = market.ledger.channel("udl")
        rounds, size = self.rounds + 1, self.size * 2
        grown = 0
        for at in range(rounds):
            lines = market.settlements(size)
            forget()
            self._check_beforehand(market, lines)
            before = channel.bytes_total
            ours = timed(lambda lines=lines: market.execute(lines))
            grown += channel.bytes_total - before
            theirs = timed(lambda: sqlite.settle(size))
            if at:  # the first round warms both up
                seconds["ufmi"].append(ours / size)
                seconds["sqlite"].append(theirs / size)
        if "bytes_per_settlement" not in self.figures:
            self.put("bytes_per_settlement", grown / (rounds * size), "bytes in the block file")
            started = time.perf_counter()
            report = verify_channel(channel, market.ledger.topology.orderer)
            spent = time.perf_counter() - started
            if not report.ok:
                raise RuntimeError(f"the ledger does not verify: {report.problems}")
            self.put("blocks_verified", report.blocks / spent, "blocks/s")
            self.figures["blocks_verified"]["transactions"] = round(rounds * size / spent)
        market.close()
        sqlite.close()
        shutil.rmtree(folder)
        return {name: median(values) for name, values in seconds.items()}

    @staticmethod
    def _check_beforehand(market: BenchMarket, lines: list[bytes]) -> None:
        key = market.matcher.public_key.to_bytes()
        read: list[Line] = [read_line(line) for line in lines]
        items = [(key, line.text.encode(), bytes.fromhex(line.signature)) for line in read]
        if not all(crypto.verify_many(items)):
            raise RuntimeError("a signature does not hold")


def embedded(folder: Path, quick: bool, only: str) -> Figures:
    """Figures of the embedded ledger."""
    bench = Bench(folder, quick)
    for name in ("signed", "checked"):
        if only in ("", name):
            getattr(bench, name)()
    return bench.figures


def end(*_: object) -> None:
    """Ends as on Ctrl-C: what was started is stopped on the way out."""
    raise KeyboardInterrupt


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--ledger", choices=["embedded", "fabric"], default="embedded")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=["signed", "checked"], default="")
    arguments = parser.parse_args()
    tune()
    signal.signal(signal.SIGTERM, end)
    folder = Path(tempfile.mkdtemp(prefix="ufmi-bench-"))
    tables: dict[str, Figures] = {}
    try:
        if arguments.ledger == "fabric":
            # Not installed with plain `ufmi`.
            from benchmarks import fabric

            tables = fabric.bench(folder, arguments.quick)
            figures: Any = tables
        else:
            figures = embedded(folder, arguments.quick, arguments.only)
            tables = {"": figures}
    except (KeyboardInterrupt, UfmiError, RuntimeError) as problem:
        sys.exit(f"error: {problem or 'interrupted'}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if arguments.json:
        print(json.dumps({"machine": machine(), "figures": figures}, indent=2))
        return
    for version, table in tables.items():
        show(table, f"{version} " if version else "")


if __name__ == "__main__":
    main()
