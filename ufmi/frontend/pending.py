"""A result that is still to come. There is one for every message, so it is lighter than a Future.

It has the names of `concurrent.futures.Future`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

_Value = TypeVar("_Value")
_log = structlog.get_logger("ufmi.frontend")

# Held for a few steps at a time, so one lock does for all.
_lock = threading.Lock()


class Pending(Generic[_Value]):
    """Is settled once, with a value or an exception; anybody may wait for that."""

    __slots__ = ("_callbacks", "_exception", "_settled", "_value")

    def __init__(self) -> None:
        self._settled = False
        self._value: _Value | None = None
        self._exception: Exception | None = None
        self._callbacks: list[Callable[[Pending[_Value]], object]] | None = None

    def done(self) -> bool:
        """Whether it is settled."""
        return self._settled

    def set_result(self, value: _Value) -> None:
        """Settles it with a value."""
        self._settle(value, None)

    def set_exception(self, exception: Exception) -> None:
        """Settles it with a failure."""
        self._settle(None, exception)

    def _settle(self, value: _Value | None, exception: Exception | None) -> None:
        with _lock:
            if self._settled:
                raise RuntimeError("a result was settled twice")
            self._value, self._exception = value, exception
            self._settled = True
            callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            self._call(callback)

    def add_done_callback(self, callback: Callable[[Pending[_Value]], object]) -> None:
        """Has the callback called with this once it is settled: at once, if it is already."""
        with _lock:
            if not self._settled:
                if self._callbacks is None:
                    self._callbacks = []
                self._callbacks.append(callback)
                return
        self._call(callback)

    def _call(self, callback: Callable[[Pending[_Value]], object]) -> None:
        try:
            callback(self)
        except Exception as problem:
            # Whoever waits has failed by himself; what was settled stands.
            _log.warning("a callback failed", reason=repr(problem))

    def result(self, timeout: float | None = None) -> _Value:
        """Waits for the value. Raises the exception instead, or TimeoutError after `timeout` s."""
        if not self._settled:
            event = threading.Event()
            self.add_done_callback(lambda _: event.set())
            if not event.wait(timeout):
                raise TimeoutError(f"no result within {timeout} s")
        if self._exception is not None:
            raise self._exception
        return self._value  # type: ignore[return-value]
