"""`ufmi relay` on a folder in which much has happened."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import urllib.request
from importlib.resources import files
from pathlib import Path

import pytest
from msgspec.structs import replace

from chaincode.csrb.records import START, Fault, Progress, Report, Source
from ufmi.cli.nodes import operator_keys
from ufmi.node import Node
from ufmi.relay.opening import open_csrb
from ufmi.scenario import read_scenario, run, start_ms
from ufmi.system import ControlledClock

from .command import good, ufmi, wrong


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which the demonstration ran and nothing was reported."""
    folder = tmp_path_factory.mktemp("traded") / "data"
    scenario = read_scenario(Path(str(files("ufmi.scenario") / "demo.toml")))
    clock = ControlledClock(start_ms(scenario))
    with Node.create(folder, clock=clock) as node:
        assert run(node, scenario, operator_keys(folder)).ok
    return folder


@pytest.fixture
def copy(traded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(traded, tmp_path / "data"))


def test_what_waits_is_reported_once(copy: Path) -> None:
    before = ufmi("relay", "status", "--json", data=copy)
    assert before.status == 1
    assert before.json["lag"] == before.json["height"] > 0
    done = good("relay", "run", "--once", "--json", data=copy).json
    assert done["lag"] == 0 and done["exceptions"] == 0
    assert done["snapshots"] > done["reports"] > 0
    again = good("relay", "run", "--once", "--json", data=copy).json
    assert again["reports"] == 0
    status = good("relay", "status", "--json", data=copy).json
    assert status["snapshots"] == done["snapshots"]
    assert status["reported"]["block"] == done["height"]
    text = good("relay", "status", data=copy).out
    assert f"snapshots  {done['snapshots']}" in text
    assert status["reports"] == done["reports"]
    assert good("relay", "exceptions", "--json", data=copy).json == []
    assert good("ledger", "verify", data=copy)


def test_bodies_can_lie_elsewhere(copy: Path, tmp_path: Path) -> None:
    good("relay", "run", "--once", "--store", tmp_path / "bodies", data=copy)
    assert not (copy / "snapshots").exists()
    assert any((tmp_path / "bodies").iterdir())
    assert "store" in wrong(2, "relay", "run", "--once", "--store", "ftp://x/y", data=copy)


def test_wrong_use_is_told(tmp_path: Path, data: Path) -> None:
    assert "no ledger" in wrong(2, "relay", "status", data=tmp_path)
    assert "HOST:PORT" in wrong(2, "relay", "run", "--metrics", "7", data=data)
    shutil.rmtree(data / "ledger" / "organisations" / "OperatorMSP", ignore_errors=False)
    assert "Traceback" not in ufmi("relay", "status", data=data).err


def test_it_runs_until_it_is_told_to_stop(copy: Path) -> None:
    code = "from ufmi.cli.main import main; main()"
    arguments = ["relay", "run", "--json", "--metrics", "127.0.0.1:0", "--data", str(copy)]
    code = (
        "from prometheus_client import start_http_server as real\n"
        "import ufmi.relay.metrics as m\n"
        "def told(port, host, registry):\n"
        "    server, thread = real(port, host, registry)\n"
        "    print(server.server_port, flush=True)\n"
        "m.start_http_server = told\n" + code
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        text = ""
        while "ufmi_relay_reported_blocks 0.0" in text or "ufmi_relay_lag_blocks 0.0" not in text:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                text = answer.read().decode()
        assert "ufmi_relay_snapshots_total" in text
        process.send_signal(signal.SIGTERM)
        said = process.stdout.read()
        assert process.wait(60) == 0
    assert '"lag": 0' in said


def test_the_exception_log_is_shown(data: Path) -> None:
    source = Source("udl", 0, "tx", 0)
    head = ("o-1", "subject", 0, "create")
    end = Progress(0, 2, "")
    faults = (
        Fault(source, *head, "NRIRSCNBJXXX", "", ("/body REQUIRED: is required [here]",)),
        Fault(replace(source, place=1), *head, "UFMI", "", ("/x",), ""),
    )
    with Node.open(data) as node:
        open_csrb(node.ledger).report(Report("udl", START, end, (), (), faults))
    shown = good("relay", "exceptions", data=data).out
    assert "NRIRSCNBJXXX subject o-1/0 create" in shown
    assert "/body REQUIRED: is required [here]" in shown
    one = good("relay", "exceptions", "--owner", "UFMI", "--json", data=data).json
    assert [fault["errors"] for fault in one] == [["/x"]]
    assert good("relay", "exceptions", "--limit", "0", data=data).out == ""
