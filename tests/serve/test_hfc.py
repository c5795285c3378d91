"""hfc (fabric-sdk-py) drives the contract, in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
DEMO = ROOT / "scripts" / "hfc_demo"
ENVIRONMENT = Path(os.environ.get("UFMI_HFC_VENV") or ROOT / ".venv-hfc")


def demo(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DEMO, *arguments], capture_output=True, text=True, timeout=600, check=False
    )


def test_hfc_executes_signed_instructions() -> None:
    if not (ENVIRONMENT / ".ufmi-hfc").exists():
        pytest.skip("hfc has no environment yet; scripts/hfc_demo makes it")
    done = demo()
    assert done.returncode == 0, done.stderr
    answer: Any = json.loads(done.stdout)
    codes = [one["code"] for one in answer["results"]]
    assert codes == ["PENDING", "OK"]
    assert [code for _, code in answer["event"]] == codes
    assert [one["code"] for one in answer["records"].values()] == codes
    assert answer["party"]["role"] == "BROKER"
    assert (answer["block"], answer["height"]) == (2, 3)


@pytest.mark.parametrize("options", [("--connection", "x"), ("--data", "x"), ("--tea",)])
def test_wrong_use_is_said(options: tuple[str, ...]) -> None:
    done = demo(*options)
    assert done.returncode == 2
    assert done.stderr.startswith("error:")
