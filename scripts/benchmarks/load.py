"""Load on a front-end: as much as it takes, or so much a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ufmi.frontend import Frontend, Ticket
from ufmi.protocol import Line, read_line

# Messages that a connection submits at once (whole trades), and connections that submit.
GROUP = 480
CONNECTIONS = 3
_WAIT_SECONDS = 120


def run(frontend: Frontend, lines: list[bytes], group: int = GROUP) -> None:
    """From encoded lines to durable commits, through the front-end, on a few connections."""
    # One group after the other, each to whichever connection is free next.
    starts = iter(range(0, len(lines), group))
    taking = threading.Lock()

    def connection() -> list[Ticket]:
        tickets = []
        while True:
            with taking:
                at = next(starts, None)
            if at is None:
                return tickets
            some = [read_line(line) for line in lines[at : at + group]]
            tickets += frontend.submit(some)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        submitted = [pool.submit(connection) for _ in range(CONNECTIONS)]
        tickets = [ticket for one in submitted for ticket in one.result()]
    for ticket in tickets:
        result = ticket.outcome(_WAIT_SECONDS).result
        if result.code != "OK":
            raise RuntimeError(f"a message was refused: {result}")


def paced(frontend: Frontend, lines: Sequence[Line], rate: float) -> list[float]:
    """So many messages a second, evenly, in groups of what has come meanwhile.

    Returns the seconds from the due time of each message to its result, ascending.
    """
    interval = 1 / rate
    latencies: list[float] = []
    waiting: list[threading.Event] = []
    started = time.perf_counter()
    sent = 0
    while sent < len(lines):
        due = min(len(lines), int((time.perf_counter() - started) / interval) + 1)
        if due == sent:
            time.sleep(interval)
            continue
        group = lines[sent:due]
        arrivals = [started + at * interval for at in range(sent, due)]
        sent = due
        for ticket, at in zip(frontend.submit(group), arrivals, strict=True):
            event = threading.Event()
            waiting.append(event)

            def done(_: object, at: float = at, event: threading.Event = event) -> None:
                latencies.append(time.perf_counter() - at)
                event.set()

            assert ticket.done is not None
            ticket.done.add_done_callback(done)
    for event in waiting:
        if not event.wait(_WAIT_SECONDS):
            raise RuntimeError(f"a message has no result after {_WAIT_SECONDS} s")
    return sorted(latencies)


def percentiles(latencies: Sequence[float]) -> tuple[float, float]:
    """p50 and p99 in milliseconds, of ascending seconds."""
    p50, p99 = (latencies[int(len(latencies) * part)] * 1000 for part in (0.5, 0.99))
    return p50, p99
