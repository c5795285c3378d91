"""`ufmi ledger serve` as a process, and the folder that it writes for clients."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from network.binaries import Fabric
from tests.cli.command import good, wrong
from tests.ledger import kv
from ufmi.errors import LedgerError
from ufmi.ledger.embedded.serve import Server, parse_listen
from ufmi.ledger.identity import is_low_s

from .client import Client
from .conftest import Served
from .fabric import Peer, decoded, versions

ORGANISATIONS = ("BankMSP", "MarketMSP", "OperatorMSP", "RegulatorMSP")


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `ufmi init` makes; do not write to it."""
    folder = tmp_path_factory.mktemp("init") / "data"
    good("init", "--data", folder)
    return folder


@pytest.fixture
def data(founded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(founded, tmp_path / "data"))


@contextmanager
def running(data: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command, once it says what it serves; its connection folder lies beside the data."""
    command = "from ufmi.cli.main import main; main()"
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", command, "ledger", "serve", "--data", str(data)),
            *("--connection", str(data.parent / "connection"), *options),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> Any:
    """The one JSON document that --json prints."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            return json.loads(text)
    raise AssertionError(process.communicate())


def client_of(data: Path, shown: Any, msp: str, name: str = "") -> Client:
    peer = next(one for one in shown["peers"] if one["organisation"] == msp)
    orderer = shown["orderer"]
    return Client(
        data.parent / "connection",
        (msp, peer["address"]),
        (orderer["organisation"], orderer["address"]),
        name,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(data: Path, number: int) -> None:
    with running(data, "--listen", "127.0.0.1:0", "--json") as process:
        shown = said(process)
        assert [one["organisation"] for one in shown["peers"]] == list(ORGANISATIONS)
        client = client_of(data, shown, "OperatorMSP")
        stream = client.events(contract="udl", channel="udl")
        raw = client.evaluate(b"get", b"network", contract="udl", channel="udl")
        assert json.loads(raw)["digest"]
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "", "")
        stream.cancel()
        client.close()
    assert good("ledger", "verify", "--json", data=data).json["ok"]


def test_people_are_told_what_is_served_where(data: Path) -> None:
    with running(data, "--listen", "127.0.0.1:0") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(7)]
        assert [line.split()[2] for line in lines[:4]] == list(ORGANISATIONS)
        assert "127.0.0.1:" in lines[4]
        assert lines[5].strip().endswith("connection.json")
        assert lines[6].strip() == "Stop with Ctrl-C."


def signed_line(data: Path) -> bytes:
    """An operator's approval, as `ufmi submit` reads it."""
    network = good("show", "network", "--json", data=data).json["network"]
    made = good("keys", "show", "operator-1", "--json", data=data).json
    text = f"ADMIT(t1,NTESTCNBJXXX,BROKER,,Test,{made['public_key']},{network},{made['address']},"
    line = good("keys", "sign", "operator-1", text + "9999999999999)", data=data).out
    return line.strip().encode()


def test_the_front_ends_identity_executes_and_others_do_not(data: Path) -> None:
    line = signed_line(data)
    with running(data, "--listen", "127.0.0.1:0", "--json") as process:
        shown = said(process)
        front = client_of(data, shown, "OperatorMSP", "frontend")
        header = json.dumps([[1, time.time_ns() // 1_000_000, ""]]).encode()
        call = (b"execute", header, line)
        _, status = front.call(*call, contract="udl", channel="udl")
        assert status.result == 0
        other = client_of(data, shown, "OperatorMSP", "admin")
        answer = other.process(*call, contract="udl", channel="udl").response
        assert answer.status == 500
        assert "only the front-end may call execute" in answer.message
        process.terminate()
        process.communicate(timeout=60)
        for client in (front, other):
            client.close()
    answers = good("submit", "-", "--json", data=data, given=line).json
    assert answers[0]["code"] == "PENDING"
    assert answers[0]["receipt"]["number"] == 2  # goes on where the client ended
    assert good("reconcile", "--json", data=data).json["ok"]


@versions
def test_peer_executes_with_the_front_ends_identity(
    fabric: Fabric, data: Path, tmp_path: Path
) -> None:
    line = signed_line(data).decode()
    with running(data, "--listen", "127.0.0.1:0", "--json") as process:
        places = tuple(
            (one["organisation"], one["address"])
            for one in said(process)["peers"]
            if one["organisation"] != "RegulatorMSP"  # which has no part in udl
        )
        peer = Peer(fabric, data.parent / "connection", "OperatorMSP", tmp_path, "frontend")
        header = json.dumps([[1, time.time_ns() // 1_000_000, ""]])
        answer = peer.invoke("execute", header, line, peers=places, contract="udl", channel="udl")
        assert answer.count("committed with status (VALID)") == len(places)
        assert "PENDING" in answer
        identity = json.loads(re.findall(r'payload:"(.*)"', answer)[0].replace("\\", ""))[0]["id"]
        recorded = peer.query("result", identity, contract="udl", channel="udl")
        assert json.loads(recorded)["code"] == "PENDING"


def test_a_killed_server_loses_nothing(data: Path) -> None:
    with running(data, "--listen", "127.0.0.1:0", "--json") as process:
        said(process)
        process.kill()
        process.communicate()
    with running(data, "--listen", "127.0.0.1:0", "--json") as process:
        assert said(process)["peers"]


def test_a_ledger_that_is_served_is_in_use(data: Path) -> None:
    with running(data, "--listen", "127.0.0.1:0", "--json") as process:
        said(process)
        assert "in use by process" in wrong(1, "show", "network", data=data)
        again = ("ledger", "serve", "--connection", str(data.parent / "other"))
        assert "in use by process" in wrong(1, *again, data=data)


def test_a_port_in_use_is_named(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ("--connection", str(data.parent / "c"), "--listen", f"127.0.0.1:{port}")
        text = wrong(1, "ledger", "serve", *options, data=data)
        assert f"port {port} of 127.0.0.1 is in use" in text
        assert "--listen" in text


@pytest.mark.parametrize(
    ("listen", "status"),
    [
        ("7051", 2),
        ("127.0.0.1", 2),
        ("127.0.0.1:x", 2),
        (":7051", 2),
        ("127.0.0.1:65535", 2),
        ("127.0.0.1:99999", 2),
        ("203.0.113.7:7051", 1),
    ],
)
def test_addresses_that_cannot_be_listened_on(data: Path, listen: str, status: int) -> None:
    options = ("--connection", str(data.parent / "c"), "--listen", listen)
    assert "--listen" in wrong(status, "ledger", "serve", *options, data=data)
    assert not (data.parent / "c").exists()


def test_a_connection_folder_that_is_a_file(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    options = ("--connection", str(tmp_path / "file"), "--listen", "127.0.0.1:0")
    assert "cannot be written" in wrong(1, "ledger", "serve", *options, data=data)


def test_nothing_to_serve(tmp_path: Path) -> None:
    options = ("--connection", str(tmp_path / "c"), "--listen", "127.0.0.1:0")
    assert "no ledger" in wrong(2, "ledger", "serve", *options, data=tmp_path)


# -- places -----------------------------------------------------------------------------------


def test_ports_follow_each_other(tmp_path: Path) -> None:
    for attempt in range(20):  # others on this machine may hold what we would like
        with socket.create_server(("127.0.0.1", 0)) as probe:
            first = probe.getsockname()[1]
        with kv.found(tmp_path / str(attempt)) as ledger:
            try:
                with Server(ledger, port=first) as server:
                    ports = [one.port for one in server.places.all]
            except LedgerError:
                continue
        assert ports == [first, first + 1, first + 2, first + 3]
        return
    raise AssertionError("no four free ports in a row")


def test_listen_is_read() -> None:
    assert parse_listen("127.0.0.1:0") == ("127.0.0.1", 0)
    assert parse_listen("[::1]:7051") == ("::1", 7051)


def test_a_later_port_in_use_is_named_and_nothing_is_left_open(served: Served) -> None:
    taken = served.server.places.peers[0].port
    problems = []
    for _ in range(2):
        server = Server(served.ledger, port=taken - 1)
        with pytest.raises(LedgerError, match="is in use") as caught:
            server.start()
        problems.append(caught.value.message)
        with pytest.raises(LedgerError, match="not served yet"):
            assert server.places
    # Were the port before it still held by the first try, the second would name that one.
    assert problems[0] == problems[1]


# -- the connection folder --------------------------------------------------------------------


def test_keys_are_their_owners(served: Served) -> None:
    for path in served.connection.rglob("*key*.pem"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(served.connection.stat().st_mode) == 0o700


def test_certificates_belong_together(served: Served) -> None:
    membership = served.ledger.channel("one").membership
    for msp in (kv.A, kv.B, kv.C):
        folder = served.connection / msp
        assert (folder / "mspid").read_text() == msp
        for name, role in (("", "client"), ("admin-", "admin")):
            client = served.client(msp, name.removesuffix("-"))
            member = membership.member(client.identity.serialized)
            assert (member.msp, member.role) == (msp, role)
            client.close()
        (authority,) = x509.load_pem_x509_certificates((folder / "tls-ca.pem").read_bytes())
        own = served.ledger.organisation(msp).tls("peer0")[1]
        x509.load_pem_x509_certificate(own).verify_directly_issued_by(authority)


def test_certificates_are_as_fabrics_tools_would_make_them(served: Served) -> None:
    """Of a certificate with a high S they make another one, with another fingerprint."""
    for path in served.connection.rglob("*.pem"):
        if "key" not in path.name:
            for found in x509.load_pem_x509_certificates(path.read_bytes()):
                assert is_low_s(found.signature), path


def test_profiles_name_every_node(served: Served) -> None:
    for name, scheme in (("connection.json", "grpcs://"), ("connection-hfc.json", "")):
        profile = json.loads((served.connection / name).read_text())
        for place in served.server.places.peers:
            node = profile["peers"][place.name]
            assert node["url"] == f"{scheme}{place.address}"
            authority = Path(node["tlsCACerts"]["path"]).read_text()
            assert node["tlsCACerts"]["pem"] == authority
            assert profile["organizations"][place.msp]["peers"] == [place.name]
            assert place.name in profile["channels"]["one"]["peers"]
        orderer = served.server.places.orderer
        assert profile["orderers"][orderer.name]["url"] == f"{scheme}{orderer.address}"
        assert profile["channels"]["one"]["orderers"] == [orderer.name]


def test_a_second_start_keeps_the_clients(data: Path) -> None:
    seen = []
    for _ in range(2):
        with running(data, "--listen", "127.0.0.1:0", "--json") as process:
            said(process)
            own = data.parent / "connection" / "OperatorMSP"
            seen.append([(own / name).read_bytes() for name in ("cert.pem", "tls-ca.pem")])
    assert seen[0] == seen[1]


@versions
def test_an_exported_block_is_read_by_configtxlator(
    fabric: Fabric, data: Path, tmp_path: Path
) -> None:
    good("ledger", "export", "--block", "1", "--out", tmp_path / "block.pb", data=data)
    block = decoded(fabric, tmp_path / "block.pb")
    shown = good("show", "block", "1", "--json", data=data).json
    assert block["header"]["number"] == "1"
    (envelope,) = block["data"]["data"]
    assert (
        envelope["payload"]["header"]["channel_header"]["tx_id"] == shown["transactions"][0]["id"]
    )
