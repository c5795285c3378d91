"""What UFMI does on a real Fabric network, against a small chaincode in Go on the same network."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bed import CHANNEL, GO, OPERATOR, OURS, Meter, Verdicts, build_go, running
from benchmarks.clients import hfc_python, hfc_transfers, transfers
from benchmarks.load import paced, percentiles, run
from benchmarks.market import Market
from benchmarks.report import Figures, Report
from network import binaries
from network.binaries import Fabric
from network.fabric import FabricNetwork
from ufmi.crypto import Signer
from ufmi.frontend import Frontend
from ufmi.ledger import Gateway
from ufmi.ledger.fabric import FabricLedger
from ufmi.node import FRONTEND_MEMBER
from ufmi.protocol import read_line

ACCOUNTS = 10_000
TRANSFERS_IN_FLIGHT = 200
CLIENT_IN_FLIGHT = 20
# Lines of a batch, and how many batches are on their way at once: enough to keep peers busy, and
# not so many that most accounts are held by one of them.
BATCHES = {1: 200, 20: 40, 100: 12, 500: 3}
_SEEDERS = 4
_GROUP = 100
_WARM_SECONDS = 2.0


class FabricBench(Report):
    """All measurements on a network of one version."""

    def __init__(self, fabric: Fabric, folder: Path, go: Path | None, quick: bool) -> None:
        super().__init__()
        self._fabric = fabric
        self._folder = folder
        self._go = go
        self._rounds = 3 if quick else 5
        self._transfers = 1_600 if quick else 2_000
        self._settling = (1, 4.0) if quick else (3, 6.0)  # rounds, seconds of each
        self._best = (0.0, 0)  # settlements a second, lines of a batch
        self._baseline = 0.0

    def say(self, text: str) -> None:
        super().say(f"{self._fabric.version}: {text}")

    def measure(self) -> None:
        """From nothing to all figures; the network is gone afterwards."""
        started = time.perf_counter()
        with running(self._folder / "network", self._fabric, self._go, self.say) as network:
            self.put("ready", time.perf_counter() - started, "s from nothing to endorsed calls")
            self._transfer(network)
            self._settle(network)
            self._clients(network)

    # -- unsigned transfers -----------------------------------------------------------------

    def _transfer(self, network: FabricNetwork) -> None:
        """Ours and Go's, alternately."""
        names = [OURS, GO] if self._go else [OURS]
        rates: dict[str, list[float]] = {name: [] for name in names}
        for at in range(self._rounds + 1):
            self.say(f"transfers, round {at} of {self._rounds}")
            for name in names:
                rate = transfers(network.connection, name, self._transfers, TRANSFERS_IN_FLIGHT)
                if at:  # the first round warms all up
                    rates[name].append(rate)
        unit = f"transactions/s, {TRANSFERS_IN_FLIGHT} in flight"
        ours = median(rates[OURS])
        if not self._go:
            self.put(OURS, ours, f"{unit}; there is no Go to build the baseline with")
            return
        self._baseline = median(rates[GO])
        self.put(OURS, ours, unit, GO, ours / self._baseline)
        self.put(GO, self._baseline, unit)

    def _put_against_go(self, name: str, value: float, unit: str) -> dict[str, Any]:
        if self._baseline:
            self.put(name, value, unit, GO, value / self._baseline)
        else:
            self.put(name, value, unit)
        return self.figures[name]

    # -- signed settlements -----------------------------------------------------------------

    def _settle(self, network: FabricNetwork) -> None:
        """Batches of each size, evenly and skewed; then the latency with the best size."""
        market = Market(ACCOUNTS)
        ledger = FabricLedger(network.connection, OPERATOR)
        with Gateway(ledger, ledger.identity(OPERATOR, FRONTEND_MEMBER)) as gateway:
            self._seed(market, gateway)
            for name, skewed in (("signed", False), ("skewed", True)):
                best = (0.0, 0)
                for size in BATCHES:
                    rate = self._settle_in(network, market, gateway, size, skewed)
                    best = max(best, (rate, size))
                self._put_against_go(
                    f"settlements_{name}", best[0], f"T1/s, the best: {best[1]} lines a batch"
                )["batch"] = best[1]
                if not skewed:
                    self._best = best
            self._latency(market, gateway)

    def _seed(self, market: Market, gateway: Gateway) -> None:
        self.say(f"opening {ACCOUNTS:,} accounts")
        contract = gateway.network(CHANNEL).contract("udl")
        market.found(contract, gateway.identity)
        with ThreadPoolExecutor(_SEEDERS) as pool:
            list(pool.map(lambda pairs: contract.submit("seed", *pairs), market.opening()))

    @contextmanager
    def _frontend(self, market: Market, gateway: Gateway, size: int) -> Iterator[Frontend]:
        frontend = Frontend(
            gateway,
            self._folder / "frontend",
            Signer.of(market.frontend_key),
            gateway.transport.clock,
            in_flight=BATCHES[size],
            lines_max=size,
            random_bytes=random.randbytes,
        )
        try:
            yield frontend
        finally:
            frontend.close()

    def _settle_in(
        self, network: FabricNetwork, market: Market, gateway: Gateway, size: int, skewed: bool
    ) -> float:
        """Settlements a second in batches of one size; median of rounds."""
        name = f"settlements_{'skewed' if skewed else 'signed'}_{size}"
        rounds, seconds = self._settling
        rates = []
        with self._frontend(market, gateway, size) as frontend:

            def settle(count: int) -> float:
                lines = market.settlements(count, skewed)
                started = time.perf_counter()
                run(frontend, lines, _GROUP)
                return count / (time.perf_counter() - started)

            count = settle(size * 3)
            count = settle(max(size * 3, int(count * _WARM_SECONDS)))
            verdicts = Verdicts(gateway.network(CHANNEL))
            meter = Meter(network)
            settled = 0
            for _ in range(rounds):
                count = max(size * BATCHES[size], int(count * seconds))
                settled += count
                rates.append(settle(count))
                count = rates[-1]
            cpu = {kind: 1e6 * taken / settled for kind, taken in meter.taken().items()}
        transactions, invalid = verdicts.count()
        rate = median(rates)
        figure = self._put_against_go(name, rate, f"T1/s, {BATCHES[size]} batches in flight")
        figure["conflicts"] = invalid
        figure["transactions"] = transactions
        figure["cpu"] = {kind: round(taken) for kind, taken in cpu.items()}
        self.say(f"{name}: {rate:.0f} T1/s, {invalid} conflicts, {figure['cpu']}")
        return rate

    def _latency(self, market: Market, gateway: Gateway) -> None:
        rate, size = self._best
        self.say("latency")
        with self._frontend(market, gateway, size) as frontend:
            for seconds in (_WARM_SECONDS, self._settling[1]):
                lines = [read_line(one) for one in market.settlements(int(rate / 2 * seconds))]
                p50, p99 = percentiles(paced(frontend, lines, rate / 2))
        self.put("latency", p50, "ms (p50) at half of the full rate")
        self.figures["latency"] |= {"p50": round(p50, 2), "p99": round(p99, 2)}

    # -- clients ----------------------------------------------------------------------------

    def _clients(self, network: FabricNetwork) -> None:
        """Our client and hfc, alternately."""
        count = self._transfers // 4
        python = hfc_python()
        ours, theirs = [], []
        for at in range(self._rounds + 1):
            self.say(f"clients, round {at} of {self._rounds}")
            ours.append(transfers(network.connection, OURS, count, CLIENT_IN_FLIGHT))
            if python:
                theirs.append(hfc_transfers(python, network.connection, count, CLIENT_IN_FLIGHT))
        unit = f"submits/s, {CLIENT_IN_FLIGHT} in flight"
        value = median(ours[1:])
        if not python:
            unit += "; hfc's environment is not there, scripts/hfc_demo makes it"
            self.put("client", value, unit)
            return
        other = median(theirs[1:])
        self.put("client", value, unit, "hfc_client", value / other)
        self.put("hfc_client", other, unit)


def bench(folder: Path, quick: bool) -> dict[str, Figures]:
    """Figures by version of Fabric. Raises RuntimeError where there is none."""
    found = [one for one in binaries.find() if one.line in ("2.5", "3.1")]
    if not found:
        raise RuntimeError("there are no binaries of Fabric; `ufmi network build` makes them")
    go = build_go(folder)
    if go is None:
        print("there is no Go, so there is no baseline", file=sys.stderr, flush=True)
    figures: dict[str, Figures] = {}
    for fabric in found:
        one = FabricBench(fabric, folder / fabric.version, go, quick)
        one.measure()
        figures[fabric.version] = one.figures
    return figures
