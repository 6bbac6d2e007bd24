"""Worker threads that share the tiles of a task. Compiled functions release the interpreter's lock while they run.

A task is cut into tiles, and each worker takes the next one from a counter until none is left. Workers sleep between
tasks. The cut never changes a result: a tile writes numbers of its own, each summed in an order that no cut changes.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, pairwise

Tile = Callable[[], object]

WORTH_SHARING = 2e7  # multiplications: about 0.2 ms, twice what it takes to wake a worker


class Crew:
    """A number of workers, this thread included. The number may change between tasks."""

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers
        self._threads: list[_Worker] = []
        self._process = os.getpid()

    def over(self, size: int, function: Callable[[int, int], object], quantum: int = 1, work: float = math.inf) -> None:
        """Call function(first, end) for parts that make up 0 … size; all but the last are multiples of `quantum`.

        `work` is the number of multiplications, about. Too little of it is not shared: waking a worker takes longer.
        """
        parts = min(self.workers, -(-size // quantum)) if work > WORTH_SHARING else 1
        if parts <= 1:
            function(0, size)
            return
        steps = -(-size // quantum)
        ends = [min(size, steps * k // parts * quantum) for k in range(parts + 1)]
        self.run([partial(function, a, b) for a, b in pairwise(ends)])

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
        for worker in self._threads[:helpers]:
            worker.begin(task)
        task.work()
        for worker in self._threads[:helpers]:
            worker.done.acquire()
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
    """A thread that sleeps until there is a task."""

    def __init__(self) -> None:
        self.ready, self.done = threading.Semaphore(0), threading.Semaphore(0)
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
