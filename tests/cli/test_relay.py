"""`ufmi relay` on the folder that the demonstration left."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from .command import good, ufmi, wrong


@pytest.fixture
def copy(played: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(played, tmp_path / "data"))


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
        "import ufmi.regulatory.metrics as m\n"
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
