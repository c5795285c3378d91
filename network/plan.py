"""What runs where: the processes of a network, with their ports, kept as `network.json`.

DIR/network.json       this plan
DIR/organisations/MSP  CAs, members, TLS certificates
DIR/channels           block 0 of each channel, and what is made for changes of it
DIR/nodes/NAME         configuration and data of an orderer or peer
DIR/packages           chaincode packages
DIR/logs  DIR/pids     of every process
DIR/connection         what clients need
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec

from network.topology import Topology
from ufmi.errors import NetworkError
from ufmi.system import write_file

HOST = "127.0.0.1"
_PORTS_PER_NODE = 3


class NodePlan(msgspec.Struct, frozen=True):
    """An orderer or a peer. `second` is an orderer's admin port, a peer's chaincode port."""

    name: str
    kind: str  # orderer | peer
    organisation: str
    port: int
    second: int
    operations: int

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"


class ServerPlan(msgspec.Struct, frozen=True):
    """The server of one contract for one organisation's peer."""

    name: str
    channel: str
    contract: str
    organisation: str
    port: int
    metrics: int

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"


class Plan(msgspec.Struct):
    """A network as it was laid out; organisations that join later are added."""

    topology: Topology
    version: str
    clock: str
    nodes: list[NodePlan]
    servers: list[ServerPlan]
    next_port: int  # 0: any free port

    def orderers(self) -> list[NodePlan]:
        return [node for node in self.nodes if node.kind == "orderer"]

    def peers(self, organisations: tuple[str, ...] = ()) -> list[NodePlan]:
        """The peers of these organisations, or of all."""
        return [
            node
            for node in self.nodes
            if node.kind == "peer" and (not organisations or node.organisation in organisations)
        ]

    def peer(self, organisation: str) -> NodePlan:
        """Raises NetworkError."""
        for node in self.peers((organisation,)):
            return node
        raise NetworkError(f"the network has no peer of {organisation}")

    def servers_of(self, channel: str, contract: str) -> list[ServerPlan]:
        return [one for one in self.servers if (one.channel, one.contract) == (channel, contract)]

    def ports(self) -> Iterator[tuple[str, int]]:
        """Every port with the name of the process that has it."""
        for node in self.nodes:
            for port in (node.port, node.second, node.operations):
                yield node.name, port
        for server in self.servers:
            for port in (server.port, server.metrics):
                yield server.name, port

    def save(self, folder: Path) -> None:
        write_file(folder / "network.json", msgspec.json.encode(self), 0o644)

    # -- laying out -------------------------------------------------------------------------

    def add_peer(self, organisation: str) -> NodePlan:
        """Plans a peer for an organisation."""
        name = f"peer.{organisation}"
        node = NodePlan(name, "peer", organisation, *self._take(_PORTS_PER_NODE))
        self.nodes.append(node)
        return node

    def add_server(self, channel: str, contract: str, organisation: str) -> ServerPlan:
        """Plans a contract's server for an organisation's peer."""
        name = f"{contract}.{channel}.{organisation}"
        server = ServerPlan(name, channel, contract, organisation, *self._take(2))
        self.servers.append(server)
        return server

    def _take(self, count: int) -> list[int]:
        if self.next_port:
            self.next_port += count
            return list(range(self.next_port - count, self.next_port))
        return free_ports(count)


def lay_out(topology: Topology, version: str, clock: str, ports: int | None) -> Plan:
    """The plan of a new network; `ports` is the first port, 0 for any free ones."""
    first = topology.ports if ports is None else ports
    plan = Plan(topology, version, clock, [], [], first)
    for at in range(topology.orderer.count):
        taken = plan._take(_PORTS_PER_NODE)
        organisation = topology.orderer.organisation
        plan.nodes.append(NodePlan(f"orderer{at}", "orderer", organisation, *taken))
    for organisation in topology.organisations:
        plan.add_peer(organisation)
    for name, channel in topology.channels.items():
        for contract in channel.contracts:
            for organisation in channel.organisations:
                plan.add_server(name, contract, organisation)
    return plan


def read_plan(folder: Path) -> Plan | None:
    """The plan of a network that was laid out in a folder, if there is one."""
    path = folder / "network.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as problem:
        raise NetworkError(
            f"{path} cannot be read: {problem}", hint="Begin anew with `ufmi network reset`"
        ) from problem


_given: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now, none of them given before by this process.

    They lie below the range from which systems choose the near ends of connections, so that none
    is taken between now and the start of the process that needs it.
    """
    found: list[int] = []
    start = 15_000 + int.from_bytes(os.urandom(2), "big") % 15_000
    for offset in range(17_000):
        port = 15_000 + (start + offset - 15_000) % 17_000
        if port not in _given and port_is_free(port):
            _given.add(port)
            found.append(port)
            if len(found) == count:
                return found
    raise NetworkError("there are no free ports left on this machine")


def port_is_free(port: int) -> bool:
    """Whether nobody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def listens(port: int) -> bool:
    """Whether somebody takes connections on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
