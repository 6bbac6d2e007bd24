"""Counters, as Prometheus reads them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


class Histogram:
    """How many observations lie at or below each bound."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def lines(self, name: str) -> Iterable[str]:
        below = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.counts, strict=True):
            below += count
            yield f'{name}_bucket{{le="{bound}"}} {below}'
        yield f"{name}_sum {self.total:.6f}"
        yield f"{name}_count {below}"


class Metrics:
    """What has happened since the server began. Written in the event loop only."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()  # by method, route and status
        self.open_requests = 0
        self.refused = 0
        self.first_character = Histogram()

    def text(self, characters: int, active: int, queued: int) -> str:
        """All of it in Prometheus' text format."""
        lines = [
            "# HELP charrnn_requests_total Requests answered, by method, route and status.",
            "# TYPE charrnn_requests_total counter",
            *(
                f'charrnn_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}'
                for (method, route, status), count in sorted(self.requests.items())
            ),
        ]
        for name, kind, help_, value in (
            ("charrnn_open_requests", "gauge", "Requests being answered.", self.open_requests),
            ("charrnn_refused_total", "counter", "Requests refused because the queue was full.", self.refused),
            ("charrnn_characters_total", "counter", "Characters generated.", characters),
            ("charrnn_active_lanes", "gauge", "Texts being written.", active),
            ("charrnn_queue_length", "gauge", "Texts that wait for a lane.", queued),
        ):
            lines += [f"# HELP {name} {help_}", f"# TYPE {name} {kind}", f"{name} {value}"]
        name = "charrnn_first_character_seconds"
        lines += [f"# HELP {name} From a request to the first character of a text.", f"# TYPE {name} histogram"]
        return "\n".join([*lines, *self.first_character.lines(name)]) + "\n"
