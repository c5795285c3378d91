"""Figures of a chaincode server, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server


class Metrics:
    """The figures of one server, in a registry of its own."""

    def __init__(
        self, contract: str, in_flight: Callable[[], int], peers: Callable[[], int]
    ) -> None:
        self.registry = CollectorRegistry()
        labels = ("contract", "outcome")
        name = "ufmi_chaincode_transactions"
        transactions = Counter(name, "Transactions run", labels, registry=self.registry)
        self._good = transactions.labels(contract, "ok")
        self._bad = transactions.labels(contract, "failed")
        for name, text, read in (
            ("ufmi_chaincode_peers", "Peers connected", peers),
            ("ufmi_chaincode_in_flight", "Transactions in flight", in_flight),
        ):
            Gauge(name, text, registry=self.registry).set_function(read)

    def ended(self, good: bool) -> None:
        """Counts a transaction."""
        (self._good if good else self._bad).inc()

    def serve(self, host: str, port: int) -> None:
        """Answers Prometheus on a thread of its own."""
        start_http_server(port, host, self.registry)
