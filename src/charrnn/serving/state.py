"""What the handlers of all requests share."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.requests import Request

from charrnn.serving.engine import Engine
from charrnn.serving.errors import ApiError, late, shutting_down
from charrnn.serving.limits import Limits
from charrnn.serving.metrics import Metrics
from charrnn.serving.models import Models, Served
from charrnn.serving.responses import unless_gone

T = TypeVar("T")
READING = 8  # threads
COMPUTING = 2  # threads; they share the processor with the engines: more would only wait for each other


class State:
    """The models, an engine for each, limits and counters."""

    def __init__(self, models: Models, limits: Limits) -> None:
        self.models, self.limits, self.metrics = models, limits, Metrics()
        self.closing = False
        self._engines: dict[str, Engine] = {}
        self._lock = threading.Lock()
        self._quick: anyio.CapacityLimiter | None = None
        self._computing: anyio.CapacityLimiter | None = None
        self._to_compute = 0  # what computes, or waits to

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

    async def compute(self, request: Request, work: Callable[[], T]) -> T:
        """Something that takes the processor for a while: after what came before, and for a client that is there.

        Raises
        ------
        ApiError
            429: too many wait already; 503: its turn did not come in time.
        """
        if self._computing is None:  # made in the event loop
            self._computing = anyio.CapacityLimiter(COMPUTING)
        limiter = self._computing
        if self._to_compute >= self.limits.max_scores:
            self.metrics.refused += 1
            raise ApiError(
                429, f"{self._to_compute:,} texts are being scored or wait for it: try again later",
                code="busy", retry_after=min(60, 1 + self._to_compute // COMPUTING),
            )  # fmt: skip

        async def in_turn() -> T:
            try:
                with anyio.fail_after(self.limits.max_seconds):
                    await limiter.acquire()
            except TimeoutError:
                raise late() from None
            try:
                return await anyio.to_thread.run_sync(work)
            finally:
                limiter.release()

        self._to_compute += 1
        try:
            return await unless_gone(request, in_turn)
        finally:
            self._to_compute -= 1

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
