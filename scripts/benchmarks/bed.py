"""The Fabric network that a benchmark runs on, and what can be seen of it from outside."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import benchmarks
from network.binaries import Fabric
from network.fabric import FabricNetwork
from network.topology import ChannelSpec, ContractSpec, OrdererOrganisation, Topology
from ufmi.ledger import Network

CHANNEL, OURS, GO = "udl", "transfers", "go_transfers"
OPERATOR = "OperatorMSP"
_ORGANISATIONS = (OPERATOR, "MarketMSP")
_BOTH = "AND('OperatorMSP.peer', 'MarketMSP.peer')"
_TICKS = os.sysconf("SC_CLK_TCK")

Say = Callable[[str], None]


def build_go(folder: Path) -> Path | None:
    """Compiles the chaincode in Go; None where there is no Go."""
    go = shutil.which("go")
    if go is None:
        return None
    source = Path(benchmarks.__file__).parents[2] / "network" / "baseline"
    program = folder / GO
    done = subprocess.run(
        [go, "build", "-mod=readonly", "-o", program, "."],
        cwd=source,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"the chaincode in Go cannot be built: {done.stderr[-2_000:]}")
    return program


def topology(line: str, go: Path | None) -> Topology:
    """Two organisations that both endorse, one Raft orderer, blocks of 500 or 200 ms."""
    contracts = {
        OURS: ContractSpec(class_="benchmarks.transfers:Transfers", policy=_BOTH),
        "udl": ContractSpec(class_="benchmarks.market:SeedingUdl", policy=_BOTH),
    }
    if go is not None:
        contracts[GO] = ContractSpec(command=(str(go),), policy=_BOTH)
    return Topology(
        title="bench",
        lines=(line,),
        organisations=_ORGANISATIONS,
        orderer=OrdererOrganisation("OrdererMSP"),
        channels={CHANNEL: ChannelSpec(_ORGANISATIONS, contracts)},
    )


@contextmanager
def running(folder: Path, fabric: Fabric, go: Path | None, say: Say) -> Iterator[FabricNetwork]:
    """A network that is up, and down and gone afterwards, whatever happens."""
    network = FabricNetwork.create(
        folder, topology(fabric.line, go), version=fabric.version, ports=0, say=say
    )
    try:
        network.up()
        yield network
    finally:
        network.reset()


class Meter:
    """Seconds of CPU that the network's processes and this one have taken since it was made."""

    def __init__(self, network: FabricNetwork) -> None:
        self._pids = {name: network.process(name).pid for name in network.names()}
        self._pids["client"] = os.getpid()
        self._before = {name: _cpu(pid) for name, pid in self._pids.items()}

    def taken(self) -> dict[str, float]:
        """By kind: orderer, peers, contracts, client."""
        total: dict[str, float] = {}
        for name, pid in self._pids.items():
            kind = _kind(name)
            total[kind] = total.get(kind, 0.0) + _cpu(pid) - self._before[name]
        return total


def _kind(name: str) -> str:
    if name == "client":
        return name
    if name.startswith("orderer"):
        return "orderer"
    return "peers" if name.startswith("peer.") else "contracts"


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class Verdicts:
    """How many transactions were ordered, and found invalid, since it was made."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._start = network.height()

    def count(self) -> tuple[int, int]:
        """Transactions, and those of them that are invalid."""
        codes = b"".join(block.codes for block in self._network.past_blocks(self._start))
        return len(codes), len(codes) - codes.count(0)
