"""hfc (fabric-sdk-py) drives the contract, in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import good

from .test_command import running, said

ROOT = Path(__file__).parent.parent.parent
DEMO = ROOT / "scripts" / "hfc_demo"
ENVIRONMENT = Path(os.environ.get("UFMI_HFC_VENV") or ROOT / ".venv-hfc")


def require_environment() -> None:
    if not (ENVIRONMENT / ".ufmi-hfc").exists():
        pytest.skip("hfc has no environment yet; scripts/hfc_demo makes it")


def demo(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DEMO, *arguments], capture_output=True, text=True, timeout=600, check=False
    )


def test_hfc_executes_signed_instructions() -> None:
    require_environment()
    done = demo()
    assert done.returncode == 0, done.stderr
    answer: Any = json.loads(done.stdout)
    codes = [one["code"] for one in answer["results"]]
    assert codes == ["PENDING", "OK"]
    assert [code for _, code in answer["event"]] == codes
    assert [one["code"] for one in answer["records"].values()] == codes
    assert answer["party"]["role"] == "BROKER"
    assert (answer["block"], answer["height"]) == (2, 3)


def test_hfc_goes_on_where_a_running_ledger_is(tmp_path: Path) -> None:
    require_environment()
    data = tmp_path / "data"
    good("init", "--data", data)
    with running(data, "--listen", "127.0.0.1:0", "--json") as process:
        said(process)
        connection = tmp_path / "connection"
        numbers = []
        for _ in range(2):
            done = demo("--connection", connection, "--data", data)
            assert done.returncode == 0, done.stderr
            records = json.loads(done.stdout)["records"]
            numbers += [one["number"] for one in records.values()]
            # Another network's folder may have no profile for hfc.
            (connection / "connection-hfc.json").unlink(missing_ok=True)
        assert numbers == [1, 2, 3, 4]
    assert good("reconcile", "--json", data=data).json["ok"]


def test_hfc_is_told_of_what_is_wrong(tmp_path: Path) -> None:
    """Another network's operators are strangers: the demonstration ends with 1 and says why."""
    require_environment()
    data, other = tmp_path / "data", tmp_path / "other"
    good("init", "--data", data)
    good("init", "--data", other)
    with running(data, "--listen", "127.0.0.1:0", "--json") as process:
        said(process)
        done = demo("--connection", tmp_path / "connection", "--data", other)
        assert done.returncode == 1
        assert "error: Wrong:" in done.stderr


@pytest.mark.parametrize("options", [("--connection", "x"), ("--data", "x"), ("--tea",)])
def test_wrong_use_is_said(options: tuple[str, ...]) -> None:
    done = demo(*options)
    assert done.returncode == 2
    assert done.stderr.startswith("error:")
