"""The budget of a run: the first limit of epochs, steps and minutes that is reached ends it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from charrnn.config import DEFAULT_STEPS, TrainConfig


@dataclass(frozen=True)
class Budget:
    """Limits in steps and in seconds of training; None is no limit."""

    steps: int | None
    seconds: float | None

    @classmethod
    def of(cls, config: TrainConfig, batches_per_epoch: int) -> Budget:
        limits = [config.steps] if config.steps else []
        if config.epochs:
            limits.append(math.ceil(config.epochs * batches_per_epoch))
        if not limits and config.minutes is None:
            limits = [DEFAULT_STEPS]
        return cls(min(limits, default=None), config.minutes and config.minutes * 60)

    def progress(self, steps: int, seconds: float) -> float:
        """The share of the budget that is used up: 0 at the start, 1 and more when it is spent."""
        by_steps = steps / self.steps if self.steps else 0.0
        by_seconds = seconds / self.seconds if self.seconds else 0.0
        return max(by_steps, by_seconds)

    def seconds_left(self, steps: int, seconds: float) -> float | None:
        """An estimate from the pace so far; None before the first step."""
        progress = self.progress(steps, seconds)
        return seconds * (1.0 - progress) / progress if progress > 0 and seconds > 0 else None
