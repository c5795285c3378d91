"""The queue between intake and ledger, and the threads that empty it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from ufmi.errors import FrontendError, LedgerError
from ufmi.frontend.batches import KeyLocks, Queued, form_batch, next_batch
from ufmi.frontend.runner import Done, Runner

_log = structlog.get_logger("ufmi.frontend")


class Dispatcher:
    """Forms batches in order of arrival and keeps up to `in_flight` of them on their way.

    With `in_flight` 0 nothing runs by itself: `run_waiting` executes in the caller's thread.
    """

    def __init__(
        self,
        runner: Runner,
        done: Done,
        after_batch: Callable[[], None],
        in_flight: int,
        lines_max: int,
    ) -> None:
        self._runner = runner
        self._done = done
        self._after_batch = after_batch
        self._in_flight = in_flight
        self._lines_max = lines_max
        self._changed = threading.Condition()
        self._queue: deque[Queued] = deque()
        self._locks = KeyLocks()
        self._flying = 0
        self._closing = False
        # Why the ledger does not take batches any more; what is queued stays in the journal.
        self.failure: LedgerError | None = None
        self._threads: list[threading.Thread] = []
        if in_flight:
            self._pool = ThreadPoolExecutor(in_flight, thread_name_prefix="batch")
            thread = threading.Thread(target=self._dispatch, name="dispatch", daemon=True)
            self._threads.append(thread)
            thread.start()

    @property
    def waiting(self) -> int:
        """Messages that wait for a batch."""
        return len(self._queue)

    def enqueue(self, items: Sequence[Queued]) -> None:
        """Takes messages in order of arrival."""
        with self._changed:
            refused = self.failure or (_closed() if self._closing else None)
            if refused is not None:
                for item in items:
                    item.done.set_exception(refused)
                return
            self._queue.extend(items)
            self._changed.notify_all()

    def run_waiting(self) -> None:
        """Executes everything that waits, in this thread."""
        while self.failure is None and (batch := self._next()):
            self._run(batch)

    def _next(self) -> list[Queued]:
        # One batch at a time conflicts with nothing.
        if self._in_flight <= 1:
            return next_batch(self._queue, self._lines_max)
        return form_batch(self._queue, self._locks, self._lines_max)

    def _dispatch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._can_go_on)
                if self._closing or self.failure is not None:
                    return
                batch = self._next()
                if not batch:
                    # Everything near conflicts with what is in flight; its end wakes us.
                    self._changed.wait()
                    continue
                self._flying += 1
            self._pool.submit(self._run, batch)

    def _can_go_on(self) -> bool:
        ready = bool(self._queue) and self._flying < self._in_flight
        return self._closing or self.failure is not None or ready

    def _run(self, batch: list[Queued]) -> None:
        try:
            self._runner.run(batch, self._done)
        except Exception as problem:
            failure = problem if isinstance(problem, LedgerError) else _unexpected(problem)
            _log.error("the ledger does not work", reason=str(failure))
            self.failure = failure
            with self._changed:
                waiting = [*batch, *self._queue]
                self._queue.clear()
            for item in waiting:
                if not item.done.done():
                    item.done.set_exception(failure)
        finally:
            with self._changed:
                if self._in_flight > 1:
                    self._locks.release(batch)
                self._flying -= 1
                self._changed.notify_all()
            self._after_batch()

    def close(self) -> None:
        """Lets batches in flight end; what still waits is in the journal for the next start."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        if self._in_flight:
            self._pool.shutdown()
        while self._queue:
            self._queue.popleft().done.set_exception(_closed())


def _closed() -> FrontendError:
    return FrontendError("the front-end closed; the message is journaled", retryable=True)


def _unexpected(problem: Exception) -> LedgerError:
    _log.exception("unexpected failure of a batch")
    return LedgerError(f"a batch failed unexpectedly: {type(problem).__name__}: {problem}")
