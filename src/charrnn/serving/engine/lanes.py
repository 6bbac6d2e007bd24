"""Lanes side by side, as many as leave each lane's rounding alone.

One matrix product reads the texts of different requests. A row of it must not depend on the other rows, or the text of
a seed would depend on the other users. Compiled products promise that; a group then computes just the lanes in use.
With NumPy's, the number of rows is fixed, and empty lanes are computed, too, since another number could run other code.
Whether the row's place in the product matters depends on the processor and the library: `largest_independent_batch`
tries it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from charrnn.arrays import Array
from charrnn.language_model import LanguageModel
from charrnn.nn.stepper import lanes_are_independent, make_stepper

if TYPE_CHECKING:
    from charrnn.serving.engine.text_request import TextRequest

LANES = 32  # of compiled kernels: more share each read of the weights, fewer finish a single text sooner
LANES_WITH_EXPERTS = 8  # what the experts say is computed for all lanes of a group
SIZES = (8, 4, 2, 1)  # more rows raise the total rate, fewer finish a single text sooner; never chosen by a clock
TRIALS = 3


class LaneGroup:
    """Some lanes of one model, of which the first have texts."""

    def __init__(self, model: LanguageModel, size: int) -> None:
        self.model, self.size = model, size
        self._stepper = make_stepper(model.network, model.params, size)
        self._reader = model.reader(size)
        self._zero = model.network.zero_state(1, model.params.vector.dtype)[:, :, 0]
        self.inputs = np.zeros((1, size), np.intp)
        self.logits = np.empty((size, 0), model.params.vector.dtype)  # (R, V) after `read`: valid until the next
        self.lanes: dict[int, TextRequest] = {}

    @property
    def room(self) -> int:
        """The number of empty lanes."""
        return self.size - len(self.lanes)

    def join(self, text: TextRequest) -> None:
        """Give a text a lane. It continues from its parked state, if it has one."""
        self._put(len(self.lanes), text, self._zero if text.parked is None else text.parked)
        text.parked = None

    def leave(self, lane: int) -> None:
        """Empty a lane; the last one moves to its place. Empty the lanes behind it first."""
        last = len(self.lanes) - 1
        text = self.lanes.pop(last)
        if lane != last:
            self._put(lane, text, self.state_of(last))
            self.inputs[0, lane] = self.inputs[0, last]
        self.inputs[0, last] = 0
        if self._reader is not None:
            self._reader.begin(last)

    def state_of(self, lane: int) -> Array:
        """The state of a lane, (L, S, H), a copy."""
        return self._stepper.state()[:, :, lane]

    def read(self) -> None:
        """Read one character in each lane."""
        self._stepper.use(len(self.lanes))
        self.logits = self._stepper.step(
            self.inputs[0], None if self._reader is None else self._reader.read(self.inputs[0])
        )

    def _put(self, lane: int, text: TextRequest, state: Array) -> None:
        if self._reader is not None:
            self._reader.begin(lane, text.ids[: text.position])
        self._stepper.set_state(state, lane)
        self.lanes[lane] = text


def largest_independent_batch(model: LanguageModel) -> int:
    """Return the largest size at which a lane computes the same bits in every place and beside any other texts."""
    if lanes_are_independent(model.network):
        return LANES if model.experts is None else LANES_WITH_EXPERTS
    return next(size for size in SIZES if size == 1 or _independent(model, size))


def _independent(model: LanguageModel, size: int) -> bool:
    rng = np.random.default_rng(0)
    characters, state = len(model.vocabulary), model.network.zero_state(size, model.params.vector.dtype)
    text = rng.integers(0, characters, TRIALS)
    expected: list[bytes] = []
    for lane in range(size):
        stepper = make_stepper(model.network, model.params, size)
        state[...] = rng.standard_normal(state.shape)
        state[:, :, lane] = 0.0
        stepper.set_state(state)
        found = []
        for character in text:
            ids = rng.integers(0, characters, size)
            ids[lane] = character
            logits = stepper.step(ids, None if model.experts is None else _said(model, size))
            found.append(logits[lane].tobytes() + stepper.state()[:, :, lane].tobytes())
        expected = expected or found
        if found != expected:
            return False
    return True


def _said(model: LanguageModel, size: int) -> Array:
    """What experts could say: the same in every lane."""
    V, S = len(model.vocabulary), model.network.config.num_experts
    return np.full((S, 1, size, V), -np.log(V), model.params.vector.dtype)
