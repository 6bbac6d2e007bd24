"""What the handlers of all requests share."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from charrnn.serving.engine import Engine
from charrnn.serving.errors import shutting_down
from charrnn.serving.limits import Limits
from charrnn.serving.metrics import Metrics
from charrnn.serving.models import Models, Served

T = TypeVar("T")
READING = 8  # threads


class State:
    """The models, an engine for each, limits and counters."""

    def __init__(self, models: Models, limits: Limits) -> None:
        self.models, self.limits, self.metrics = models, limits, Metrics()
        self.closing = False
        self._engines: dict[str, Engine] = {}
        self._lock = threading.Lock()
        self._quick: anyio.CapacityLimiter | None = None

    def engine(self, served: Served) -> Engine:
        """The engine of a model, begun when it is first needed."""
        with self._lock:
            if self.closing:
                raise shutting_down()
            if served.id not in self._engines:
                self._engines[served.id] = Engine(served.model, self.limits.max_streams, self.limits.max_queue)
            return self._engines[served.id]

    async def quickly(self, get: Callable[[], T]) -> T:
        """Something that may have to be read from a file first, without queueing behind what computes."""
        if self._quick is None:  # made in the event loop
            self._quick = anyio.CapacityLimiter(READING)
        return await anyio.to_thread.run_sync(get, limiter=self._quick)

    def engines(self) -> list[Engine]:
        return list(self._engines.values())

    def retry_after(self, engine: Engine) -> int:
        """Seconds after which there may be a place: a guess, from 1 to 60."""
        return min(60, max(1, math.ceil(engine.queued / max(1, engine.active))))

    def close(self) -> None:
        """End all texts where they are, and the engines."""
        with self._lock:
            self.closing = True
            engines, self._engines = self.engines(), {}
        for engine in engines:
            engine.close()
