"""The service behind all requests: the models, their engines, the limits, and two pools of threads."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.requests import Request

from charrnn.serving.engine import Engine
from charrnn.serving.http.errors import ApiError, late, shutting_down
from charrnn.serving.http.exchange import unless_gone
from charrnn.serving.limits import Limits
from charrnn.serving.metrics import Metrics
from charrnn.serving.models import Models, Served

T = TypeVar("T")
READING = 8  # threads
COMPUTING = 2  # threads; they share the processor with the engines, so more would only wait for each other


class Service:
    """The models with an engine each, the limits and the metrics."""

    def __init__(self, models: Models, limits: Limits) -> None:
        self.models, self.limits = models, limits
        self.metrics = Metrics(self.engines)
        self.closing = False
        self._engines: dict[str, Engine] = {}
        self._lock = threading.Lock()
        self._readers, self._computers = anyio.CapacityLimiter(READING), anyio.CapacityLimiter(COMPUTING)
        self._to_compute = 0  # computations that run or wait

    def engine(self, served: Served) -> Engine:
        """Return the engine of a model. It starts at its first use.

        Raises
        ------
        ApiError
            503: the server is shutting down.
        """
        with self._lock:
            self.check_open()
            if served.id not in self._engines:
                self._engines[served.id] = Engine(served.model, self.limits.max_streams, self.limits.max_queue)
            return self._engines[served.id]

    def check_open(self) -> None:
        """Raise ApiError 503 if the server is shutting down."""
        if self.closing:
            raise shutting_down()

    async def read(self, get: Callable[[], T]) -> T:
        """Run quick work that may read a file, in a thread that does not queue behind computations."""
        return await anyio.to_thread.run_sync(get, limiter=self._readers)

    async def compute(self, request: Request, work: Callable[[], T]) -> T:
        """Run CPU-bound work in a thread when its turn comes. If the client leaves before that, the work is dropped.

        Raises
        ------
        ApiError
            429: too many computations wait; 503: its turn did not come in time.
        """
        if self._to_compute >= self.limits.max_scores:
            raise self.refusal(
                f"{self._to_compute:,} texts are being scored or wait for it: try again later", "busy",
                1 + self._to_compute // COMPUTING,
            )  # fmt: skip

        async def in_turn() -> T:
            try:
                with anyio.fail_after(self.limits.max_seconds):
                    await self._computers.acquire()
            except TimeoutError:
                raise late() from None
            try:
                return await anyio.to_thread.run_sync(work)
            finally:
                self._computers.release()

        self._to_compute += 1
        try:
            return await unless_gone(request, in_turn)
        finally:
            self._to_compute -= 1

    def engines(self) -> list[Engine]:
        return list(self._engines.values())

    def queue_full(self, engine: Engine) -> ApiError:
        """Count a request that found no place at an engine, and return its answer with a guess of when to retry."""
        message = f"{engine.active:,} texts are being written and {engine.queued:,} wait: try again later"
        return self.refusal(message, "queue_full", math.ceil(engine.queued / max(1, engine.active)))

    def refusal(self, message: str, code: str, retry_after: int) -> ApiError:
        """Count a request that is refused for lack of room, and return its answer."""
        self.metrics.refused += 1
        return ApiError(429, message, code=code, retry_after=min(60, max(1, retry_after)))

    def close(self) -> None:
        """End all texts where they are, and stop the engines."""
        with self._lock:
            self.closing = True
            engines, self._engines = self.engines(), {}
        for engine in engines:
            engine.close()
