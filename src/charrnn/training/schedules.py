"""Learning rate schedules. A new schedule is one function and one line in SCHEDULES.

A schedule maps the share of the budget that is used up, 0 to 1, to a factor of the learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from charrnn.config import REGISTRIES

LONGEST_WARMUP = 0.1  # of the budget
FLOOR = 0.01  # the factor at the end of decaying schedules: the last steps still change something


def constant(progress: float) -> float:
    """The same rate throughout."""
    return 1.0


def linear(progress: float) -> float:
    """A straight line from 1 down to FLOOR."""
    return 1.0 - (1.0 - FLOOR) * progress


def cosine(progress: float) -> float:
    """Half a cosine wave from 1 down to FLOOR (Loshchilov & Hutter 2017)."""
    return FLOOR + (1.0 - FLOOR) * (1.0 + math.cos(math.pi * progress)) / 2.0


SCHEDULES: dict[str, Callable[[float], float]] = {"constant": constant, "cosine": cosine, "linear": linear}
REGISTRIES["schedule"] = SCHEDULES


def learning_rate_at(base: float, schedule: str, warmup_steps: int, step: int, progress: float) -> float:
    """The rate of a step (counted from 0): the schedule's, times a straight rise over the first warmup_steps.

    The rise ends at the latest when a tenth of the budget is used up, so that short runs also reach their rate.
    """
    warmup = min(1.0, max((step + 1) / warmup_steps, progress / LONGEST_WARMUP)) if warmup_steps else 1.0
    return base * warmup * SCHEDULES[schedule](min(1.0, progress))
