"""What the handlers of all requests share."""

from __future__ import annotations

import math
import threading

from charrnn.serving.engine import Engine
from charrnn.serving.limits import Limits
from charrnn.serving.metrics import Metrics
from charrnn.serving.models import Models, Served


class State:
    """The models, an engine for each, limits and counters."""

    def __init__(self, models: Models, limits: Limits) -> None:
        self.models, self.limits, self.metrics = models, limits, Metrics()
        self.closing = False
        self._engines: dict[str, Engine] = {}
        self._lock = threading.Lock()

    def engine(self, served: Served) -> Engine:
        """The engine of a model, begun when it is first needed."""
        with self._lock:
            if self.closing:
                from charrnn.serving.errors import shutting_down

                raise shutting_down()
            if served.id not in self._engines:
                self._engines[served.id] = Engine(served.model, self.limits.max_streams, self.limits.max_queue)
            return self._engines[served.id]

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
