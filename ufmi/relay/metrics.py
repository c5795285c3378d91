"""Figures of a relay, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ufmi.relay.relay import Relay, Status

_Read = Callable[[Status], float]
_GAUGES: tuple[tuple[str, str, _Read], ...] = (
    ("reported_blocks", "Blocks wholly reported", lambda one: one.reported.block),
    ("lag_blocks", "Blocks not wholly reported yet", lambda one: one.lag),
    ("standby", "Whether another relay reports", lambda one: one.standby),
    ("failing", "Whether something is wrong now", lambda one: bool(one.last_error)),
)
_COUNTERS: tuple[tuple[str, str, _Read], ...] = (
    ("reports", "Reports made", lambda one: one.reports),
    ("snapshots", "Snapshots reported", lambda one: one.snapshots),
    ("exceptions", "Entries made in the exception log", lambda one: one.exceptions),
    ("errors", "Calls that failed", lambda one: one.errors),
    ("overtaken", "Times that another relay was faster", lambda one: one.overtaken),
)


class Metrics:
    """The figures of one relay, in a registry of its own."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def collect(self) -> list[Metric]:
        """All figures as they are now; the registry asks."""
        status = self._relay.status()
        gauges = [
            GaugeMetricFamily(f"ufmi_relay_{name}", text, value=float(read(status)))
            for name, text, read in _GAUGES
        ]
        counters = [
            CounterMetricFamily(f"ufmi_relay_{name}", text, value=float(read(status)))
            for name, text, read in _COUNTERS
        ]
        return [*gauges, *counters]

    def serve(self, host: str, port: int) -> None:
        """Answers Prometheus on a thread of its own. Raises OSError where the port is taken."""
        start_http_server(port, host, self.registry)
