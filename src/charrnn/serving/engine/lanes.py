"""Lanes side by side, as many as leave each lane's rounding alone.

One matrix product reads the texts of different requests. A row of it must not depend on the other rows, or the text of
a seed would depend on the other users. The number of rows is therefore fixed, and empty lanes are computed, too, since
another number could run other code. Whether the row's place in the product matters depends on the processor and the
library, so `largest_independent_batch` tries it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from charrnn.language_model import LanguageModel

if TYPE_CHECKING:
    from charrnn.serving.engine.text_request import TextRequest

SIZES = (8, 4, 2, 1)  # more rows raise the total rate, fewer finish a single text sooner; never chosen by a clock
TRIALS = 3


class LaneGroup:
    """A fixed number of lanes of one model, each empty or with a text."""

    def __init__(self, model: LanguageModel, size: int) -> None:
        self.model, self.size = model, size
        dtype = model.params.vector.dtype
        self._workspace = model.network.workspace(1, size, dtype)
        self.state = model.network.zero_state(size, dtype)
        self._reader = model.reader(size)
        self.inputs = np.zeros((1, size), np.intp)
        self.logits = np.empty((size, 0), dtype)  # (R, V) after `read`: a view, valid until the next
        self.lanes: dict[int, TextRequest] = {}
        self._free = list(range(size))[::-1]

    @property
    def room(self) -> int:
        """The number of empty lanes."""
        return len(self._free)

    def join(self, text: TextRequest) -> None:
        """Give a text a lane. It continues from its parked state, if it has one."""
        lane = self._free.pop()
        if self._reader is not None:
            self._reader.begin(lane, text.ids[: text.position])
        self.state[:, :, lane] = 0.0 if text.parked is None else text.parked
        text.parked = None
        self.lanes[lane] = text

    def leave(self, lane: int) -> None:
        del self.lanes[lane]
        self._free.append(lane)
        self.state[:, :, lane] = 0.0
        self.inputs[0, lane] = 0
        if self._reader is not None:
            self._reader.begin(lane)

    def read(self) -> None:
        """Read one character in each lane."""
        model = self.model
        log_q = None if self._reader is None else self._reader.read(self.inputs[0])
        logits, self.state = model.network.forward(model.params, self.inputs, self.state, self._workspace, log_q=log_q)
        self.logits = logits[0]


def largest_independent_batch(model: LanguageModel) -> int:
    """Return the largest size at which a lane computes the same bits in every place and beside any other texts."""
    return next(size for size in SIZES if size == 1 or _independent(model, size))


def _independent(model: LanguageModel, size: int) -> bool:
    rng = np.random.default_rng(0)
    characters = len(model.vocabulary)
    text = rng.integers(0, characters, TRIALS)
    expected: list[bytes] = []
    for lane in range(size):
        group = LaneGroup(model, size)
        group.state[...] = rng.standard_normal(group.state.shape)
        group.state[:, :, lane] = 0.0
        found = []
        for character in text:
            group.inputs[...] = rng.integers(0, characters, group.inputs.shape)
            group.inputs[0, lane] = character
            group.read()
            found.append(group.logits[lane].tobytes() + group.state[:, :, lane].tobytes())
        expected = expected or found
        if found != expected:
            return False
    return True
