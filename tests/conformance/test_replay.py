"""The demonstration on Fabric, replayed on the embedded ledger: equal results, events, state and
history, key by key, down to the transaction ids.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from network import binaries
from network.topology import ChannelSpec, ContractSpec
from tests.networks import PARAMETERS, running, topology
from ufmi.cli.nodes import operator_keys
from ufmi.ledger import BlockTransaction, Contract, Gateway
from ufmi.ledger.ca import Organisation
from ufmi.ledger.embedded import Channel, EmbeddedLedger, Topology, rwset
from ufmi.ledger.policy import MAJORITY
from ufmi.ledger.proposals import read_headers
from ufmi.node import CONTRACTS, FRONTEND_MEMBER, Node
from ufmi.scenario import Scenario, read_scenario, start_ms
from ufmi.scenario import run as run_scenario
from ufmi.scenario.day import USERS_LEAST, day
from ufmi.system import ControlledClock

OPERATOR, MARKET = "OperatorMSP", "MarketMSP"


def writes(one: BlockTransaction) -> dict[str, Any]:
    assert one.endorsed is not None
    sets = rwset.decode(one.endorsed.action.results)
    return {
        key: value for one in sets if one.namespace == "udl" for key, value in one.writes.items()
    }


def everything(contract: Contract) -> dict[str, Any]:
    """The whole state with the history of each key."""
    state = json.loads(contract.evaluate("scan", b"", b"", b"1000"))
    assert len(state) < 1000
    return {
        key: (record, json.loads(contract.evaluate("history", key.encode())))
        for key, record in state
    }


def replayed(
    folder: Path, organisations: Path, calls: list[BlockTransaction], patch: pytest.MonkeyPatch
) -> tuple[list[BlockTransaction], dict[str, Any]]:
    """The same calls, by the same member with the same nonces and times, on an embedded ledger."""
    made = Organisation.create

    def create(target: Path, msp: str) -> Organisation:
        source = organisations / msp
        if not source.exists():
            return made(target, msp)
        shutil.copytree(source, target)
        return Organisation(target, msp)

    patch.setattr(Organisation, "create", create)
    shape = Topology({"udl": Channel((OPERATOR, MARKET), {"udl": MAJORITY})})
    clock = ControlledClock(0)
    with EmbeddedLedger.create(folder, CONTRACTS, shape, clock) as ledger:
        gateway = Gateway(ledger, ledger.identity(OPERATOR, FRONTEND_MEMBER))
        contract = gateway.network("udl").contract("udl")
        found = []
        for one in calls:
            assert one.endorsed is not None
            nonce = bytes(read_headers(one.endorsed.header)[1].nonce)
            ledger.random_bytes = lambda size, nonce=nonce: nonce  # type: ignore[misc]
            clock.not_before(one.endorsed.time_ms)
            function, *arguments = one.endorsed.arguments
            contract.submit(function.decode(), *arguments)
            found.append(gateway.network("udl").transaction(one.tx_id))
        return found, everything(contract)


def demonstration() -> Scenario:
    return read_scenario(Path(str(files("ufmi.scenario") / "demo.toml")))


def a_day() -> Scenario:
    """As in the tests of the market, with fewer users: a real network takes a block a message."""
    return day(USERS_LEAST)


@pytest.mark.parametrize("made", [demonstration, a_day])
@pytest.mark.parametrize("version", PARAMETERS)
def test_a_scenario_replayed_gives_the_same_key_by_key(
    tmp_path: Path,
    version: binaries.Fabric,
    made: Callable[[], Scenario],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = made()
    udl = ChannelSpec((OPERATOR, MARKET), {"udl": ContractSpec("chaincode.udl:UdlContract")})
    shape = topology((OPERATOR, MARKET), {"udl": udl})
    with running(tmp_path / "network", shape, version, clock="controlled") as network:
        clock = ControlledClock(start_ms(scenario))
        with Node.create(tmp_path / "data", fabric=network.connection, clock=clock) as node:
            outcome = run_scenario(node, scenario, operator_keys(tmp_path / "data"))
            assert outcome.ok, outcome.faults
            calls = [
                one
                for block in node.channel.past_blocks()
                for one in block.transactions()
                if one.valid
                and one.endorsed is not None
                and one.endorsed.action.chaincode_id.name == "udl"
                and one.endorsed.arguments[0] != b"describe"
            ]
            state = everything(node.channel.contract("udl"))
    assert len(calls) > 40 and len(state) > 60
    again, state_again = replayed(
        tmp_path / "ledger", tmp_path / "network" / "organisations", calls, monkeypatch
    )
    for one, other in zip(calls, again, strict=True):
        assert one.endorsed is not None and other.endorsed is not None
        assert one.tx_id == other.tx_id
        assert one.endorsed.action.response.payload == other.endorsed.action.response.payload
        assert writes(one) == writes(other)
        events = [each.event.SerializeToString() if each.event else b"" for each in (one, other)]
        assert events[0] == events[1]
    assert state == state_again
