"""Hands what UFMI sends to the parties that are connected, in order, one at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable

import structlog

from ufmi.frontend.deliveries import Delivery

_log = structlog.get_logger("ufmi.frontend")

# Called with what UFMI sends to one party. It may submit messages itself.
Handler = Callable[[Delivery], None]


class Outbox:
    """Deliveries on their way. A party that is not connected finds them in the ledger's blocks."""

    def __init__(self, threaded: bool) -> None:
        self._handlers: dict[str, list[Handler]] = {}
        self._everything: list[Handler] = []
        self._waiting: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._delivering = False
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=self._loop, name="outbox", daemon=True)
            self._thread.start()

    def connect(self, party: str, handler: Handler) -> None:
        """From now on hands what is for `party` ("": for anybody) to the handler."""
        (self._handlers.setdefault(party, []) if party else self._everything).append(handler)

    @property
    def connected(self) -> bool:
        """Whether anybody is; nobody's deliveries need not even be written."""
        return bool(self._everything or self._handlers)

    def disconnect(self, party: str, handler: Handler) -> None:
        """Ends a connection."""
        (self._handlers[party] if party else self._everything).remove(handler)

    def put(self, sent: Iterable[Delivery]) -> None:
        """Takes deliveries in."""
        for delivery in sent:
            self._waiting.put(delivery)

    def flush(self) -> None:
        """Without a thread: delivers what waits, here. A call from a handler changes nothing."""
        if self._thread is not None or self._delivering:
            return
        self._delivering = True
        try:
            while not self._waiting.empty():
                delivery = self._waiting.get()
                if delivery is not None:
                    self._deliver(delivery)
        finally:
            self._delivering = False

    def _loop(self) -> None:
        while (delivery := self._waiting.get()) is not None:
            self._deliver(delivery)

    def _deliver(self, delivery: Delivery) -> None:
        for handler in [*self._everything, *self._handlers.get(delivery.to, ())]:
            try:
                handler(delivery)
            except Exception as problem:
                # A party's own failure is its own; the others still get theirs.
                _log.warning("a party failed on a delivery", to=delivery.to, reason=repr(problem))

    def close(self) -> None:
        """Delivers what waits and ends."""
        self.flush()
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
