"""A Fabric network on this machine: up, status, down."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import msgspec

from network import config, packages
from network.binaries import Fabric, choose
from network.channels import Channels
from network.connection import write_folder
from network.contracts import Contracts
from network.material import Material
from network.plan import HOST, NodePlan, Plan, lay_out, listens, port_is_free, read_plan
from network.processes import Process
from network.tools import Tools
from network.topology import Topology, check
from ufmi.errors import NetworkError, PortInUse
from ufmi.system import FolderLock

START_SECONDS = 60
_PAUSE_SECONDS = 0.1

Say = Callable[[str], None]


def silent(text: str) -> None:
    """Says nothing."""


class FabricNetwork:
    """A network in a folder, laid out by `create` and found again by `open`."""

    def __init__(self, folder: Path, plan: Plan, say: Say = silent) -> None:
        self.folder = folder.absolute()
        self.plan = plan
        self.say = say
        self.material = Material(self.folder)
        self.fabric: Fabric = choose(plan.topology.lines, plan.version)
        self.tools = Tools(self.fabric, self.folder, plan, self.material)
        self.channels = Channels(self.folder, plan, self.material, self.tools)
        self.contracts = Contracts(self.folder, plan, self.material, self.tools)

    @classmethod
    def create(
        cls,
        folder: Path,
        topology: Topology,
        *,
        version: str = "",
        clock: str = "system",
        ports: int | None = None,
        say: Say = silent,
    ) -> FabricNetwork:
        """Lays out a network in a folder that has none; `up` brings it to life.

        Args:
            version: a version or line of Fabric; the first found that the topology allows.
            clock: "system", or "controlled": chaincode servers then take any time of a
                transaction, for scenarios with a clock of their own.
            ports: the first port, 0 for any free ones; the topology's if not given.

        Raises:
            NetworkError: the folder has a network.
            FabricMissing: there are no binaries that fit.
        """
        if read_plan(folder) is not None:
            raise NetworkError(f"{folder} has a network already")
        fabric = choose(topology.lines, version)
        folder.mkdir(parents=True, exist_ok=True)
        plan = lay_out(topology, fabric.version, clock, ports)
        plan.save(folder)
        return cls(folder, plan, say)

    @classmethod
    def open(cls, folder: Path, say: Say = silent) -> FabricNetwork:
        """The network in a folder. Raises NetworkError where there is none."""
        plan = read_plan(folder)
        if plan is None:
            raise NetworkError(f"there is no network in {folder}", hint="Run `ufmi network up`")
        return cls(folder, plan, say)

    @property
    def connection(self) -> Path:
        """The folder with what clients need."""
        return self.folder / "connection"

    def process(self, name: str) -> Process:
        """One process of the network, by name."""
        return Process(self.folder, name)

    def node_folder(self, node: NodePlan) -> Path:
        return self.folder / "nodes" / node.name

    # -- up ---------------------------------------------------------------------------------

    def up(self) -> None:
        """Starts what does not run and sets up what is missing; returns when calls are answered.

        Raises:
            PortInUse, ProcessDied, NetworkError: what is wrong, and what to do.
        """
        lock = FolderLock(self.folder)
        try:
            self._make()
            self._check_ports()
            self.say("starting orderers and peers")
            for node in self.plan.nodes:
                self.start_node(node)
            for node in self.plan.nodes:
                self.await_healthy(node)
            self.say("joining channels")
            self.channels.join()
            self.say("deploying contracts")
            self.contracts.start_servers()
            self.contracts.deploy()
            write_folder(self.connection, self.plan, self.material)
            self.say("waiting for an endorsed call")
            self.contracts.await_ready(self.connection, self.check)
        finally:
            lock.release()

    def _make(self) -> None:
        """Identities, configuration and first blocks, where they are missing."""
        self.say(f"Fabric {self.fabric.version} from {self.fabric.folder}")
        topology = self.plan.topology
        builder = packages.write_builder(self.folder / "builder")
        for msp in dict.fromkeys([*topology.organisations, topology.orderer.organisation]):
            self.material.make_organisation(msp, operator=msp == topology.organisations[0])
        for node in self.plan.nodes:
            self.material.make_node(node)
            folder = self.node_folder(node)
            if node.kind == "peer":
                config.write_peer(node, folder, self.material, builder)
            else:
                config.write_orderer(node, folder, self.material)
        for server in self.plan.servers:
            self.material.make_server(server)
        self.channels.make_blocks()

    def _check_ports(self) -> None:
        for name, port in self.plan.ports():
            if not self.process(name).alive() and not port_is_free(port):
                raise PortInUse(f"{name} needs port {port}, which another process has")

    def start_node(self, node: NodePlan) -> None:
        """Starts an orderer or peer that does not run."""
        command = [self.fabric.tool(node.kind)]
        if node.kind == "peer":
            command += [Path("node"), Path("start")]
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "FABRIC_CFG_PATH": str(self.node_folder(node)),
            "FABRIC_LOGGING_SPEC": os.environ.get("UFMI_FABRIC_LOG", "warning"),
        }
        self.process(node.name).start(command, environment)

    def await_healthy(self, node: NodePlan) -> None:
        """Waits until a node says that it is well. Raises ProcessDied or NetworkError."""
        deadline = time.monotonic() + START_SECONDS
        process = self.process(node.name)
        while not _healthy(node):
            process.check()
            if time.monotonic() > deadline:
                raise NetworkError(
                    f"{node.name} does not become ready; its log says: …{process.tail()}"
                )
            time.sleep(_PAUSE_SECONDS)

    # -- while it runs ----------------------------------------------------------------------

    def check(self) -> None:
        """Raises ProcessDied if a process that should run has ended."""
        for name in self.names():
            process = self.process(name)
            if process.known:
                process.check()

    def names(self) -> list[str]:
        """The names of all processes."""
        plan = self.plan
        return [*(node.name for node in plan.nodes), *(server.name for server in plan.servers)]

    def runs(self) -> bool:
        """Whether any of its processes does."""
        return any(self.process(name).alive() for name in self.names())

    def status(self) -> list[dict[str, object]]:
        """What each process does: name, pid, address, whether it is well."""
        rows: list[dict[str, object]] = []
        for node in self.plan.nodes:
            pid = self.process(node.name).pid
            well = bool(pid) and _healthy(node)
            rows.append(_row(node.name, node.kind, pid, node.address, well))
        for server in self.plan.servers:
            pid = self.process(server.name).pid
            well = bool(pid) and listens(server.port)
            rows.append(_row(server.name, "contract", pid, server.address, well))
        return rows

    def add_organisation(self, msp: str, channel: str) -> None:
        """Adds an organisation with a peer to a channel of the running network.

        Raises:
            NetworkError: it is there already, or the channel's organisations do not agree.
        """
        topology = self.plan.topology
        spec = topology.channels.get(channel)
        if spec is None:
            raise NetworkError(f"the network has no channel {channel!r}")
        if msp in spec.organisations:
            raise NetworkError(f"{msp} takes part in {channel} already")
        changed = msgspec.structs.replace(
            topology,
            organisations=tuple(dict.fromkeys([*topology.organisations, msp])),
            channels={
                **topology.channels,
                channel: msgspec.structs.replace(spec, organisations=(*spec.organisations, msp)),
            },
        )
        check(changed)
        self.say(f"{msp}: keys, configuration of channel {channel}")
        if not self.plan.peers((msp,)):
            self.plan.add_peer(msp)
            self.plan.save(self.folder)
        self.material.make_organisation(msp)
        self.channels.add_organisation(channel, msp)
        # Planned only now that the channel has taken it in: an interrupted call can be repeated.
        self.plan.topology = changed
        for contract in spec.contracts:
            self.plan.add_server(channel, contract, msp)
        self.plan.save(self.folder)
        self.up()

    # -- the end ----------------------------------------------------------------------------

    def down(self) -> None:
        """Stops all processes; what they keep stays."""
        names = [server.name for server in self.plan.servers]
        names += [node.name for node in self.plan.peers()]
        names += [node.name for node in self.plan.orderers()]
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(lambda name: self.process(name).stop(), names))

    def reset(self) -> None:
        """Stops all processes and removes the network with everything in it."""
        self.down()
        shutil.rmtree(self.folder)


def _healthy(node: NodePlan) -> bool:
    try:
        with urlopen(f"http://{HOST}:{node.operations}/healthz", timeout=2) as answer:
            # Health is told before calls are taken.
            return bool(answer.status == 200) and listens(node.port)
    except (URLError, OSError):
        return False


def _row(name: str, kind: str, pid: int, address: str, well: bool) -> dict[str, object]:
    state = ("ready" if well else "starting or ill") if pid else "not running"
    return {"name": name, "kind": kind, "pid": pid, "address": address, "state": state}
