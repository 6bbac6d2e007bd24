"""Worker threads that share the tiles of a task. Compiled functions release the interpreter's lock while they run.

A task is cut into tiles, and each worker takes the next one from a counter until none is left. Workers sleep between
tasks. The cut never changes a result: a tile writes numbers of its own, each summed in an order that no cut changes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count, pairwise
from typing import NamedTuple

Tile = Callable[[], object]

WORTH_SHARING = 1e7  # multiplications: about 0.2 ms, twice what it takes to wake a worker
TILES_EACH = 2  # of about equal work for each worker, so that one who begins late takes fewer


class _Share(NamedTuple):
    """What `Crew.over` is called with."""

    size: int
    function: Callable[[int, int], object]
    work: float
    quantum: int

    def tiles(self, parts: int) -> list[Tile]:
        """Calls of the function, at most `parts` of them."""
        steps = -(-self.size // self.quantum)
        parts = max(1, min(parts, steps))
        ends = [min(self.size, steps * k // parts * self.quantum) for k in range(parts + 1)]
        return [partial(self.function, a, b) for a, b in pairwise(ends)]


class Crew:
    """A number of workers, this thread included. The number may change between tasks."""

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers
        self._threads: list[_Worker] = []
        self._process = os.getpid()
        self._gathered: list[_Share] | None = None  # what is shared, while `together` gathers it

    def over(self, size: int, function: Callable[[int, int], object], work: float, quantum: int = 1) -> None:
        """Call function(first, end) for parts that make up 0 … size; all but the last are multiples of `quantum`.

        `work` is the number of multiplications, about. Too little of it is not shared: waking a worker takes longer.
        """
        if self.workers == 1:
            function(0, size)
        elif self._gathered is None:
            self._share([_Share(size, function, work, quantum)])
        else:
            self._gathered.append(_Share(size, function, work, quantum))

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make one task of all that is shared inside. Nothing of it may read what another part of it writes.

        One task instead of several wakes the workers once, and lets one worker begin the next part while another ends
        the last.
        """
        self._gathered = shares = list[_Share]()
        try:
            yield
        finally:
            self._gathered = None
        self._share(shares)

    def _share(self, shares: list[_Share]) -> None:
        work = sum(share.work for share in shares)
        if work <= WORTH_SHARING:
            for share in shares:
                share.function(0, share.size)
            return
        aim = work / (self.workers * TILES_EACH)
        self.run([tile for share in shares for tile in share.tiles(round(share.work / aim))])

    def run(self, tiles: list[Tile]) -> None:
        """Run all tiles, and return when all are done."""
        helpers = min(self.workers, len(tiles)) - 1
        if helpers < 1:
            for tile in tiles:
                tile()
            return
        if self._process != os.getpid():  # a fork takes no threads along
            self._threads, self._process = [], os.getpid()
        while len(self._threads) < helpers:
            self._threads.append(_Worker())
        task = _Task(tiles)
        try:
            for worker in self._threads[:helpers]:
                worker.begin(task)
            task.work()
            for worker in self._threads[:helpers]:
                worker.done.acquire()
        except BaseException:  # Ctrl-C: they may still be at work, so the next task gets others
            self._threads = []
            raise
        if task.error is not None:
            raise task.error


class _Task:
    """Tiles, and the counter from which workers take them."""

    def __init__(self, tiles: list[Tile]) -> None:
        self.tiles = tiles
        self.next: Iterator[int] = count()  # one step of it cannot be interrupted by another thread
        self.error: BaseException | None = None

    def work(self) -> None:
        for k in self.next:
            if k >= len(self.tiles):
                return
            try:
                self.tiles[k]()
            except BaseException as error:  # raised again in the thread that asked for the task
                self.error = error


class _Worker:
    """A thread that sleeps until there is a task. The other side opens its two locks, to wake it and to wait."""

    def __init__(self) -> None:
        self.ready, self.done = threading.Lock(), threading.Lock()
        self.ready.acquire()
        self.done.acquire()
        self.task: _Task | None = None
        threading.Thread(target=self._run, name="charrnn-worker", daemon=True).start()

    def begin(self, task: _Task) -> None:
        self.task = task
        self.ready.release()

    def _run(self) -> None:
        while True:
            self.ready.acquire()
            if self.task is not None:
                self.task.work()
            self.task = None
            self.done.release()
