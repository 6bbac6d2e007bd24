"""The scheduler: one thread writes all texts of a model, one character at a time; a text may join or leave at each.

A prompt is read through the text's lane, too, so a long prompt delays no other text. All notifications of one step
reach an event loop in one call.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

import numpy as np

from charrnn.arrays import Array
from charrnn.language_model import LanguageModel
from charrnn.serving.engine.draw import draw_next, show_prompt
from charrnn.serving.engine.lanes import LaneGroup, largest_independent_batch
from charrnn.serving.engine.text_request import TOKEN, Notifier, TextRequest
from charrnn.threads import blas_threads

BUFFER = 4096 * TOKEN  # unsent bytes; a text whose client is further behind waits without a lane until it has read
log = logging.getLogger("charrnn.serving")


class QueueFullError(Exception):
    """Neither a lane nor a place in the queue is free."""


class Engine:
    """Writes up to `max_streams` texts side by side, while up to `max_queue` wait.

    Parameters
    ----------
    model : LanguageModel
        The first model to serve. Texts may use other versions of it.
    """

    def __init__(self, model: LanguageModel, max_streams: int, max_queue: int) -> None:
        self.max_streams, self.max_queue = max_streams, max_queue
        self._sizes: dict[tuple[object, ...], int] = {}
        self._waiting: list[TextRequest] = []  # in order of arrival; parked texts too, whose clients have to catch up
        self._groups: list[LaneGroup] = []
        self._active = 0
        self._changed = threading.Condition()
        self._closed = False
        self.characters = 0  # drawn so far
        self._group_size(model)
        self._thread = threading.Thread(target=self._run, name="charrnn-engine", daemon=True)
        self._thread.start()

    @property
    def active(self) -> int:
        """The number of texts that have a lane."""
        return self._active

    @property
    def queued(self) -> int:
        """The number of texts that wait for a lane."""
        return len(self._waiting)

    def submit(self, texts: list[TextRequest]) -> None:
        """Begin all of these texts, or none.

        Raises
        ------
        QueueFullError
            There is no room for all of them.
        """
        with self._changed:
            if self._closed:
                for text in texts:
                    text.end("closed")
                return
            if len(texts) > self.max_streams + self.max_queue - self._active - self.queued:
                raise QueueFullError
            self._waiting += texts
            self._changed.notify()

    def cancel(self, texts: Iterable[TextRequest]) -> None:
        """Drop texts that no client wants any more: each leaves its lane before its next character."""
        with self._changed:
            for text in texts:
                text.cancelled = True
            self._waiting = [text for text in self._waiting if not text.cancelled]
            self._changed.notify()

    def wake(self) -> None:
        """Look again at the parked texts: a slow client has read."""
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        """End all texts where they are, with "closed", and stop the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _group_size(self, model: LanguageModel) -> int:
        kind = (model.network.config, model.params.vector.dtype)
        if kind not in self._sizes:
            with blas_threads(1):  # as in the thread: the result holds for this number of threads only
                self._sizes[kind] = largest_independent_batch(model)
        return self._sizes[kind]

    def _run(self) -> None:
        with blas_threads(1):
            while True:
                with self._changed:
                    while not (self._active or self._closed or self._ready()):
                        self._changed.wait(1.0 if self._waiting else None)
                        self._end_expired()
                    if self._closed:
                        break
                    self._admit()
                try:
                    self._step()
                except Exception:  # one bad step must not stop the server
                    log.exception("the texts in progress had to be ended")
                    self._end_active("failed")
            self._end_all("closed")

    def _ready(self) -> list[TextRequest]:
        """The texts that may have a lane: parked ones whose clients have caught up, then those that have not begun."""
        resumable = [text for text in self._waiting if text.parked is not None and text.unsent < BUFFER // 2]
        return resumable + [text for text in self._waiting if text.parked is None]

    def _end_expired(self) -> None:
        """End the texts that have neither a lane nor time left."""
        now = time.monotonic()
        expired = [text for text in self._waiting if text.deadline < now]
        if expired:
            self._waiting = [text for text in self._waiting if text.deadline >= now]
            for text in expired:
                text.end("length" if text.written else "late")
            _notify(expired)

    def _admit(self) -> None:
        """Give free lanes to waiting texts."""
        if not self._waiting:
            return
        self._end_expired()
        for text in self._ready()[: self.max_streams - self._active]:
            self._waiting.remove(text)
            try:
                self._group_for(text.model).join(text)
                self._active += 1
            except Exception:
                log.exception("a text could not be begun")
                text.end("failed")
                _notify([text])

    def _group_for(self, model: LanguageModel) -> LaneGroup:
        """Return a lane group of this model with a free lane."""
        found = next((group for group in self._groups if group.model is model and group.room), None)
        if found is None:
            found = LaneGroup(model, self._group_size(model))
            self._groups.append(found)
        return found

    def _step(self) -> None:
        """Read one character in every lane, and draw the next where the prompt has been read."""
        now = time.monotonic()
        updated: list[TextRequest] = []
        drawing: dict[int, list[tuple[TextRequest, LaneGroup, int]]] = {}  # by model
        leaving: list[tuple[LaneGroup, int]] = []
        for group in self._groups:
            for lane, text in group.lanes.items():
                group.inputs[0, lane] = text.ids[text.position]
            group.read()
            for lane, text in group.lanes.items():
                text.position += 1
                reading = text.position < len(text.ids)
                if text.echo and reading:
                    show_prompt(text, group.logits[lane])
                    updated.append(text)
                if text.cancelled:
                    leaving.append((group, lane))
                elif now > text.deadline or not (reading or text.length):
                    text.end("length")
                    updated.append(text)
                    leaving.append((group, lane))
                elif not reading:
                    drawing.setdefault(id(group.model), []).append((text, group, lane))
        for places in drawing.values():
            logits = np.stack([group.logits[lane] for _, group, lane in places]).astype(np.float64)
            draw_next([text for text, _, _ in places], logits)
            self.characters += len(places)
            for text, group, lane in places:
                updated.append(text)
                if text.finish:
                    leaving.append((group, lane))
                elif text.unsent > BUFFER:
                    self._park(text, group.state_of(lane))
                    leaving.append((group, lane))
        for group, lane in sorted(leaving, key=lambda place: -place[1]):  # from the last lane on: see `leave`
            group.leave(lane)
        self._active -= len(leaving)
        if leaving:
            self._compact()
        _notify(updated)

    def _park(self, text: TextRequest, state: Array) -> None:
        with self._changed:  # `cancel` changes the list, too
            text.parked = state
            if not text.cancelled:
                self._waiting.append(text)

    def _compact(self) -> None:
        """Empty one group if the others have room for its texts: a text computes the same in any lane."""
        self._groups = [group for group in self._groups if group.lanes]
        for model in {id(group.model): group.model for group in self._groups}.values():
            groups = sorted((g for g in self._groups if g.model is model), key=lambda g: len(g.lanes))
            emptiest, others = groups[0], groups[1:]
            if sum(group.room for group in others) < len(emptiest.lanes):
                continue
            for lane, text in emptiest.lanes.items():
                text.parked = emptiest.state_of(lane)
                next(group for group in others if group.room).join(text)
            self._groups.remove(emptiest)

    def _end_all(self, finish: str) -> None:
        with self._changed:  # `submit` must not add a text between the two
            waiting, self._waiting = self._waiting, []
        _end(waiting, finish)
        self._end_active(finish)

    def _end_active(self, finish: str) -> None:
        """End the texts that have a lane; those that wait stay."""
        with self._changed:
            ended = [text for group in self._groups for text in group.lanes.values()]
            self._waiting = [text for text in self._waiting if not any(text is other for other in ended)]
            self._groups.clear()
            self._active = 0
        _end(ended, finish)


def _end(texts: list[TextRequest], finish: str) -> None:
    for text in texts:
        text.end(finish)
    _notify(texts)


def _notify(texts: list[TextRequest]) -> None:
    """Wake the coroutines that wait for these texts, with one call for each event loop."""
    waiting: dict[asyncio.AbstractEventLoop, set[Notifier]] = {}
    for text in texts:
        notifier = text.notifier
        if notifier.wanted_for(text):
            notifier.wanted = False
            waiting.setdefault(notifier.loop, set()).add(notifier)
    for loop, notifiers in waiting.items():
        with suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(_notify_all, notifiers)


def _notify_all(notifiers: set[Notifier]) -> None:
    for notifier in notifiers:
        notifier.notify()
