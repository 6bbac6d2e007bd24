"""Continuous batching: one thread writes all texts of a model, a character at a time; they join and leave at each.

A prompt is read through the lane as well, so that a long one keeps nobody waiting. What the thread tells the event
loop in one step, it tells in one call.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress

import numpy as np

from charrnn.arrays import Array
from charrnn.language_model import LanguageModel
from charrnn.serving.drawing import draw_next, show_prompt
from charrnn.serving.tile import Tile, lanes_of
from charrnn.serving.writing import Bell, Writing
from charrnn.threads import blas_threads

BUFFER = 4096  # characters that may wait to be sent; a client that is further behind loses its lane until it has read
log = logging.getLogger("charrnn.serving")


class FullError(Exception):
    """There is neither a lane nor a place in the queue."""


class Engine:
    """Writes texts, up to `max_streams` side by side, while up to `max_queue` wait.

    Parameters
    ----------
    model : LanguageModel
        The model to begin with; texts of other versions of it are welcome.
    """

    def __init__(self, model: LanguageModel, max_streams: int, max_queue: int) -> None:
        self.max_streams, self.max_queue = max_streams, max_queue
        self._sizes: dict[tuple[object, ...], int] = {}
        self._queue: deque[Writing] = deque()
        self._parked: list[Writing] = []
        self._tiles: list[Tile] = []
        self._active = 0
        self._changed = threading.Condition()
        self._closed = False
        self.characters = 0  # drawn so far
        self._lanes(model)
        self._thread = threading.Thread(target=self._run, name="charrnn-engine", daemon=True)
        self._thread.start()

    @property
    def active(self) -> int:
        """Texts that have a lane."""
        return self._active

    @property
    def queued(self) -> int:
        """Texts that wait for one."""
        return len(self._queue) + len(self._parked)

    def submit(self, writings: list[Writing]) -> None:
        """Begin some texts, all of them or none.

        Raises
        ------
        FullError
            There is no place for so many.
        """
        with self._changed:
            if self._closed:
                for writing in writings:
                    writing.end("closed")
                return
            room = self.max_streams + self.max_queue - self._active - self.queued
            if len(writings) > room:
                raise FullError
            self._queue.extend(writings)
            self._changed.notify()

    def cancel(self, writings: Iterable[Writing]) -> None:
        """Nobody wants these any more: they leave their lanes before the next character."""
        with self._changed:
            for writing in writings:
                writing.cancelled = True
            self._queue = deque(w for w in self._queue if not w.cancelled)
            self._parked = [w for w in self._parked if not w.cancelled]
            self._changed.notify()

    def resume(self) -> None:
        """A slow client has read on."""
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        """End all texts where they are, with "closed", and the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _lanes(self, model: LanguageModel) -> int:
        kind = (model.network.config, model.params.vector.dtype)
        if kind not in self._sizes:
            with blas_threads(1):  # as in the thread: the trial holds for nothing else
                self._sizes[kind] = lanes_of(model)
        return self._sizes[kind]

    def _run(self) -> None:
        with blas_threads(1):
            while True:
                with self._changed:
                    while not (self._active or self._queue or self._closed or self._returning()):
                        self._changed.wait(1.0 if self._parked else None)
                        self._expire()
                    if self._closed:
                        break
                    self._admit()
                try:
                    self._step()
                except Exception:  # one bad step must not stop the server
                    log.exception("the texts in progress had to be ended")
                    self._end_tiles("failed")
            self._end_all("closed")

    def _returning(self) -> bool:
        """Whether a parked text can go on."""
        return any(w.waiting_items < BUFFER // 2 for w in self._parked)

    def _expire(self) -> None:
        """End what has no lane and no time left."""
        now = time.monotonic()
        late = [w for w in (*self._parked, *self._queue) if w.deadline < now]
        if late:
            self._parked = [w for w in self._parked if w.deadline >= now]
            self._queue = deque(w for w in self._queue if w.deadline >= now)
            for writing in late:
                writing.end("length" if writing.written else "late")
            _ring(late)

    def _admit(self) -> None:
        """Lanes for those who wait, in the order in which they came; a text that was parked goes before."""
        if self._parked or self._queue:
            self._expire()
        for writing in [w for w in self._parked if w.waiting_items < BUFFER // 2]:
            self._parked.remove(writing)
            self._queue.appendleft(writing)
        while self._queue and self._active < self.max_streams:
            writing = self._queue.popleft()
            try:
                self._tile(writing.model).join(writing)
                self._active += 1
            except Exception:
                log.exception("a text could not be begun")
                writing.end("failed")
                _ring([writing])

    def _tile(self, model: LanguageModel) -> Tile:
        """A tile of a model that has room."""
        found = next((tile for tile in self._tiles if tile.model is model and tile.room), None)
        if found is None:
            found = Tile(model, self._lanes(model))
            self._tiles.append(found)
        return found

    def _step(self) -> None:
        """One character in every lane."""
        now = time.monotonic()
        news: list[Writing] = []
        drawing: dict[int, list[tuple[Writing, Tile, int]]] = {}  # by model
        leaving: list[tuple[Tile, int]] = []
        for tile in self._tiles:
            for lane, w in tile.lanes.items():
                tile.inputs[0, lane] = w.ids[w.position]
            tile.read()
            for lane, w in tile.lanes.items():
                w.position += 1
                reading = w.position < len(w.ids)
                if w.echo and reading:
                    show_prompt(w, tile.logits[lane])
                    news.append(w)
                if w.cancelled:
                    leaving.append((tile, lane))
                elif now > w.deadline or not (reading or w.length):
                    w.end("length")
                    news.append(w)
                    leaving.append((tile, lane))
                elif reading:
                    continue
                else:
                    drawing.setdefault(id(tile.model), []).append((w, tile, lane))
        for group in drawing.values():
            logits = np.stack([tile.logits[lane] for _, tile, lane in group]).astype(np.float64)
            draw_next([w for w, _, _ in group], logits)
            self.characters += len(group)
            for w, tile, lane in group:
                news.append(w)
                if w.finish:
                    leaving.append((tile, lane))
                elif w.waiting_items > BUFFER:
                    self._park(w, tile.state[:, :, lane].copy())
                    leaving.append((tile, lane))
        for tile, lane in leaving:
            tile.leave(lane)
        self._active -= len(leaving)
        if leaving:
            self._gather()
        _ring(news)

    def _park(self, writing: Writing, state: Array) -> None:
        with self._changed:  # the list is also changed by those who cancel
            writing.parked = state
            if not writing.cancelled:
                self._parked.append(writing)

    def _gather(self) -> None:
        """Fewer tiles where the lanes have room in fewer: a lane may move, as its place makes no difference."""
        self._tiles = [tile for tile in self._tiles if tile.lanes]
        for model in {id(tile.model): tile.model for tile in self._tiles}.values():
            tiles = sorted((t for t in self._tiles if t.model is model), key=lambda t: len(t.lanes))
            emptiest, others = tiles[0], tiles[1:]
            if sum(t.room for t in others) < len(emptiest.lanes):
                continue
            for lane, writing in emptiest.lanes.items():
                writing.parked = emptiest.state[:, :, lane].copy()
                next(t for t in others if t.room).join(writing)
            self._tiles.remove(emptiest)

    def _end_all(self, finish: str) -> None:
        """Nothing is written on."""
        with self._changed:  # a text that is submitted now must not be forgotten
            waiting = [*self._queue, *self._parked]
            self._queue.clear()
            self._parked.clear()
        self._end(waiting, finish)
        self._end_tiles(finish)

    def _end_tiles(self, finish: str) -> None:
        """End the texts that have a lane; those that wait may be written yet."""
        with self._changed:
            ended = [w for tile in self._tiles for w in tile.lanes.values()]
            self._parked = [w for w in self._parked if not any(w is other for other in ended)]
            self._tiles.clear()
            self._active = 0
        self._end(ended, finish)

    def _end(self, writings: list[Writing], finish: str) -> None:
        for writing in writings:
            writing.end(finish)
        _ring(writings)


def _ring(writings: list[Writing]) -> None:
    """Tell those who wait, in one call for each event loop."""
    bells: dict[asyncio.AbstractEventLoop, set[Bell]] = {}
    for writing in writings:
        bell = writing.bell
        if bell.wanted_for(writing):
            bell.wanted = False
            bells.setdefault(bell.loop, set()).add(bell)
    for loop, rung in bells.items():
        with suppress(RuntimeError):  # the loop has been closed: nobody waits
            loop.call_soon_threadsafe(_ring_all, rung)


def _ring_all(bells: set[Bell]) -> None:
    for bell in bells:
        bell.ring()
