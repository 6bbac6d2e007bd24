"""The loop that writes: read the prompt in one pass, then draw a character, read it, draw the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain, islice, repeat

import numpy as np

from charrnn.arrays import Array
from charrnn.generation.filters import SamplingConfig, apply_filters
from charrnn.generation.loop import CompiledLoop, compiled_loop
from charrnn.ngrams import Experts, OnText, make_reader
from charrnn.nn.kernels import Kernels
from charrnn.nn.kernels.library import pointer
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.nn.stepper import Stepper, make_stepper
from charrnn.randomness import stream

WINDOW = 256  # characters of the prompt read at a time
BLOCK = 256  # uniform numbers drawn at a time for each sample
FIRST_LENGTHS = 8, 16, 32, 64  # characters that a compiled loop writes at a time: a short text wastes few
LARGEST = 1.0 - 2.0**-52  # times a number, it is less than the number, whatever the rounding


class Writer:
    """Writes samples in lanes side by side, each sample with a random stream of its own, from one prompt.

    Sample i of a seed draws the same random numbers in any lane, alone or among others. A lane is free for another
    sample as soon as its own has ended: see `write_side_by_side`.

    Parameters
    ----------
    prompt : (N,) integer array, N ≥ 1
        The ids that every sample continues.
    seed : int
    lanes : int
        The number of samples that are written side by side, at most.
    experts : Experts, optional
        The experts of a network that has any.
    """

    def __init__(
        self,
        model: CharModel,
        params: Parameters,
        prompt: Array,
        config: SamplingConfig,
        seed: int = 0,
        lanes: int = 1,
        experts: Experts | None = None,
    ) -> None:
        self.model, self.params, self.config, self.experts = model, params, config, experts
        self.prompt, self.seed, self.lanes, self.dtype = prompt, seed, lanes, params.vector.dtype
        self.logits, self.state = self._read(prompt)  # after the prompt: (1, V), (L, S, 1, H)
        self.reader = None if experts is None else make_reader(experts, lanes, self.dtype, model.kernels)
        if self.reader is not None:
            for lane in range(lanes):
                self.reader.begin(lane, prompt)
        self._next_logits = np.repeat(self.logits, lanes, axis=0)  # of each lane's next character, (B, V)
        self._numbers: list[Iterator[float]] = [iter(())] * lanes
        self._ids = np.zeros(lanes, np.intp)

    @cached_property
    def stepper(self) -> Stepper:
        return make_stepper(self.model, self.params, self.lanes)

    @cached_property
    def _loop(self) -> CompiledLoop | None:
        return compiled_loop(self.stepper, self.reader, self.config)

    def begin(self, lane: int, sample: int) -> None:
        """Begin a sample in a lane, after the prompt."""
        self._numbers[lane] = _without_end(stream(self.seed, "sampling", sample))
        self._next_logits[lane] = self.logits[0]
        self.stepper.set_state(self.state[:, :, 0], lane)
        if self.reader is not None:
            self.reader.begin(lane, self.prompt)

    def move(self, source: int, lane: int) -> None:
        """Continue, in another lane, the sample of the lane `source`."""
        self._numbers[lane], self._ids[lane] = self._numbers[source], self._ids[source]
        self.stepper.set_state(self.stepper.state()[:, :, source], lane)
        if self.reader is not None:
            self.reader.begin(lane, self.reader.history(source))

    def draw(self, lanes: Sequence[int]) -> list[int]:
        """Draw the next id of each of these lanes."""
        u = np.array([next(self._numbers[lane]) for lane in lanes])
        ids = draw(self._next_logits[lanes], self.config, u, self.model.kernels)
        self._ids[lanes] = ids
        return list(map(int, ids))

    def read(self, lanes: int) -> None:
        """Read the ids that were drawn in the first lanes."""
        self.stepper.use(lanes)
        log_q = None if self.reader is None else self.reader.read(self._ids)
        self._next_logits[:lanes] = self.stepper.step(self._ids, log_q)[:lanes]

    def write(self, sample: int = 0) -> Iterator[int]:
        """The ids of one sample, of a writer of one lane. A document ends at its first boundary; a text never does."""
        self.begin(0, sample)
        if self._loop is not None:
            self._loop.begin(self.logits[0])
            for length in chain(FIRST_LENGTHS, repeat(FIRST_LENGTHS[-1])):
                yield from self._loop.write(np.fromiter(islice(self._numbers[0], length), np.float64))
        while True:
            yield from self.draw([0])
            self.read(1)

    def _read(self, prompt: Array) -> tuple[Array, Array]:
        """The logits (1, V) after the prompt, and the state (L, S, 1, H)."""
        state = self.model.zero_state(1, self.dtype)
        on_text = None if self.experts is None else OnText(self.experts, prompt)
        for start in range(0, len(prompt), WINDOW):
            inputs = prompt[start : start + WINDOW, None]
            ws = self.model.workspace(len(inputs), 1, self.dtype)
            log_q = None if on_text is None else on_text.log_q(np.array([start]), len(inputs), self.dtype)
            logits, state = self.model.forward(self.params, inputs, state, ws, log_q=log_q)
        return logits[-1].copy(), state


def _without_end(rng: np.random.Generator) -> Iterator[float]:
    while True:
        yield from uniforms(rng).tolist()


def uniforms(rng: np.random.Generator) -> Array:
    """The next random numbers of a sample's stream, (BLOCK,), each at most LARGEST."""
    return np.minimum(rng.random(BLOCK), LARGEST)


def draw(logits: Array, config: SamplingConfig, u: Array, kernels: Kernels | None = None) -> Array:
    """One id for each row of logits (B, V), by inverting the filtered distribution at u (B,), 0 ≤ u ≤ LARGEST."""
    logits = logits.astype(np.float64)
    apply_filters(logits, config)
    return pick_(logits, u, kernels)


def pick_(filtered: Array, u: Array, kernels: Kernels | None = None) -> Array:
    """As `draw`, from float64 logits that the filters have been applied to; they are overwritten."""
    if kernels is not None and kernels.compiled:
        ids, u = np.empty(len(filtered), np.int64), np.ascontiguousarray(u, np.float64)
        pick = kernels.functions(filtered.dtype)("pick")
        pick(*filtered.shape, pointer(filtered), pointer(u), pointer(ids))
        return ids
    filtered -= filtered.max(axis=1, keepdims=True)
    cumulative = np.exp(filtered, out=filtered).cumsum(axis=1)
    # The first id whose cumulative share exceeds u: there is one, since u times the last share is below it. What a
    # filter has removed adds nothing to the share, and is never the first.
    return np.asarray((cumulative <= (u * cumulative[:, -1])[:, None]).sum(axis=1))  # [sampling.4]
