"""Contracts of a network: their servers, packages and definitions."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

from network import packages
from network.material import Material
from network.plan import NodePlan, Plan, ServerPlan
from network.processes import Process
from network.tools import Tools
from network.topology import ContractSpec
from ufmi.contract import Contract, source_digest
from ufmi.errors import EndorseError, LedgerError, NetworkError
from ufmi.ledger import policy
from ufmi.ledger.fabric import connect
from ufmi.system import write_file

READY_SECONDS = 60
SKEW_SECONDS = 60
_PAUSE_SECONDS = 0.1
_CONTRACT_SAID = "chaincode response"


class Contracts:
    """Runs the servers of a network's contracts and keeps their definitions up to date."""

    def __init__(self, folder: Path, plan: Plan, material: Material, tools: Tools) -> None:
        self._folder = folder
        self._plan = plan
        self._material = material
        self._tools = tools

    def spec(self, server: ServerPlan) -> ContractSpec:
        """What the topology says of a server's contract."""
        return self._plan.topology.channels[server.channel].contracts[server.contract]

    def label(self, channel: str, contract: str) -> str:
        """The label of a contract's package, which names its source."""
        spec = self._plan.topology.channels[channel].contracts[contract]
        if spec.command:
            source = hashlib.sha256(json.dumps(spec.command).encode()).hexdigest()
        else:
            source = source_digest(load_class(spec.class_))
        return packages.label_of(contract, source)

    # -- servers ----------------------------------------------------------------------------

    def start_servers(self) -> None:
        """Starts the servers that do not run; one that runs another source is replaced."""
        for server in self._plan.servers:
            self.start_server(server)

    def start_server(self, server: ServerPlan) -> None:
        """Starts one server that does not run, or runs another package."""
        package_id, raw = self.package(server)
        path = self._folder / "packages" / f"{server.name}.tgz"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, raw)
        process = Process(self._folder, server.name)
        started = path.with_suffix(".id")
        if started.exists() and started.read_text() != package_id:
            process.stop()
        spec = self.spec(server)
        environment = {
            **os.environ,
            "CHAINCODE_ID": package_id,
            "CHAINCODE_SERVER_ADDRESS": server.address,
        }
        if spec.command:
            process.start(spec.command, environment)
        else:
            settings = self._settings(server, spec, package_id)
            process.start([sys.executable, "-m", "ufmi.ledger.fabric.serve", settings], environment)
        write_file(started, package_id.encode())

    def _settings(self, server: ServerPlan, spec: ContractSpec, package_id: str) -> Path:
        """Writes the settings of a server of ours; returns the file."""
        key, certificate, authority = self._material.tls_files(server.organisation, server.name)
        settings = {
            "contract": spec.class_,
            "package_id": package_id,
            "address": server.address,
            "tls": {
                "key": str(key),
                "certificate": str(certificate),
                "client_authority": str(authority),
            },
            "metrics": f"{server.address.partition(':')[0]}:{server.metrics}",
            "skew_seconds": 0 if self._plan.clock == "controlled" else SKEW_SECONDS,
        }
        path = self._folder / "nodes" / server.name / "server.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps(settings, indent=1).encode())
        return path

    def package(self, server: ServerPlan) -> tuple[str, bytes]:
        """Id and bytes of the package that sends a peer to this server."""
        connection: dict[str, Any] = {"address": server.address, "dial_timeout": "10s"}
        if self.spec(server).command:
            connection["tls_required"] = False
        else:
            msp = server.organisation
            key, certificate, authority = self._material.tls_files(msp, f"{server.name}-client")
            connection |= {
                "tls_required": True,
                "client_auth_required": True,
                "client_key": key.read_text(),
                "client_cert": certificate.read_text(),
                "root_cert": authority.read_text(),
            }
        return packages.package(self.label(server.channel, server.contract), connection)

    # -- definitions ------------------------------------------------------------------------

    def deploy(self) -> None:
        """Installs packages and brings every contract's definition up to date."""
        with ThreadPoolExecutor(max(1, len(self._plan.servers))) as pool:
            list(pool.map(self.install, self._plan.servers))
        for channel, spec in self._plan.topology.channels.items():
            peers = self._plan.peers(spec.organisations)
            known = self._tools.committed(peers[0], channel) if spec.contracts else {}
            for contract in spec.contracts:
                self._define(channel, contract, peers, known.get(contract))

    def install(self, server: ServerPlan) -> None:
        """Installs a server's package on its peer, where it is missing."""
        node = self._plan.peer(server.organisation)
        package_id, _ = self.package(server)
        if package_id not in self._tools.installed(node):
            file = self._folder / "packages" / f"{server.name}.tgz"
            self._tools.peer(node, "lifecycle", "chaincode", "install", file)

    def _define(
        self, channel: str, contract: str, peers: list[NodePlan], known: dict[str, Any] | None
    ) -> None:
        version = self.label(channel, contract)
        if known is not None and known["version"] == version:
            self._approve_late(channel, contract, peers, version, int(known["sequence"]))
            return
        sequence = int(known["sequence"]) + 1 if known else 1
        with ThreadPoolExecutor(len(peers)) as pool:
            list(
                pool.map(
                    lambda node: self.approve(channel, contract, node, version, sequence), peers
                )
            )
        self._tools.peer(
            peers[0],
            *("lifecycle", "chaincode", "commit"),
            *self._definition(channel, contract, version, sequence),
            *self._tools.orderer_flags(),
            *self._tools.target_flags(peers),
        )

    def _approve_late(
        self, channel: str, contract: str, peers: list[NodePlan], version: str, sequence: int
    ) -> None:
        """Organisations that joined later approve what is committed, each for its own peer."""
        for node in peers:
            approved = self._tools.approved(node, channel, contract)
            if approved is None or int(approved.get("sequence", 0)) != sequence:
                self.approve(channel, contract, node, version, sequence)

    def approve(
        self, channel: str, contract: str, node: NodePlan, version: str, sequence: int
    ) -> None:
        """Approves a definition for a peer's organisation, with its own package."""
        (server,) = [
            one
            for one in self._plan.servers_of(channel, contract)
            if one.organisation == node.organisation
        ]
        self._tools.peer(
            node,
            *("lifecycle", "chaincode", "approveformyorg"),
            *self._definition(channel, contract, version, sequence),
            *("--package-id", self.package(server)[0]),
            *self._tools.orderer_flags(),
        )

    def _definition(
        self, channel: str, contract: str, version: str, sequence: int
    ) -> list[str | Path]:
        spec = self._plan.topology.channels[channel].contracts[contract]
        flags: list[str | Path] = ["-C", channel, "-n", contract, "-v", version]
        flags += ["--sequence", str(sequence)]
        if spec.policy != policy.MAJORITY:
            flags += ["--signature-policy", spec.policy]
        return flags

    # -- ready ------------------------------------------------------------------------------

    def await_ready(self, connection: Path, check: Callable[[], None]) -> None:
        """Waits until every contract answers an endorsed call through every peer, and until
        every channel with a contract orders one: a block of its own that changes nothing.

        Raises:
            ProcessDied: a process ended meanwhile.
            NetworkError: it takes too long; the message has what the peers say.
        """
        deadline = time.monotonic() + READY_SECONDS
        waiting = [
            (server.channel, server.contract, server.organisation) for server in self._plan.servers
        ]
        ordered: set[str] = set()
        for channel, contract, msp in waiting:
            order = channel not in ordered
            ordered.add(channel)
            while (problem := _answers(connection, channel, contract, msp, order)) is not None:
                check()
                if time.monotonic() > deadline:
                    raise NetworkError(
                        f"{contract} on {channel} does not answer through {msp}: {problem.message}"
                    ) from problem
                time.sleep(_PAUSE_SECONDS)


def _answers(
    connection: Path, channel: str, contract: str, msp: str, order: bool
) -> LedgerError | None:
    """None if an endorsed call through an organisation's peer is answered; else why not."""
    try:
        with connect(connection, msp) as gateway:
            client = gateway.network(channel).contract(contract)
            endorsed = client.new_proposal("describe").endorse()
            if order:
                endorsed.submit().require_valid()
    except EndorseError as problem:
        # A contract of another making need not know the function; it has answered all the same.
        return None if _CONTRACT_SAID in problem.message else problem
    except LedgerError as problem:
        return problem
    return None


def load_class(name: str) -> type[Contract]:
    """The contract class that `module:Class` names. Raises NetworkError."""
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as problem:
        raise NetworkError(f"there is no contract {name}: {problem}") from problem
    if not (isinstance(found, type) and issubclass(found, Contract)):
        raise NetworkError(f"{name} is no contract")
    return found
