"""The mean loss over a whole text, read once from beginning to end with the state carried through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from charrnn.arrays import Array
from charrnn.nn.model import CharModel
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
def evaluate(model: CharModel, params: Parameters, ids: Array) -> Evaluation:
    """The mean surprise at ids (N,), N ≥ 2, after the first, from the zero state on."""
    total = sum(float(nats.sum()) for nats in surprises(model, params, ids))
    return Evaluation(len(ids) - 1, total / (len(ids) - 1))


def surprises(model: CharModel, params: Parameters, ids: Array) -> Iterator[Array]:
    """−log p of each of ids (N,) after the first, in nats, a window at a time, (≤ WINDOW,) float64."""
    dtype = params.vector.dtype
    state = model.zero_state(1, dtype)
    ws = model.workspace(WINDOW, 1, dtype)
    for start in range(0, len(ids) - 1, WINDOW):
        window = ids[start : start + WINDOW + 1]
        inputs, targets = window[:-1, None], window[1:, None]
        if len(inputs) < WINDOW:
            ws = model.workspace(len(inputs), 1, dtype)
        nats, state = model.nats(params, inputs, targets, state, ws)
        yield nats[:, 0]
