"""Counters for Prometheus, in a registry of their own for each server."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from charrnn.serving.engine import Engine

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics(Collector):
    """What has happened since the server began.

    Parameters
    ----------
    engines, open_requests : functions
        Return the engines, and the number of requests being answered.
    """

    def __init__(self, engines: Callable[[], list[Engine]], open_requests: Callable[[], int]) -> None:
        self._engines = engines
        self._registry = registry = CollectorRegistry()
        labels = ["method", "route", "status"]
        by_status = "Requests answered, by method, route and status."
        self.requests = Counter("charrnn_requests", by_status, labels, registry=registry)
        self.refused = Counter("charrnn_refused", "Requests refused because the queue was full.", registry=registry)
        first = "Time from a request to the first character of a text."
        self.first_character = Histogram("charrnn_first_character_seconds", first, buckets=BOUNDS, registry=registry)
        for name, help_, value in (
            ("charrnn_open_requests", "Requests being answered.", open_requests),
            ("charrnn_active_lanes", "Texts being written.", lambda: sum(e.active for e in engines())),
            ("charrnn_queue_length", "Texts that wait for a lane.", lambda: sum(e.queued for e in engines())),
        ):
            Gauge(name, help_, registry=registry).set_function(value)
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """The engines count characters themselves: they draw too many to lock a counter for each."""
        characters = sum(engine.characters for engine in self._engines())
        yield CounterMetricFamily("charrnn_characters", "Characters generated.", characters)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)
