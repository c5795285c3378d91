"""Fabric's own `peer` command against a served ledger."""

from __future__ import annotations

import json
import re
import subprocess
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import pytest

from network.binaries import Fabric
from tests.ledger import kv
from ufmi.ledger.protos import common

from .conftest import Served
from .fabric import Peer, decoded, versions

pytestmark = versions


def places(served: Served, *organisations: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (one.msp, one.address) for one in served.server.places.peers if one.msp in organisations
    )


# -- contracts --------------------------------------------------------------------------------


@pytest.mark.parametrize("organisations", [(kv.A, kv.B), (kv.B, kv.C), (kv.A, kv.B, kv.C)])
def test_invoke_waits_for_the_event_on_every_peer(
    peer: Peer, served: Served, organisations: tuple[str, ...]
) -> None:
    key = "peer-" + "-".join(organisations)
    before = served.ledger.channel("one").height
    said = peer.invoke("put", key, "tea", peers=places(served, *organisations))
    assert said.count("committed with status (VALID)") == len(organisations)
    assert re.search(r'status:200 +payload:"done"', said)
    channel = served.ledger.channel("one")
    assert channel.height == before + 1
    (found,) = channel.block(before).transactions()
    assert found.endorsed is not None
    assert {one.endorser[2:6].decode() for one in found.endorsed.endorsements} == set(organisations)
    assert peer.query("get", key) == '"tea"'


def test_too_few_endorsements_are_found_invalid(peer: Peer, served: Served) -> None:
    said = peer.invoke("put", "lonely", "tea", peers=places(served, kv.A), ok=False)
    assert "ENDORSEMENT_POLICY_FAILURE" in said
    assert peer.query("get", "lonely") == "null"


def test_a_contract_that_refuses_is_heard(peer: Peer, served: Served) -> None:
    both = places(served, kv.A, kv.B)
    before = served.ledger.channel("one").height
    said = peer.invoke("fail", "no tea today", peers=both, ok=False)
    assert "status:500" in said
    assert "no tea today" in said
    assert served.ledger.channel("one").height == before
    said = peer.run(
        "chaincode", "query", "-C", "one", "-n", "kv", "-c", peer.call("nothing"), ok=False
    )
    assert "has no function nothing" in said


@pytest.mark.parametrize(
    ("channel", "contract", "reason"),
    [("none", "kv", "channel 'none' not found"), ("one", "none", "chaincode none not found")],
)
def test_what_is_not_there_is_said(peer: Peer, channel: str, contract: str, reason: str) -> None:
    chosen = ("-C", channel, "-n", contract, "-c", peer.call("get", "x"))
    assert reason in peer.run("chaincode", "query", *chosen, ok=False)


# -- channels ---------------------------------------------------------------------------------


def test_channels_are_listed(peer: Peer) -> None:
    assert "joined: \none\ntwo\n" in peer.run("channel", "list", answer=True)


def test_a_client_of_another_organisation_gets_no_list(peer: Peer, served: Served) -> None:
    ((_, other),) = places(served, kv.B)
    authority = str(served.connection / kv.B / "tls-ca.pem")
    said = subprocess.run(
        [peer.fabric.tool("peer"), "channel", "list"],
        env={
            "FABRIC_CFG_PATH": str(served.connection),
            "CORE_PEER_LOCALMSPID": kv.A,
            "CORE_PEER_MSPCONFIGPATH": str(served.connection / kv.A / "msp"),
            "CORE_PEER_ADDRESS": other,
            "CORE_PEER_TLS_ENABLED": "true",
            "CORE_PEER_TLS_ROOTCERT_FILE": authority,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert said.returncode
    assert "access denied" in said.stderr


def test_getinfo_is_the_tip(peer: Peer, served: Served) -> None:
    said = peer.run("channel", "getinfo", "-c", "one", answer=True)
    info = json.loads(said.removeprefix("Blockchain info: "))
    channel = served.ledger.channel("one")
    assert info["height"] == channel.height
    assert b64decode(info["currentBlockHash"]) == channel.tip_hash


@pytest.mark.parametrize("which", ["0", "1", "newest", "oldest", "config"])
@pytest.mark.parametrize("source", ["peer", "orderer"])
def test_fetched_blocks_are_the_ledgers(
    peer: Peer, served: Served, which: str, source: str
) -> None:
    kv.put(kv.kv(served.ledger), "fetched", f"{which}-{source}")
    channel = served.ledger.channel("one")
    number = {"newest": channel.height - 1, "oldest": 0, "config": 0}.get(which, which)
    options: list[str] = []
    if source == "orderer":
        place = served.server.places.orderer
        authority = str(served.connection / place.msp / "tls-ca.pem")
        options = ["-o", place.address, "--tls", "--cafile", authority]
    peer.run("channel", "fetch", which, "block.pb", "-c", "one", *options)
    fetched = (peer.folder / "block.pb").read_bytes()
    assert common.Block.FromString(fetched) == channel.block(int(number)).message


def test_a_block_that_is_not_there_is_not_found(peer: Peer) -> None:
    said = peer.run("channel", "fetch", "999", "block.pb", "-c", "one", ok=False)
    assert "NOT_FOUND" in said
    assert not (peer.folder / "block.pb").exists()


def test_nothing_joins(peer: Peer) -> None:
    peer.run("channel", "fetch", "0", "block.pb", "-c", "one")
    assert "founded with" in peer.run("channel", "join", "-b", "block.pb", ok=False)


# -- lifecycle --------------------------------------------------------------------------------


def test_committed_contracts_are_shown(peer: Peer) -> None:
    said = peer.run("lifecycle", "chaincode", "querycommitted", "-C", "one")
    assert re.search(r"Name: kv, Version: 1, Sequence: 1", said)
    said = peer.run("lifecycle", "chaincode", "querycommitted", "-C", "one", "-n", "kv")
    assert f"Approvals: [{kv.A}: true, {kv.B}: true, {kv.C}: true]" in said
    said = peer.run("lifecycle", "chaincode", "querycommitted", "-C", "one", "-n", "none", ok=False)
    assert "404 - namespace none is not defined" in said


def test_nothing_is_installed_and_that_is_said(peer: Peer) -> None:
    said = peer.run("lifecycle", "chaincode", "queryinstalled", ok=False)
    assert "installs and defines none" in said


# -- blocks for Fabric's tools ----------------------------------------------------------------


def test_configtxlator_decodes_blocks_whose_hashes_hold(
    fabric: Fabric, served: Served, tmp_path: Path
) -> None:
    for at in range(3):
        kv.put(kv.kv(served.ledger, "two"), "tool", str(at))
    previous = b""
    for number in range(4):
        path = tmp_path / f"{number}.pb"
        raw = served.ledger.channel("two").block(number).message.SerializeToString()
        path.write_bytes(raw)
        block = decoded(fabric, path)
        header = block["header"]
        assert int(header.get("number", 0)) == number
        assert b64decode(header["previous_hash"] or "") == previous
        envelopes = common.Block.FromString(raw).data.data
        data_hash = b64decode(header["data_hash"])
        assert data_hash == sha256(b"".join(envelopes)).digest()
        assert len(block["data"]["data"]) == len(envelopes)
        parts = bytes([2, 1, number]) + bytes([4, len(previous)]) + previous
        parts += bytes([4, 32]) + data_hash
        previous = sha256(bytes([0x30, len(parts)]) + parts).digest()
    assert served.ledger.channel("two").block(3).hash == previous
    written = block["data"]["data"][0]["payload"]["data"]["actions"][0]["payload"]
    action = written["action"]["proposal_response_payload"]["extension"]
    assert action["chaincode_id"]["name"] == "kv"
    assert action["response"]["status"] == 200
