"""Processes that verify for this one, for a provider that computes in Python's threads.

Between two verifications such a thread has to wait for the interpreter lock, so it hardly gets on
beside whatever else this process does. A worker has a lock of its own.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ufmi.crypto._provider import Signed
from ufmi.crypto._worker import LENGTH

_PROGRAM = Path(__file__).with_name("_worker.py")
_encoder = msgspec.msgpack.Encoder()


class _Worker:
    """One process and the pipes to it. Only one thread at a time may ask it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self._usable = True

    @property
    def process_id(self) -> int:
        return self._process.pid

    def ask(self, items: Sequence[Signed]) -> list[bool]:
        """Raises OSError if the process does not answer."""
        if not self._usable:
            raise OSError("a process that verifies signatures has ended")
        # Until the answer is read whole: the rest of it must never count as the next one.
        self._usable = False
        data = _encoder.encode(items)
        self._requests.write(LENGTH.pack(len(data)) + data)
        self._requests.flush()
        verdicts = self._answers.read(len(items) + 1)
        if len(verdicts) != len(items) + 1:
            raise OSError("a process that verifies signatures has ended")
        self._usable = True
        return [verdict == 1 for verdict in verdicts[1:]]

    def end(self) -> None:
        """Ends the process and waits for that."""
        self._usable = False
        self._process.kill()
        self._process.wait()
        self._answers.close()
        try:
            self._requests.close()
        except OSError:
            return  # what it had not read is of no use to anybody


class Workers:
    """Some worker processes. The same number of threads keeps them busy."""

    def __init__(self, count: int) -> None:
        """Starts them and returns when all of them work. Raises OSError."""
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._count = 0
        self._closing = threading.Lock()
        try:
            for _ in range(count):
                self._idle.put(_Worker())
                self._count += 1
            for _ in range(count):
                self.verify([])
        except OSError:
            self.close()
            raise

    def verify(self, items: Sequence[Signed]) -> list[bool]:
        """The verdicts of the worker that has been idle longest. Raises OSError if it ended."""
        worker = self._idle.get()
        try:
            return worker.ask(items)
        finally:
            self._idle.put(worker)

    def process_ids(self) -> list[int]:
        """The processes, in the order in which they will be asked."""
        workers = [self._idle.get() for _ in range(self._count)]
        for worker in workers:
            self._idle.put(worker)
        return [worker.process_id for worker in workers]

    def close(self) -> None:
        """Ends the processes once they have answered. Who asks from then on gets an OSError."""
        with self._closing:
            workers = [self._idle.get() for _ in range(self._count)]
            for worker in workers:
                worker.end()
                self._idle.put(worker)
