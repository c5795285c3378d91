"""Native processes: started apart from whoever starts them, known by a file, ended by their id."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ufmi.errors import NetworkError, ProcessDied
from ufmi.system import write_file

STOP_SECONDS = 20
_PAUSE_SECONDS = 0.05
_LOG_TAIL = 2_000
_LOG_BYTES_MAX = 64 * 1024 * 1024


class Process:
    """One process of a network: its name, and the files that are about it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.log = folder / "logs" / f"{name}.log"
        self._pid_file = folder / "pids" / name

    def start(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        """Starts it unless it runs. It goes on when the starting process ends."""
        if self.alive():
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._pid_file.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.old"))
        with self.log.open("ab") as log:
            try:
                started = subprocess.Popen(
                    [str(part) for part in command],
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as problem:
                raise NetworkError(f"{self.name} cannot be started: {problem}") from problem
        _children[started.pid] = started
        write_file(self._pid_file, f"{started.pid} {_born(started.pid)}".encode(), 0o644)

    @property
    def pid(self) -> int:
        """The process's id; 0 where it does not run."""
        try:
            pid, born = map(int, self._pid_file.read_text().split())
        except (OSError, ValueError):
            return 0
        child = _children.get(pid)
        if child is not None and child.poll() is not None:
            return 0
        # The same number may be another process's by now.
        return pid if born and _born(pid) == born else 0

    def alive(self) -> bool:
        return self.pid != 0

    @property
    def known(self) -> bool:
        """Whether it was started and not stopped: it should run."""
        return self._pid_file.exists()

    def check(self) -> None:
        """Raises ProcessDied, with the end of its log, unless it runs."""
        if not self.alive():
            raise ProcessDied(
                f"{self.name} has ended; its log says: …{self.tail()}",
                hint=f"The whole log is {self.log}; `ufmi network up` starts it again",
            )

    def tail(self, size: int = _LOG_TAIL) -> str:
        """The end of its log."""
        try:
            with self.log.open("rb") as log:
                log.seek(0, os.SEEK_END)
                log.seek(max(0, log.tell() - size))
                return log.read().decode(errors="replace").strip()
        except OSError:
            return ""

    def signal(self, number: int) -> None:
        """Sends a signal, if it runs."""
        pid = self.pid
        if pid:
            os.kill(pid, number)

    def kill(self) -> None:
        """Ends it at once, as a power cut would."""
        self.signal(signal.SIGKILL)
        self._await_end(STOP_SECONDS)

    def stop(self) -> None:
        """Asks it to end, waits, and ends it where it does not."""
        self.signal(signal.SIGTERM)
        if not self._await_end(STOP_SECONDS):
            self.kill()
        self._pid_file.unlink(missing_ok=True)

    def _await_end(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_SECONDS)
        return True


# Those that this process started itself, whose end it has to take note of.
_children: dict[int, subprocess.Popen[bytes]] = {}


def _born(pid: int) -> int:
    """When a process started, in ticks since the machine did; 0 if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    # The name, in parentheses, may hold anything; what follows it is numbered from 3.
    fields = stat.rpartition(")")[2].split()
    return 0 if fields[0] == "Z" else int(fields[19])
