"""The mean loss over a whole text, with the state carried through it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from charrnn.arrays import Array
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters

WINDOW = 128  # characters read at a time
LANE_LEN = 4096  # a long text is read by several lanes side by side, each at least this long …
WARM_UP = 512  # … which first read the characters before their part, unscored, to find their state
MOST_LANES = 64
MOST_LOGITS = 1 << 22  # in one window of all lanes: fewer lanes where the vocabulary is large


class Evaluation(NamedTuple):
    """The mean over `characters` predictions: every character of the text after the first."""

    characters: int
    nats_per_char: float

    @property
    def bits_per_char(self) -> float:
        return self.nats_per_char / math.log(2)

    @property
    def perplexity(self) -> float:
        return math.exp(min(self.nats_per_char, 700.0))  # beyond it, more than a float can hold


def evaluate(model: CharModel, params: Parameters, ids: Array, max_lanes: int = MOST_LANES) -> Evaluation:
    """Score ids (N,), N ≥ 2, from the zero state on, carrying the state from each character to the next.

    A text of two lanes' length and more is cut into equal parts that are read side by side, which is several times
    faster. Each lane begins WARM_UP characters before its part, so that its state is, to within rounding for any
    trained model we have seen, what a single pass would have brought along; `max_lanes=1` makes that single pass.
    """
    targets = len(ids) - 1
    lanes = max(1, min(max_lanes, targets // LANE_LEN, MOST_LOGITS // (WINDOW * model.config.vocab_size)))
    part = math.ceil(targets / lanes)
    part_starts = np.arange(lanes) * part
    warm_up = WARM_UP if lanes > 1 else 0
    dtype = params.vector.dtype
    state = model.zero_state(lanes, dtype)
    ws = None
    total = 0.0
    for offset in range(-warm_up, part, WINDOW):
        length = min(WINDOW, part - offset)
        if ws is None or length < WINDOW:
            ws = model.workspace(length, lanes, dtype)
        at = part_starts + offset + np.arange(length)[:, None]  # (T, lanes): the position of each input
        if offset == 0:
            state[..., 0, :] = 0.0  # the first lane has no characters before its part
        inside = np.clip(at, 0, targets - 1)
        nats, state = model.nats(params, ids[inside], ids[inside + 1], state, ws)
        if offset >= 0:
            total += float(nats[at < targets].sum())
    return Evaluation(targets, total / targets)
