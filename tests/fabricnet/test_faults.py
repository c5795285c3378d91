"""Faults that a network survives, each with real processes: nothing lost, nothing twice."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from network import binaries
from network.fabric import FabricNetwork
from network.plan import HOST, NodePlan
from network.topology import ChannelSpec, ContractSpec, OrdererOrganisation, Topology
from tests.frontend.town import Town, executed, found
from tests.networks import PARAMETERS, ROOT, running, topology
from ufmi.errors import EndorseError, LedgerError
from ufmi.ledger import ChaincodeEvent
from ufmi.ledger.fabric import connect
from ufmi.node import Node
from ufmi.reconcile import reconcile

ORGANISATIONS = OPERATOR, MARKET, BANK = ("OperatorMSP", "MarketMSP", "BankMSP")
WAIT_SECONDS = 120
CHANNEL = ChannelSpec(
    ORGANISATIONS,
    {"udl": ContractSpec("chaincode.udl:UdlContract"), "kv": ContractSpec("tests.ledger.kv:Kv")},
)


@pytest.fixture(scope="module", params=PARAMETERS)
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FabricNetwork]:
    version: binaries.Fabric = request.param
    shape = topology(ORGANISATIONS, {"udl": CHANNEL}, orderers=3)
    with running(tmp_path_factory.mktemp("network") / "it", shape, version) as it:
        yield it


@pytest.fixture(scope="module")
def data(network: FabricNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A UFMI on the network, with parties and users."""
    folder = tmp_path_factory.mktemp("ufmi")
    with found(folder, fabric=network.connection) as node:
        Town(node).open()
    return folder


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not done():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)


class Traffic:
    """Deposits without end through a front-end on threads."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.town = Town(node)
        self.receipts: dict[int, str] = {}
        self.done = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.is_set():
            y1 = self.town.y1(1 + len(self.receipts) % 4, 5)
            lines = [self.town.line(y1), self.town.line(self.town.locked(y1))]
            for ticket in self.node.frontend.submit(lines):
                assert ticket.receipt is not None
                self.receipts[ticket.receipt.number] = ticket.receipt.digest
                assert ticket.done is not None
                ticket.done.add_done_callback(self._count)
            time.sleep(0.05)

    def go_on(self, count: int = 30) -> None:
        """Waits until so many more messages are executed."""
        target = self.done + count
        until(lambda: self.done >= target)

    def _count(self, _: object) -> None:
        self.done += 1

    def end(self) -> None:
        self._ending.set()
        self._thread.join(WAIT_SECONDS)


@contextmanager
def traffic(data: Path) -> Iterator[Traffic]:
    """Whatever happens within: afterwards each receipted message has one effect."""
    with Node.open(data, in_flight=4) as node:
        flowing = Traffic(node)
        try:
            yield flowing
        finally:
            flowing.end()
        until(lambda: flowing.done == len(flowing.receipts))
        check(node, flowing.receipts)


def check(node: Node, receipts: dict[int, str]) -> None:
    lines = executed(node)
    first = Counter(one.entry.number for one in lines if not one.result.repeated)
    assert all(count == 1 for count in first.values()), "an instruction took effect twice"
    digests = {one.entry.number: one.line.digest for one in lines}
    assert {number: digests.get(number) for number in receipts} == receipts
    assert not node.frontend.set_aside()
    report = reconcile(node)
    assert report.ok, [one for one in report.checks if not one.ok]


def peer_and_servers(network: FabricNetwork, msp: str) -> tuple[NodePlan, list[str]]:
    servers = [one.name for one in network.plan.servers if one.organisation == msp]
    return network.plan.peer(msp), servers


# -- peers and chaincode servers ------------------------------------------------------------------


def test_a_peer_is_killed_and_restarted(network: FabricNetwork, data: Path) -> None:
    peer, _ = peer_and_servers(network, OPERATOR)  # the one that the front-end calls
    with traffic(data) as flowing:
        flowing.go_on()
        network.process(peer.name).kill()
        time.sleep(1)
        network.start_node(peer)
        network.await_healthy(peer)
        flowing.go_on()


def test_a_chaincode_server_is_killed_and_restarted(network: FabricNetwork, data: Path) -> None:
    with traffic(data) as flowing:
        flowing.go_on()
        for msp in (OPERATOR, MARKET):
            for name in peer_and_servers(network, msp)[1]:
                network.process(name).kill()
            time.sleep(0.5)
            network.contracts.start_servers()
            flowing.go_on()


def test_no_event_is_missed_or_told_twice_when_the_peer_restarts(network: FabricNetwork) -> None:
    peer, _ = peer_and_servers(network, MARKET)
    seen: list[ChaincodeEvent] = []
    with connect(network.connection, OPERATOR) as other, connect(network.connection, MARKET) as it:
        channel = other.network("udl")
        contract = channel.contract("kv")
        start = channel.height()

        def listen() -> None:
            for event in it.network("udl").chaincode_events("kv", start=start):
                seen.append(event)
                if event.name == "add":
                    return

        listener = threading.Thread(target=listen)
        listener.start()

        def put(keys: range) -> None:
            for key in keys:
                proposal = contract.new_proposal(
                    "put", f"e{key}".encode(), b"x", organisations=(OPERATOR, BANK)
                )
                proposal.endorse().submit().require_valid()

        put(range(10))
        until(lambda: len(seen) >= 5)
        network.process(peer.name).kill()
        put(range(10, 20))
        network.start_node(peer)
        network.await_healthy(peer)
        put(range(20, 30))
        last = contract.new_proposal("add", b"the-end", organisations=(OPERATOR, BANK))
        last.endorse().submit().require_valid()
        listener.join(WAIT_SECONDS)
    names = [event.payload.decode() for event in seen if event.name == "put"]
    assert names == [f"e{key}" for key in range(30)]


def test_a_server_of_a_stale_package_is_not_taken_for_the_contract(
    network: FabricNetwork,
) -> None:
    (server,) = [
        one for one in network.plan.servers if (one.organisation, one.contract) == (BANK, "kv")
    ]
    process = network.process(server.name)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    settings = network.folder / "nodes" / server.name / "server.json"
    text = settings.read_text()
    (identity,) = re.findall(r'"package_id": "([^"]+)"', text)
    stale = settings.with_name("stale.json")
    stale.write_text(text.replace(identity, identity[:-1] + ("0" if identity[-1] != "0" else "1")))
    process.stop()
    command = [sys.executable, "-m", "ufmi.ledger.fabric.serve"]
    process.start([*command, str(stale)], environment)
    with connect(network.connection, BANK) as gateway:
        contract = gateway.network("udl").contract("kv")

        def endorsed() -> None:
            contract.new_proposal("describe", organisations=(BANK,)).endorse()

        with pytest.raises(LedgerError):
            endorsed()
        process.stop()
        process.start([*command, str(settings)], environment)

        def answers() -> bool:
            try:
                endorsed()
            except EndorseError:
                return False
            return True

        until(answers)


# -- orderers -------------------------------------------------------------------------------------


def leader(network: FabricNetwork, channel: str) -> NodePlan | None:
    """The orderer that leads a Raft channel, as its own figures say."""
    for node in network.plan.orderers():
        if not network.process(node.name).alive():
            continue
        try:
            with urlopen(f"http://{HOST}:{node.operations}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            continue
        if f'consensus_etcdraft_is_leader{{channel="{channel}"}} 1' in text:
            return node
    return None


def test_the_leading_orderer_is_killed(network: FabricNetwork, data: Path) -> None:
    with traffic(data) as flowing:
        flowing.go_on()
        until(lambda: leader(network, "udl") is not None)
        killed = leader(network, "udl")
        assert killed is not None
        network.process(killed.name).kill()
        until(lambda: leader(network, "udl") not in (None, killed))
        flowing.go_on()
        network.start_node(killed)
        network.await_healthy(killed)
        flowing.go_on()


@pytest.mark.parametrize("version", PARAMETERS)
def test_one_of_four_smart_bft_orderers_is_killed(tmp_path: Path, version: binaries.Fabric) -> None:
    if not version.line.startswith("3."):
        pytest.skip(f"Fabric {version.version} has no SmartBFT orderers")
    shape = Topology(
        title="bft",
        lines=("3.1",),
        organisations=(OPERATOR, MARKET),
        orderer=OrdererOrganisation("OrdererMSP", "bft", 4),
        channels={
            "one": ChannelSpec((OPERATOR, MARKET), {"kv": ContractSpec("tests.ledger.kv:Kv")})
        },
    )
    with (
        running(tmp_path / "it", shape, version) as network,
        connect(network.connection, OPERATOR) as gateway,
    ):
        contract = gateway.network("one").contract("kv")
        contract.submit("add", b"sum")
        # The first one leads from the start.
        network.process(network.plan.orderers()[0].name).kill()

        def goes_on() -> bool:
            try:
                contract.submit("add", b"sum")
            except LedgerError:
                return False
            return True

        until(goes_on)
        assert goes_on() and goes_on()


# -- client and whole network ---------------------------------------------------------------------

KILLED_CLIENT = """
import os, signal, sys
from pathlib import Path
import structlog
sys.path.insert(0, sys.argv[1])
from tests.frontend.town import Town
from ufmi.ledger.fabric.transport import GrpcTransport
from ufmi.node import Node

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
node = Node.open(Path(sys.argv[2]), in_flight=2)
GrpcTransport.commit_status = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
town = Town(node)
y1 = town.y1(1, 5)
for ticket in node.frontend.submit([town.line(y1), town.line(town.locked(y1))]):
    print(ticket.receipt.number, ticket.receipt.digest, flush=True)
signal.pause()
"""


def test_the_client_is_killed_between_submit_and_commit_status(
    network: FabricNetwork, data: Path
) -> None:
    receipts: dict[int, str] = {}
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", KILLED_CLIENT, str(ROOT), str(data)],
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        receipts |= {
            int(number): digest for number, digest in map(str.split, done.stdout.splitlines())
        }
    assert receipts
    with Node.open(data) as node:
        # What became of each is known: its result is on the ledger, once.
        check(node, receipts)


def test_every_process_is_killed_and_the_network_comes_back(
    network: FabricNetwork, data: Path
) -> None:
    with Node.open(data) as node:
        before = [(block.number, block.hash) for block in node.channel.past_blocks()]
    for name in network.names():
        network.process(name).kill()
    FabricNetwork.open(network.folder).up()
    with Node.open(data) as node:
        after = [(block.number, block.hash) for block in node.channel.past_blocks()]
        assert after[: len(before)] == before
        town = Town(node)
        assert node.frontend.send(town.line(town.y1(1, 5))).result.accepted
        check(node, {})
