"""How many workers share a step. Their number changes the pace and nothing else, so it may change during a run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from charrnn.config import AUTO, TrainConfig
from charrnn.errors import ConfigError
from charrnn.nn.kernels import Kernels
from charrnn.nn.kernels.crew import Crew
from charrnn.parallel.team import Team

MOST = 8  # by default: more gain little at these sizes
PERIOD = 100  # steps between two trials of another number
EACH = 5  # steps that a trial times with either number
GAIN = 0.97  # another number must take less than this share of the time: two timings are never quite equal
TOPOLOGY = Path("/sys/devices/system/cpu")
QUOTA = Path("/sys/fs/cgroup/cpu.max")


def make_kernels(config: TrainConfig, team: Team, wanted: str | None = None) -> Kernels:
    """The kernels of a run, with the workers that it asks for, or as many as could help."""
    kernels = Kernels(wanted or config.kernels)
    if team.size == 1 or config.workers != AUTO:
        share_work(kernels, config.workers, config.batch_size)
    return kernels


def share_work(kernels: Kernels, workers: int | str, most: int = MOST) -> None:
    """Let a number of workers share the compiled code: the one asked for, or with AUTO as many as could help."""
    if kernels.compiled:
        kernels.crew.workers = min(MOST, most, usable_cores()) if workers == AUTO else int(workers)


def kernels_of_resumed(config: TrainConfig, before: str, asked_for: bool, team: Team) -> tuple[Kernels, str]:
    """The kernels that the run had, unless others are asked for or they are not there; and a remark in that case."""
    try:
        kernels = make_kernels(config, team, None if asked_for else before)
    except ConfigError:
        if asked_for:
            raise
        kernels = make_kernels(config, team)
    if kernels.name == before:
        return kernels, ""
    return kernels, f", with kernels {kernels.name} where it had {before}: the last digits will differ from there on"


def usable_cores() -> int:
    """The processor cores that this process may use: by its affinity, its container's quota, and without twins."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = [len(allowed), _physical(allowed)]
    with suppress(OSError, ValueError):  # "max", or no such file
        quota, period = map(int, QUOTA.read_text().split())
        cores.append(quota // period)
    return max(1, min(cores))


def _physical(allowed: Iterable[int]) -> int:
    """The number of cores, of which each may appear as two processors to the system."""
    files = {cpu: TOPOLOGY / f"cpu{cpu}" / "topology" / "thread_siblings_list" for cpu in allowed}
    return len({file.read_text() if file.is_file() else str(cpu) for cpu, file in files.items()})


class Pace:
    """Tries one worker more or fewer from time to time, and keeps the number with which steps are faster.

    This covers other users, slow cores and laptops on battery without asking the system about any of them.

    Parameters
    ----------
    crew : Crew
        Its number of workers is the largest that is tried.
    fixed : bool
        The number was asked for, and stays.
    """

    def __init__(self, crew: Crew, fixed: bool) -> None:
        self.crew, self.most = crew, 1 if fixed else crew.workers
        self._until_trial, self._fewer = EACH, True
        self._kept, self._times = crew.workers, (list[float](), list[float]())

    def stepped(self, seconds: float) -> None:
        """Take note of a step's wall time."""
        if self.most == 1:
            return
        if self._until_trial:
            self._until_trial -= 1
            return
        own, other = self._times
        (own if len(own) < EACH else other).append(seconds)
        if len(own) == EACH and not other:
            self._kept = self.crew.workers
            self.crew.workers = self._candidate()
        if len(other) == EACH:
            if not np.median(other) < GAIN * np.median(own):
                self.crew.workers = self._kept
            self._times, self._until_trial = ([], []), PERIOD

    def _candidate(self) -> int:
        """One worker fewer, or one more, in turns."""
        fewer = (self._fewer and self._kept > 1) or self._kept == self.most
        self._fewer = not self._fewer
        return self._kept - 1 if fewer else self._kept + 1
