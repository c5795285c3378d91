"""Processes are known by their id and the time of their start, and ended by it alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from network.processes import Process
from ufmi.errors import NetworkError, ProcessDied

SLEEP = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    " print('here', flush=True); time.sleep(600)",
]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    one = Process(tmp_path, "one")
    yield one
    one.kill()


def started(process: Process, command: list[str]) -> int:
    process.start(command, os.environ)
    while "here" not in process.tail():
        time.sleep(0.02)
    return process.pid


def test_a_process_runs_until_it_is_stopped(process: Process, tmp_path: Path) -> None:
    assert (process.pid, process.known) == (0, False)
    pid = started(process, SLEEP)
    assert process.alive() and process.known
    process.check()
    process.start(SLEEP, os.environ)  # it runs already
    assert Process(tmp_path, "one").pid == pid  # known to whoever reads the file
    process.stop()
    assert (process.pid, process.known) == (0, False)


def test_one_that_does_not_listen_is_killed(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("network.processes.STOP_SECONDS", 0.2)
    pid = started(process, STUBBORN)
    process.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_that_died_is_told_with_the_end_of_its_log(process: Process) -> None:
    process.start([sys.executable, "-c", "import sys; sys.exit('no such thing')"], os.environ)
    while process.alive():
        time.sleep(0.02)
    assert process.known
    with pytest.raises(ProcessDied, match="no such thing"):
        process.check()


def test_another_process_with_the_number_is_left_alone(process: Process, tmp_path: Path) -> None:
    other = subprocess.Popen(SLEEP, stdout=subprocess.DEVNULL)
    try:
        (tmp_path / "pids").mkdir()
        (tmp_path / "pids" / "one").write_text(f"{other.pid} 1")
        assert process.pid == 0
        process.signal(signal.SIGKILL)
        process.kill()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_what_cannot_be_started_is_told(process: Process, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="cannot be started"):
        process.start([str(tmp_path / "nothing")], os.environ)
