"""The topology file: what a network consists of."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import msgspec

from ufmi.errors import NetworkError, PolicyError
from ufmi.ledger import policy

_NAME = re.compile(r"[a-z][a-z0-9.-]{0,63}")
_MSP = re.compile(r"[A-Za-z][A-Za-z0-9.-]{0,63}")
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
# Orderers that consensus can do without: (count - 1) // 2 for Raft, (count - 1) // 3 for BFT.
CONSENSUS = ("raft", "bft")


class Cut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When orderers cut a block."""

    count: int = 500
    bytes_preferred: int = 2 * 1024 * 1024
    bytes_max: int = 64 * 1024 * 1024
    timeout_ms: int = 200


class OrdererOrganisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The organisation that orders, and how its nodes agree."""

    organisation: str
    consensus: str = "raft"
    count: int = 1


class ContractSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contract of a channel: `class` is module:Class of a `ufmi.contract.Contract`, or `command`
    runs a server of another making, in any language; `policy` is the endorsement policy.

    A command's server takes its package id and address from CHAINCODE_ID and
    CHAINCODE_SERVER_ADDRESS, as Fabric's own shims do. It serves without TLS.
    """

    class_: str = msgspec.field(default="", name="class")
    command: tuple[str, ...] = ()
    policy: str = policy.MAJORITY


class ChannelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A channel: its organisations and contracts."""

    organisations: tuple[str, ...]
    contracts: dict[str, ContractSpec] = {}


class Topology(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole network, as one file says it. The first organisation is the operator's."""

    title: str
    lines: tuple[str, ...]
    organisations: tuple[str, ...]
    orderer: OrdererOrganisation
    channels: dict[str, ChannelSpec]
    ports: int = 7050
    cut: Cut = Cut()


def names() -> list[str]:
    """The topologies that come with the package."""
    folder = files("network") / "topologies"
    return sorted(one.name.removesuffix(".toml") for one in folder.iterdir())


def read_topology(name: str) -> Topology:
    """The topology of a name such as `small`, or in a file.

    Raises:
        NetworkError: there is none, or it does not fit together.
    """
    path = Path(name)
    if name in names():
        path = Path(str(files("network") / "topologies" / f"{name}.toml"))
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=Topology)
    except OSError as problem:
        raise NetworkError(
            f"there is no topology {name!r}", hint=f"Give a file, or one of {', '.join(names())}"
        ) from problem
    except msgspec.DecodeError as problem:
        raise NetworkError(f"the topology {path} cannot be read: {problem}") from problem
    check(found)
    return found


def check(topology: Topology) -> None:
    """Raises NetworkError unless everything that is named exists and can work."""
    orderer = topology.orderer
    known = set(topology.organisations)
    if orderer.consensus not in CONSENSUS:
        raise NetworkError(f"orderers agree by {' or '.join(CONSENSUS)}, not {orderer.consensus!r}")
    least = 4 if orderer.consensus == "bft" else 1
    if not least <= orderer.count <= 16:
        raise NetworkError(f"{orderer.consensus} takes {least} to 16 orderers")
    if orderer.organisation in known:
        raise NetworkError("the ordering organisation is one of its own")
    for name in (*topology.organisations, orderer.organisation):
        if not _MSP.fullmatch(name):
            raise NetworkError(f"{name!r} is no name for an organisation")
    if not topology.channels:
        raise NetworkError("a network has at least one channel")
    for name, channel in topology.channels.items():
        if not _NAME.fullmatch(name):
            raise NetworkError(f"{name!r} is no name for a channel")
        strangers = sorted(set(channel.organisations) - known)
        if strangers or not channel.organisations:
            raise NetworkError(f"channel {name}: unknown organisations {strangers}, or none")
        for label, contract in channel.contracts.items():
            _check_contract(label, contract, channel)


def _check_contract(name: str, contract: ContractSpec, channel: ChannelSpec) -> None:
    if not _LABEL.fullmatch(name):
        raise NetworkError(f"{name!r} is no name for a contract")
    if bool(contract.class_) == bool(contract.command):
        raise NetworkError(f"contract {name} needs either a class or a command")
    if contract.class_ and contract.class_.count(":") != 1:
        raise NetworkError(f"contract {name}: the class is written module:Class")
    try:
        policy.parse(contract.policy, channel.organisations)
    except PolicyError as problem:
        raise NetworkError(f"contract {name}: {problem.message}") from problem
