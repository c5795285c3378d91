"""The page about Fabric from Python is true: its contract, network and clients run as written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from network import binaries
from tests.networks import PARAMETERS, ROOT

PAGE = (ROOT / "docs" / "fabric.md").read_text()


def run(folder: Path, *command: str) -> str:
    path = f"{folder}{os.pathsep}{ROOT}"
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("version", PARAMETERS)
def test_the_example_runs(tmp_path: Path, version: binaries.Fabric) -> None:
    for name, text in re.findall(r"```\w+ (\S+)\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / name).write_text(text)
    ufmi = ("-c", "from ufmi.cli.main import main; main()", "network")
    where = ("--data", "data/parcels")
    wanted = ("--topology", "parcels.toml", "--ports", "0", "--fabric", version.version)
    run(tmp_path, *ufmi, "up", *where, *wanted)
    try:
        said = run(tmp_path, "client.py").splitlines()
        assert said[0] == "b'anna'"
        assert said[1] == "b'ben'"
        assert said[2].startswith("VALID ")
        assert "ABORTED" in said[3] and "it is there already" in said[3]
        assert said[4] == "MVCC_READ_CONFLICT True"
        assert [line.split()[1:] for line in said[5:]] == [
            ["moved", "b'p-1'"],
            ["moved", "b'p-1'"],
            ["moved", "b'p-2'"],
        ]
        assert run(tmp_path, "async_client.py") == "b'carl'\n"
        assert "ready" in run(tmp_path, *ufmi, "status", *where)
    finally:
        run(tmp_path, *ufmi, "reset", *where)
    assert not (tmp_path / "data" / "parcels" / "network").exists()
