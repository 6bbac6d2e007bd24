"""The budget of a run, which the first limit of epochs, steps and minutes that is reached ends; and its clock."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from charrnn.config import DEFAULT_STEPS, TrainConfig

PAUSE_S = 0.5  # without work, at least, and …
PAUSE_STEPS = 10  # … as long as this many steps: the process was stopped, or the machine slept

# Training characters between evaluations, for each character of the validation split, so that evaluations cost less
# than three percent of the training time. Where a layer is parallel in time, reading a character costs less than half
# of training on it; elsewhere about as much.
TRAIN_PER_VAL = {True: 16, False: 40}
MOST_LEAST, LEAST = 100, 10  # steps: evaluations are an epoch apart, or more, within these


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


class StepClock:
    """Measures steps, without the time in which the process could not run (SIGSTOP, a suspended machine).

    A process that is stopped uses no processor time. A step that spends much longer than usual without using any was
    interrupted by a pause, and counts as a usual step; on a busy machine, waiting for a processor counts.
    """

    def __init__(self) -> None:
        self._steps, self._mean = 0, 0.0
        self.cpu = 0.0  # the processor time of the last step, of all threads
        self.begin()

    def begin(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def end(self) -> float:
        """The seconds since `begin`."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        self.cpu = cpu
        paused = wall - cpu > max(PAUSE_S, PAUSE_STEPS * self._mean)
        seconds = max(cpu, self._mean) if paused else wall
        self._steps += 1
        self._mean += (seconds - self._mean) / self._steps
        return seconds


def default_eval_every(config: TrainConfig, val_characters: int, parallel_in_time: bool, batches_per_epoch: int) -> int:
    """The steps between evaluations, by the sizes of the validation split and of the text.

    A tiny text is soon learned by heart, and a trained model may be at its best on any text after few steps.
    """
    least = LEAST if config.init_from else min(MOST_LEAST, max(LEAST, batches_per_epoch))
    by_cost = math.ceil(TRAIN_PER_VAL[parallel_in_time] * val_characters / (config.seq_len * config.batch_size))
    return max(least, by_cost)
