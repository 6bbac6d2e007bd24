"""The mean loss over a whole text, read once from beginning to end with the state carried through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from charrnn.arrays import Array, give_freed_memory_back
from charrnn.ngrams import OnText
from charrnn.nn.model import CharModel, ModelWorkspace
from charrnn.nn.parameters import Parameters
from charrnn.threads import blas_threads
from charrnn.units import InOtherUnits

WINDOW = 256  # characters read at a time; the result does not depend on it


@dataclass(frozen=True)
class Evaluation(InOtherUnits):
    """The mean over `characters` predictions: every character of the text after the first."""

    characters: int
    nats_per_char: float


@blas_threads(1, unless_set=True)
def evaluate(model: CharModel, params: Parameters, ids: Array, on_text: OnText | None = None) -> Evaluation:
    """The mean surprise at ids (N,), N ≥ 2, after the first, from the zero state on.

    Parameters
    ----------
    on_text : OnText, optional
        What the experts say along ids, in a network that has any.
    """
    total = sum(float(nats.sum()) for nats in surprises(model, params, ids, on_text))
    if on_text is not None:  # what experts say of a large vocabulary takes much memory
        give_freed_memory_back()
    return Evaluation(len(ids) - 1, total / (len(ids) - 1))


def surprises(model: CharModel, params: Parameters, ids: Array, on_text: OnText | None = None) -> Iterator[Array]:
    """−log p of each of ids (N,) after the first, in nats, a window at a time, (≤ WINDOW,) float64."""
    for start, ws in windows(model, params, ids[:-1], on_text):
        yield model.readout.nats(ids[start + 1 : start + 1 + WINDOW, None], ws.readout)


def windows(
    model: CharModel, params: Parameters, ids: Array, on_text: OnText | None = None
) -> Iterator[tuple[int, ModelWorkspace]]:
    """Read ids (N,) from the zero state on; give the start of each window, and the workspace that has read it."""
    dtype = params.vector.dtype
    state = model.zero_state(1, dtype)
    ws = model.workspace(WINDOW, 1, dtype)
    for start in range(0, len(ids), WINDOW):
        window = ids[start : start + WINDOW, None]
        if len(window) < WINDOW:
            ws = model.workspace(len(window), 1, dtype)
        log_q = None if on_text is None else on_text.log_q(np.array([start]), len(window), dtype)
        _, state = model.forward(params, window, state, ws, log_q=log_q)
        yield start, ws
