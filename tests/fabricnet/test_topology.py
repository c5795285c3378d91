"""Topology files: those that come with the package, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import pytest

from network.plan import free_ports, lay_out, port_is_free, read_plan
from network.topology import names, read_topology
from ufmi.errors import NetworkError

SMALL = """
title = "t"
lines = ["2.5"]
organisations = ["AMSP", "BMSP"]
[orderer]
organisation = "OMSP"
[channels.one]
organisations = ["AMSP", "BMSP"]
[channels.one.contracts.kv]
class = "a.b:C"
"""


def test_the_topologies_of_the_package_can_be_read() -> None:
    assert names() == ["bft", "default", "small"]
    default = read_topology("default")
    assert default.channels["udl"].organisations == ("OperatorMSP", "MarketMSP", "BankMSP")
    assert default.channels["csrb"].organisations == ("OperatorMSP", "RegulatorMSP")
    assert (default.orderer.consensus, default.orderer.count) == ("raft", 3)
    bft = read_topology("bft")
    assert (bft.orderer.consensus, bft.orderer.count, bft.lines) == ("bft", 4, ("3.1",))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title", "titel", "unknown field"),
        ('lines = ["2.5"]', "", "lines"),
        ('"OMSP"', '"AMSP"', "one of its own"),
        ('"OMSP"', '"OMSP"\nconsensus = "solo"', "agree by raft or bft"),
        ('"OMSP"', '"OMSP"\nconsensus = "bft"', "4 to 16 orderers"),
        ('"OMSP"', '"OMSP"\ncount = 0', "1 to 16 orderers"),
        ('lines = ["2.5"]', 'lines = ["2.5"]\nports = "x"', "ports"),
        (
            'organisations = ["AMSP", "BMSP"]\n[orderer]',
            'organisations = ["AMSP"]\n[orderer]',
            "BM",
        ),
        ('class = "a.b:C"', "", "either a class or a command"),
        ('class = "a.b:C"', 'class = "a.b"', "module:Class"),
        ('class = "a.b:C"', 'class = "a.b:C"\npolicy = "SOME"', "policy"),
        ("contracts.kv]", 'contracts."k v"]', "no name for a contract"),
    ],
)
def test_what_does_not_fit_together_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SMALL)
    read_topology(str(path))
    assert old in SMALL
    path.write_text(SMALL.replace(old, new, 1))
    with pytest.raises(NetworkError, match=said):
        read_topology(str(path))


def test_a_topology_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(NetworkError, match="bft, default, small"):
        read_topology("nowhere")


def test_every_process_has_ports_of_its_own(tmp_path: Path) -> None:
    for ports in (20_000, 0):
        plan = lay_out(read_topology("default"), "2.5.9", "system", ports)
        taken = [port for _, port in plan.ports()]
        assert len(set(taken)) == len(taken) == 7 * 3 + (3 + 2) * 2
        plan.save(tmp_path)
        assert read_plan(tmp_path) == plan


def test_free_ports_are_free_and_given_once() -> None:
    first, second = free_ports(20), free_ports(20)
    assert not set(first) & set(second)
    assert all(port_is_free(port) for port in first + second)


def test_channel_names_are_those_that_fabric_takes(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SMALL.replace("channels.one", "channels.One"))
    with pytest.raises(NetworkError, match="no name for a channel"):
        read_topology(str(path))
