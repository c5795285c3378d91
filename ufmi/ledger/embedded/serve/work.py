"""Between the event loop that serves and the ledger that blocks: threads, and waiting for blocks.

A stream that waits costs no thread, so streams cannot starve other calls.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ufmi.ledger.blocks import Block
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.embedded.channel import EmbeddedChannel
from ufmi.ledger.embedded.serve.failures import Code, Failure

THREADS = 8
_WAIT_SECONDS = 0.5
_Result = TypeVar("_Result")


class Work:
    """Runs the ledger's calls in threads and tells coroutines of new blocks."""

    def __init__(self, ledger: EmbeddedLedger) -> None:
        self.ledger = ledger
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="ufmi-serve")
        self._commits: dict[str, Commits] = {}

    async def run(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """The result of a function that may block. One that has not begun can be cancelled."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, function, *arguments)

    def start(self) -> None:
        """Begins to watch the channels; to be called in the event loop."""
        for name in self.ledger.topology.channels:
            self._commits[name] = Commits(self.ledger.channel(name), asyncio.get_running_loop())

    def commits(self, channel: str) -> Commits:
        """The commits of a channel that there is."""
        return self._commits[channel]

    async def blocks(self, channel: str, start: int) -> AsyncIterator[Block]:
        """Blocks in order without end, those to come as they come."""
        source, commits = self.ledger.channel(channel), self.commits(channel)
        number = start
        while True:
            await commits.height_above(number)
            yield await self.run(source.block, number)
            number += 1

    def end_waiting(self) -> None:
        """Ends what waits for blocks to come; to be called in the event loop."""
        for commits in self._commits.values():
            commits.end()

    def stop(self) -> None:
        """Ends the threads; what they are doing they finish."""
        for commits in self._commits.values():
            commits.stop()
        self._threads.shutdown(wait=True, cancel_futures=True)


class Commits:
    """Wakes the coroutines that wait for a channel's next block."""

    def __init__(self, channel: EmbeddedChannel, loop: asyncio.AbstractEventLoop) -> None:
        self._channel = channel
        self._loop = loop
        self._stopped = False
        self._ended = False
        self._next = asyncio.Event()
        self._thread = threading.Thread(
            target=self._watch, name=f"ufmi-serve-{channel.name}", daemon=True
        )
        self._thread.start()

    def _watch(self) -> None:
        channel = self._channel
        with channel.committed:
            while not self._stopped and not channel.closed:
                # A failed block is told by the same notification as a good one.
                if channel.committed.wait(_WAIT_SECONDS):
                    self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._next.set()
        self._next = asyncio.Event()

    @property
    def next(self) -> asyncio.Event:
        """Set when a block is committed or has failed. Take it before looking at the channel.

        Raises:
            Failure: nobody is to wait any more.
        """
        if self._ended:
            raise Failure(Code.UNAVAILABLE, "the ledger is no longer served")
        return self._next

    async def height_above(self, number: int) -> None:
        """Returns when there is a block of this number."""
        while True:
            event = self.next
            if self._channel.height > number:
                return
            await event.wait()

    def end(self) -> None:
        """Ends all waiting; to be called in the event loop."""
        self._ended = True
        self._wake()

    def stop(self) -> None:
        """Ends the watching thread."""
        with self._channel.committed:
            self._stopped = True
            self._channel.committed.notify_all()
        self._thread.join()
