"""A network comes up, is found again, changes while it runs, and says what is wrong."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from network import binaries
from network.fabric import FabricNetwork
from network.plan import HOST
from network.topology import ChannelSpec, ContractSpec
from tests.networks import PARAMETERS, running, topology
from ufmi.errors import AccessDenied, EndorseError, NetworkError, PortInUse, ProcessDied
from ufmi.ledger.fabric import connect

A, B, C = "AMSP", "BMSP", "CMSP"
KV = {"kv": ContractSpec("tests.ledger.kv:Kv")}


@pytest.fixture(scope="module", params=PARAMETERS)
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FabricNetwork]:
    version: binaries.Fabric = request.param
    shape = topology((A, B), {"one": ChannelSpec((A, B), KV), "two": ChannelSpec((A,), KV)})
    with running(tmp_path_factory.mktemp("network") / "it", shape, version) as found:
        yield found


def put(network: FabricNetwork, key: str, value: str, msp: str = A, channel: str = "one") -> None:
    with connect(network.connection, msp) as gateway:
        contract = gateway.network(channel).contract("kv")
        contract.submit("put", key.encode(), value.encode())


def get(network: FabricNetwork, key: str, msp: str = A, channel: str = "one") -> bytes:
    with connect(network.connection, msp) as gateway:
        return gateway.network(channel).contract("kv").evaluate("get", key.encode())


def test_everything_is_ready_when_up_returns(network: FabricNetwork) -> None:
    rows = network.status()
    assert {row["state"] for row in rows} == {"ready"}
    assert [row["kind"] for row in rows] == ["orderer", "peer", "peer"] + ["contract"] * 3
    put(network, "first", "1")
    assert get(network, "first", B) == b'"1"'
    put(network, "first", "2", channel="two")  # a channel has a state of its own
    assert get(network, "first") == b'"1"'
    with pytest.raises((EndorseError, AccessDenied, NetworkError)):
        put(network, "first", "3", B, "two")


def test_a_second_up_finds_what_was_there(network: FabricNetwork) -> None:
    put(network, "kept", "yes")
    pids = {row["name"]: row["pid"] for row in network.status()}
    network.up()  # while it runs it changes nothing
    assert {row["name"]: row["pid"] for row in network.status()} == pids
    network.down()
    assert {row["state"] for row in network.status()} == {"not running"}
    assert not network.runs()
    FabricNetwork.open(network.folder).up()
    assert get(network, "kept", B) == b'"yes"'
    put(network, "after", "down")


def test_a_port_in_use_is_named_with_who_needs_it(network: FabricNetwork) -> None:
    network.down()
    node = network.plan.peer(B)
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind((HOST, node.port))
        squatter.listen()
        with pytest.raises(PortInUse, match=f"{node.name} needs port {node.port}"):
            network.up()
    network.up()


def test_a_process_that_died_is_named_with_its_log(network: FabricNetwork) -> None:
    name = network.plan.peer(B).name
    network.process(name).kill()
    (row,) = [row for row in network.status() if row["name"] == name]
    assert row["state"] == "not running"
    with pytest.raises(ProcessDied, match=name):
        network.check()
    network.up()
    assert get(network, "kept", B) == b'"yes"'


def test_an_organisation_joins_the_running_network(network: FabricNetwork) -> None:
    put(network, "before", "C came")
    network.add_organisation(C, "one")
    assert {row["state"] for row in network.status()} == {"ready"}
    assert get(network, "before", C) == b'"C came"'
    put(network, "by", "C", C)
    with connect(network.connection, C) as gateway:
        contract = gateway.network("one").contract("kv")
        # A majority of three is two: A and B do without C, and C with one of them.
        for organisations in ((A, B), (A, C), (B, C)):
            proposal = contract.new_proposal("add", b"sum", organisations=organisations)
            proposal.endorse().submit().require_valid()
        assert contract.evaluate("get", b"sum") == b"3"
    with pytest.raises(NetworkError, match="already"):
        network.add_organisation(C, "one")
    network.down()
    FabricNetwork.open(network.folder).up()
    assert get(network, "by", C) == b'"C"'


def test_a_folder_has_one_network(network: FabricNetwork) -> None:
    with pytest.raises(NetworkError, match="has a network already"):
        FabricNetwork.create(network.folder, network.plan.topology)


def test_reset_leaves_nothing(network: FabricNetwork) -> None:
    network.reset()
    assert not network.folder.exists()
    with pytest.raises(NetworkError, match="there is no network"):
        FabricNetwork.open(network.folder)


def test_without_binaries_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(binaries.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(NetworkError, match="ufmi network build"):
        FabricNetwork.create(tmp_path / "it", topology((A,), {"one": ChannelSpec((A,), {})}))
