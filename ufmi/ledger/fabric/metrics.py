"""Figures of a chaincode server, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server


class Metrics:
    """The figures of one server, in a registry of its own."""

    def __init__(self, contract: str, in_flight: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        labels = ("contract", "outcome")
        name = "ufmi_chaincode_transactions"
        transactions = Counter(name, "Transactions run", labels, registry=self.registry)
        self._good = transactions.labels(contract, "ok")
        self._bad = transactions.labels(contract, "failed")
        self.peers = Gauge("ufmi_chaincode_peers", "Peers connected", registry=self.registry)
        waiting = Gauge(
            "ufmi_chaincode_in_flight", "Transactions in flight", registry=self.registry
        )
        waiting.set_function(in_flight)

    def ended(self, good: bool) -> None:
        """Counts a transaction."""
        (self._good if good else self._bad).inc()

    def serve(self, host: str, port: int) -> None:
        """Answers Prometheus on a thread of its own."""
        start_http_server(port, host, self.registry)
