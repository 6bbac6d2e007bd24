"""The loop that writes: read the prompt in one pass, then draw a character, read it, draw the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from charrnn.arrays import Array
from charrnn.generation.filters import SamplingConfig, apply_filters
from charrnn.ngrams import Experts, OnText, make_reader
from charrnn.nn.kernels import Kernels
from charrnn.nn.kernels.library import pointer
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.nn.stepper import make_stepper
from charrnn.randomness import stream

WINDOW = 256  # characters of the prompt read at a time
BLOCK = 256  # uniform numbers drawn at a time for each sample
LARGEST = 1.0 - 2.0**-52  # times a number, it is less than the number, whatever the rounding


class Writer:
    """Writes several samples side by side, each with a random stream of its own.

    Sample i of a seed draws the same random numbers whether it is written alone or among others.

    Parameters
    ----------
    prompt : (N,) integer array, N ≥ 1
        The ids that every sample continues.
    seed : int
    samples : sequence of int
        The numbers of the samples to write.
    experts : Experts, optional
        The experts of a network that has any.
    """

    def __init__(
        self,
        model: CharModel,
        params: Parameters,
        prompt: Array,
        config: SamplingConfig,
        seed: int,
        samples: Sequence[int],
        experts: Experts | None = None,
    ) -> None:
        self.model, self.params, self.config, self.experts = model, params, config, experts
        self.rngs = [stream(seed, "sampling", k) for k in samples]
        self.dtype = params.vector.dtype
        self.logits, self.state = self._read(prompt)  # (1, V), (L, S, 1, H); then (B, V), and the state as it was
        self.logits = np.repeat(self.logits, len(samples), axis=0)
        self.reader = None if experts is None else make_reader(experts, len(samples), self.dtype, model.kernels)
        if self.reader is not None:
            for lane in range(len(samples)):
                self.reader.begin(lane, prompt)

    def __iter__(self) -> Iterator[Array]:
        """The next id of every sample, (B,), without end."""
        lanes = len(self.rngs)
        stepper = make_stepper(self.model, self.params, lanes)
        stepper.set_state(np.repeat(self.state, lanes, axis=2))
        while True:
            for u in np.stack([uniforms(rng) for rng in self.rngs], axis=1):
                ids = draw(self.logits, self.config, u, self.model.kernels)
                yield ids
                log_q = None if self.reader is None else self.reader.read(ids)
                self.logits = stepper.step(ids, log_q)

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
