"""One text on its way: what was asked for, and the characters that wait to be sent."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from charrnn.arrays import Array
from charrnn.generation import SamplingConfig
from charrnn.generation.sample import BLOCK, LARGEST
from charrnn.generation.stop import StopMatcher
from charrnn.language_model import LanguageModel
from charrnn.randomness import stream

MANY = 500  # characters worth waking for


class Item(NamedTuple):
    """A character of a text. The log-probabilities (nats) are of the model's own distribution, at temperature 1."""

    character: str
    logprob: float | None = None
    top: list[tuple[str, float]] | None = None  # the likeliest characters
    kept: int | None = None  # characters that the filters left to draw from


class Bell:
    """Wakes the coroutine that waits for news of some texts; rung by the engine's thread, through the event loop.

    Parameters
    ----------
    patient : bool
        Ring for the end of a text, or for many characters, not for each.
    """

    def __init__(self, patient: bool = False) -> None:
        self.patient = patient
        self.loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self.wanted = False  # read by the engine: ring only for those who wait

    def ring(self) -> None:
        """In the event loop only."""
        self._event.set()

    def wanted_for(self, writing: Writing) -> bool:
        """Whether somebody waits for what there is of this text."""
        return self.wanted and not (self.patient and writing.finish is None and writing.waiting_items < MANY)

    async def wait(self) -> None:
        await self._event.wait()

    def reset(self) -> None:
        """Before looking for news, so that none is missed between looking and waiting."""
        self._event.clear()
        self.wanted = True


class Writing:
    """A text being written. The engine's thread adds items; the request's coroutine takes them.

    Parameters
    ----------
    prompt : str
        The prompt as given, without what the vocabulary lacks.
    length : int
        Characters to write, at most.
    seed, sample : int
        Which random stream: that of sample number `sample` of a seed.
    logprobs : int, optional
        How many of the likeliest characters each item tells.
    echo : bool
        Whether the characters of the prompt become items, too (with `logprobs` only).
    seconds : float
        From now; afterwards the text ends where it is.
    """

    def __init__(
        self,
        model: LanguageModel,
        prompt: str,
        length: int,
        config: SamplingConfig,
        seed: int,
        sample: int = 0,
        stops: Sequence[str] = (),
        logprobs: int | None = None,
        echo: bool = False,
        seconds: float = 3600.0,
        bell: Bell | None = None,
    ) -> None:
        self.model, self.length, self.config, self.logprobs = model, length, config, logprobs
        self.ids = model.vocabulary.encode(prompt or model.default_prompt()).tolist()
        self.echo = echo and bool(prompt) and logprobs is not None
        self.bell = bell or Bell()
        self.begun = time.monotonic()
        self.deadline = self.begun + seconds
        self.position = 0  # of the next id to be read
        self.written = 0
        self.finish: str | None = None  # "stop", "length"; or why there is no text: "late", "closed", "failed"
        self.cancelled = False
        self.parked: Array | None = None  # the state (L, S, H), while the client is too slow
        self._items: deque[Item] = deque()
        self._held: list[Item] = []
        self._ending = StopMatcher(tuple(stops)) if stops else None
        self._rng = stream(seed, "sampling", sample)
        self._uniforms: list[float] = []
        if self.echo:  # nothing stands before the first character: it has no probability
            self.show(Item(model.vocabulary.characters[self.ids[0]]))

    def uniform(self) -> float:
        """The next random number of this text's stream: the same as `LanguageModel.generate` draws."""
        if not self._uniforms:
            self._uniforms = np.minimum(self._rng.random(BLOCK), LARGEST)[::-1].tolist()
        return self._uniforms.pop()

    def add(self, item: Item) -> None:
        """One more character that was drawn; the text may end with it."""
        self.written += 1
        if self._ending is None:
            self._items.append(item)
        else:
            self._held.append(item)
            certain = len(self._ending.add(item.character))
            self._items.extend(self._held[:certain])
            del self._held[:certain]
            if self._ending.reached:
                self._held.clear()
                self.end("stop")
                return
        if self.written >= self.length:
            self.end("length")

    def show(self, item: Item) -> None:
        """A character of the prompt."""
        self._items.append(item)

    def end(self, finish: str) -> None:
        """No more characters come; what was held back is let go."""
        self._items.extend(self._held)
        self._held.clear()
        self.finish = self.finish or finish

    @property
    def waiting_items(self) -> int:
        return len(self._items)

    def take(self) -> list[Item]:
        """The characters since the last call. With `finish` set before it, they are the last."""
        taken = []
        while self._items:
            taken.append(self._items.popleft())
        return taken
