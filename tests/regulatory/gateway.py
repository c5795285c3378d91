"""A real S3-compatible server for tests: versitygw, which keeps objects as files in a folder."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MODULE = "github.com/versity/versitygw/cmd/versitygw"
VERSION = "1.0.14"
ACCESS, SECRET, REGION = "tester", "tester-secret", "us-east-1"
_TRIES = 5


class NoGateway(Exception):
    """There is none, and none can be built."""


@dataclass(frozen=True)
class Gateway:
    """A server that runs; `folder` has one folder a bucket."""

    endpoint: str
    folder: Path


def build() -> Path:
    """The server's path; builds it into the cache folder once, about a minute. Raises NoGateway."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(root) / "ufmi" / "tools" / "versitygw" / VERSION / "bin"
    target = folder / "versitygw"
    if target.is_file():
        return target
    go = shutil.which("go")
    if go is None:
        raise NoGateway("the S3 server for tests is built where Go is")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [go, "install", "-ldflags=-s -w", f"{MODULE}@v{VERSION}"],
            cwd=folder,
            env=os.environ | {"GOBIN": str(folder), "GOFLAGS": "-buildvcs=false"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise NoGateway(f"versitygw cannot be built: {done.stderr.strip()[-300:]}")
    return target


def free_port() -> int:
    """A port of the loopback interface that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path, buckets: tuple[str, ...]) -> Iterator[Gateway]:
    """A server over a folder of its own, stopped at the end. Raises NoGateway."""
    binary = build()
    data, beside = folder / "data", folder / "metadata"
    beside.mkdir(parents=True)
    for bucket in buckets:
        (data / bucket).mkdir(parents=True)
    for _ in range(_TRIES):
        port = free_port()
        command = [binary, "--port", f"127.0.0.1:{port}", "--access", ACCESS, "--secret", SECRET]
        command += ["--region", REGION, "--quiet", "posix", "--sidecar", beside, data]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as server:
            try:
                if _answers(server, port):
                    yield Gateway(f"http://127.0.0.1:{port}", data)
                    return
            finally:
                server.kill()
    raise NoGateway("versitygw does not start")


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    """Whether it listens, once it does; not if it ends before, as with a port just taken."""
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            time.sleep(0.01)
    return False
