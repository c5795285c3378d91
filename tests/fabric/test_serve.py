"""The chaincode server as a process: its settings, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import grpc
import msgspec
import pytest
from fabric_protos.peer import chaincode_shim_pb2_grpc

from ufmi.contract import source_digest
from ufmi.errors import LedgerError
from ufmi.ledger.fabric.serve import Settings, TlsFiles, make_server

from .peer import Message, Trial

TESTS = Path(__file__).parent.parent
DIGEST = source_digest(Trial)
CLASS = f"{Trial.__module__}:Trial"
GOOD = {"contract": CLASS, "package_id": f"trial-{DIGEST[:12]}:0123", "address": "127.0.0.1:0"}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def started(folder: Path, settings: Any) -> subprocess.Popen[str]:
    path = folder / "settings.json"
    path.write_bytes(settings if isinstance(settings, bytes) else msgspec.json.encode(settings))
    return subprocess.Popen(
        [sys.executable, "-m", "ufmi.ledger.fabric.serve", str(path)],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_package_has_to_be_for_the_source_that_is_here() -> None:
    make_server(Settings(**GOOD))  # type: ignore[arg-type]
    with pytest.raises(LedgerError, match="not for the source here"):
        make_server(Settings(CLASS, "trial-0123456789abcdef:0123", "127.0.0.1:0"))
    for package in ("", ":0123"):
        with pytest.raises(LedgerError, match="no id of a package"):
            make_server(Settings(CLASS, package, "127.0.0.1:0"))
    # Packages of other makers' tools say nothing of the source.
    for package in ("trial:0123", "trial-1.0:0123"):
        make_server(Settings(CLASS, package, "127.0.0.1:0"))


@pytest.mark.parametrize("name", ["nowhere:Trial", "ufmi.contract:Nothing", "", "trial"])
def test_a_contract_that_is_not_there_is_an_error(name: str) -> None:
    with pytest.raises(LedgerError, match="there is no contract"):
        make_server(Settings(name, GOOD["package_id"], GOOD["address"]))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_shows_its_figures_and_ends_when_told(
    number: signal.Signals, tmp_path: Path
) -> None:
    port, figures = free_port(), free_port()
    settings = {**GOOD, "address": f"127.0.0.1:{port}", "metrics": f"127.0.0.1:{figures}"}
    process = started(tmp_path, settings)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as one:
            grpc.channel_ready_future(one).result(60)
            connect: Any = chaincode_shim_pb2_grpc.ChaincodeStub
            stream = connect(one).Connect(iter(lambda: time.sleep(60), None))
            assert next(stream).type == Message.REGISTER
            with urlopen(f"http://127.0.0.1:{figures}/metrics", timeout=60) as answer:
                text = answer.read().decode()
            assert "ufmi_chaincode_peers 1.0" in text
            assert 'ufmi_chaincode_transactions_total{contract="trial",outcome="ok"} 0.0' in text
            process.send_signal(number)
            assert list(stream) == []
            assert process.wait(60) == 0
    finally:
        process.kill()
        _, said = process.communicate()
    assert "Traceback" not in said and "serving" in said


@pytest.mark.parametrize(
    "settings",
    [
        b"{",
        b"{}",
        {**GOOD, "contract": "nowhere:Trial"},
        {**GOOD, "package_id": "trial-0000000000000000:1"},
        {**GOOD, "address": "127.0.0.1:nothing"},
        {**GOOD, "metrics": "nothing"},
        {**GOOD, "tls": TlsFiles("no-key.pem", "no-cert.pem")},
    ],
    ids=["json", "nothing", "contract", "package", "address", "metrics", "tls"],
)
def test_settings_that_do_not_work_end_it_with_one_line(settings: Any, tmp_path: Path) -> None:
    process = started(tmp_path, settings)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert said.strip().splitlines()[-1].startswith("error: ") and "Traceback" not in said
