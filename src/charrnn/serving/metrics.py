"""Counters of the server, which prometheus_client reports.

Counting takes part in every request and stays plain; prometheus_client is imported for the first report.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

from charrnn.serving.engine import Engine

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


class Metrics:
    """What has happened since the server began. Only the event loop changes it.

    Parameters
    ----------
    engines : function
        Returns the engines, which count the characters.
    """

    def __init__(self, engines: Callable[[], list[Engine]]) -> None:
        self._engines = engines
        self.requests: Counter[tuple[str, str, str]] = Counter()  # by method, route and status
        self.open_requests = 0
        self.refused = 0
        self._waits, self._waited = [0] * (len(BOUNDS) + 1), 0.0

    def first_character_after(self, seconds: float) -> None:
        """Count a text by the time from its request to its first character."""
        self._waits[bisect_left(BOUNDS, seconds)] += 1
        self._waited += seconds

    def collect(self) -> Iterable[Any]:
        """Yield all metrics, as a collector of prometheus_client."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        help_ = "Requests answered, by method, route and status."
        requests = CounterMetricFamily("charrnn_requests", help_, labels=["method", "route", "status"])
        for labels, count in sorted(self.requests.items()):
            requests.add_metric(labels, count)
        engines = self._engines()
        yield requests
        yield GaugeMetricFamily("charrnn_open_requests", "Requests being answered.", self.open_requests)
        yield CounterMetricFamily("charrnn_refused", "Requests refused because the queue was full.", self.refused)
        yield CounterMetricFamily("charrnn_characters", "Characters generated.", sum(e.characters for e in engines))
        yield GaugeMetricFamily("charrnn_active_lanes", "Texts being written.", sum(e.active for e in engines))
        yield GaugeMetricFamily("charrnn_queue_length", "Texts that wait for a lane.", sum(e.queued for e in engines))
        buckets = list(zip((*map(str, BOUNDS), "+Inf"), accumulate(self._waits), strict=True))
        help_ = "Time from a request to the first character of a text."
        yield HistogramMetricFamily("charrnn_first_character_seconds", help_, buckets=buckets, sum_value=self._waited)

    def report(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)
