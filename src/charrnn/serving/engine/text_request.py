"""One text being written: its settings, and the tokens that wait to be sent."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from charrnn.arrays import Array
from charrnn.generation import SamplingConfig
from charrnn.generation.sample import uniforms
from charrnn.language_model import LanguageModel
from charrnn.randomness import stream

TOKEN, ALTERNATIVE = 128, 160  # bytes of memory that a token takes, and each alternative that it reports
BATCH = 500 * TOKEN  # unsent bytes that are worth a notification where updates are batched


class Token(NamedTuple):
    """A character of a text. Log-probabilities (nats) are the model's own, at temperature 1."""

    character: str
    logprob: float | None = None
    top: list[tuple[str, float]] | None = None  # the likeliest characters
    kept: int | None = None  # the number of characters that the filters left to draw from

    @property
    def size(self) -> int:
        """The bytes of memory that it takes, about."""
        return TOKEN + ALTERNATIVE * len(self.top or ())


class Notifier:
    """Wakes the coroutine that waits for texts. The engine's thread calls `notify` through the event loop.

    Parameters
    ----------
    batch_updates : bool
        Notify at the end of a text or after many characters, instead of at each character.
    """

    def __init__(self, batch_updates: bool = False) -> None:
        self.batch_updates = batch_updates
        self.loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self.wanted = False  # a coroutine waits; read by the engine

    def notify(self) -> None:
        """Wake the coroutine. Only the event loop may call this."""
        self._event.set()

    def wanted_for(self, text: TextRequest) -> bool:
        """Whether a waiting request should be woken for this text."""
        return self.wanted and not (self.batch_updates and text.finish is None and text.unsent < BATCH)

    async def wait(self) -> None:
        await self._event.wait()

    def reset(self) -> None:
        """Call before looking for tokens, so that none is missed between looking and waiting."""
        self._event.clear()
        self.wanted = True


class TextRequest:
    """A text to write. The engine's thread adds tokens; the request's coroutine takes them.

    Parameters
    ----------
    prompt : str
        The prompt, in characters of the vocabulary.
    length : int
        The largest number of characters to write.
    seed, sample : int
        The random stream: that of sample number `sample` of a seed.
    logprobs : int, optional
        The number of likeliest characters to report with each token.
    echo : bool
        Whether the characters of the prompt become tokens, too (with `logprobs` only).
    seconds : float
        The time limit, from now. The text then ends where it is.
    label : str, optional
        The label of the document; by default it is drawn, or suits the prompt.
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
        notifier: Notifier | None = None,
        label: str | None = None,
    ) -> None:
        self.model, self.length, self.config, self.logprobs = model, length, config, logprobs
        self.ids: list[int] = model.prompt_ids(prompt, label=label).tolist()
        self.echo = echo and bool(prompt) and logprobs is not None
        self.notifier = notifier or Notifier()
        self.begun = time.monotonic()
        self.deadline = self.begun + seconds
        self.position = 0  # of the next id to read
        self.written = 0
        self.finish: str | None = None  # "stop", "length"; or why there is no text: "late", "closed", "failed"
        self.cancelled = False
        self.parked: Array | None = None  # the state (L, S, H), while the client is too slow
        self._ready: deque[Token] = deque()
        self._added = self._taken = 0  # bytes; the engine changes the one, the request's coroutine the other
        self._pending: list[Token] = []  # may begin a stop string
        self._stop = model.stop_matcher(stops) if stops or model.vocabulary.documents else None
        self._rng = stream(seed, "sampling", sample)
        self._uniforms: list[float] = []
        if self.echo and not model.vocabulary.documents:  # the first character has no predecessor, so no probability
            self.show(Token(model.vocabulary.shown[self.ids[0]]))

    def uniform(self) -> float:
        """Return the next random number of this text's stream: the one that `LanguageModel.generate` draws, too."""
        if not self._uniforms:
            self._uniforms = uniforms(self._rng)[::-1].tolist()
        return self._uniforms.pop()

    def add(self, token: Token) -> None:
        """Append a drawn character, which may end the text. A label is drawn, too, and not shown."""
        self.written += 1
        if self._stop is None or not token.character:
            self.show(token)
        else:
            self._pending.append(token)
            certain = len(self._stop.add(token.character))
            self._release(certain)
            if self._stop.reached:
                self._pending.clear()
                self.end("stop")
                return
        if self.written >= self.length:
            self.end("length")

    def show(self, token: Token) -> None:
        """Append a character of the prompt, or one that belongs to no stop string. A label is none."""
        if not token.character:
            return
        self._added += token.size
        self._ready.append(token)

    def _release(self, count: int) -> None:
        """Append the first of the characters that were kept back for a stop string."""
        for token in self._pending[:count]:
            self.show(token)
        del self._pending[:count]

    def end(self, finish: str) -> None:
        """End the text, and release the characters that were kept back for a stop string."""
        self._release(len(self._pending))
        self.finish = self.finish or finish

    @property
    def unsent(self) -> int:
        """The bytes of the tokens that wait to be sent."""
        return self._added - self._taken

    def take(self) -> list[Token]:
        """Return the tokens since the last call. If `finish` was set before the call, they are the last."""
        taken = []
        while self._ready:
            taken.append(self._ready.popleft())
        self._taken += sum([token.size for token in taken])
        return taken
