"""The commands of UFMI, and clients that are not ours, on a real network."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from network import binaries
from network.fabric import FabricNetwork
from network.topology import ChannelSpec, ContractSpec
from tests.cli.command import good, ufmi
from tests.networks import PARAMETERS, running, topology
from tests.serve.test_hfc import demo, require_environment

ORGANISATIONS = ("OperatorMSP", "MarketMSP")
UDL = ChannelSpec(ORGANISATIONS, {"udl": ContractSpec("chaincode.udl:UdlContract")})


@pytest.fixture(scope="module", params=PARAMETERS)
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FabricNetwork]:
    version: binaries.Fabric = request.param
    folder = tmp_path_factory.mktemp("data")
    with running(folder / "network", topology(ORGANISATIONS, {"udl": UDL}), version) as found:
        yield found


@pytest.fixture(scope="module")
def data(network: FabricNetwork) -> Path:
    """A UFMI that was founded on the network by the command."""
    folder = network.folder.parent
    good("init", "--ledger", "fabric", "--data", folder)
    return folder


def test_hfc_drives_a_real_network(network: FabricNetwork, data: Path) -> None:
    require_environment()
    done = demo("--connection", network.connection, "--data", data)
    assert done.returncode == 0, done.stderr
    answer: Any = json.loads(done.stdout)
    assert [one["code"] for one in answer["results"]] == ["PENDING", "OK"]
    assert answer["party"]["role"] == "BROKER"
    assert good("show", "party", answer["party"]["id"], "--json", data=data).json["active"]


def test_fabrics_peer_drives_it_with_the_same_folder(network: FabricNetwork, data: Path) -> None:
    folder = network.connection / "MarketMSP"
    text = (folder / "peer.env").read_text()
    command = f"{text}\n\"{network.fabric.tool('peer')}\" chaincode query -C udl -n udl -c '%s'"
    call = json.dumps({"Args": ["get", "network"]})
    done = subprocess.run(["sh", "-c", command % call], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (
        json.loads(done.stdout)["digest"]
        == good("show", "network", "--json", data=data).json["network"]
    )


def test_the_commands_work_on_a_network(network: FabricNetwork, data: Path) -> None:
    rows = good("network", "status", "--json", data=data).json
    assert {row["state"] for row in rows} == {"ready"}
    shown = good("show", "network", "--json", data=data).json
    assert shown["blocks"] > 3
    block = good("show", "block", str(shown["blocks"] - 1), "--json", data=data).json
    (transaction, *_) = block["transactions"]
    found = good("show", "txn", transaction["id"], "--json", data=data).json
    assert (found["block"], found["status"]) == (block["number"], "VALID")
    assert good("reconcile", "--json", data=data).json["ok"]
    again = ufmi("init", "--ledger", "fabric", "--data", data)
    assert again.status == 2 and "has a ledger already" in again.err
    refused = ufmi("ledger", "verify", data=data)
    assert refused.status == 1 and "is a Fabric network" in refused.err
    version = good("network", "versions", "--json").json
    assert network.plan.version in [one["version"] for one in version]


@pytest.mark.parametrize("version", PARAMETERS)
def test_the_demonstration_is_the_same_on_a_network(
    version: binaries.Fabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the default topology: same steps, codes, messages, balances and checks."""
    monkeypatch.setenv(binaries.VARIABLE, str(version.folder))
    told = {}
    for ledger in ("embedded", "fabric"):
        told[ledger] = good("demo", "--ledger", ledger, "--json").json
        assert told[ledger]["ledger"] == ledger
        assert told[ledger]["ok"] and told[ledger]["reconciliation"]["ok"]

    def outline(one: Any) -> list[Any]:
        """What does not depend on keys, which are made anew for every run."""
        return [
            [(each["text"].partition("(")[0], each["code"]) for each in one["instructions"]],
            [each["text"].partition("(")[0] for each in one["sent"]],
            {
                name: {
                    when: {
                        what: held if isinstance(held, dict) else None
                        for what, held in balances.items()
                        if what != "ledger_cash"
                    }
                    for when, balances in pair.items()
                }
                for name, pair in one["balances"].items()
            },
            [(each["name"], each["ok"]) for each in one["reconciliation"]["checks"]],
        ]

    assert outline(told["embedded"]) == outline(told["fabric"])
