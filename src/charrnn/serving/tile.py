"""Lanes side by side, and how many: as many as leave each lane's rounding alone.

Texts of different requests are read by one matrix product. A row of a product must not depend on the other rows, or the
text of a seed would depend on who else is being served. The number of rows is therefore always the same: empty lanes
are computed, too. That rules out other code for other sizes; that the row's place within the product makes no
difference has to be seen, since it depends on the processor and the library: `lanes_of` tries it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from charrnn.language_model import LanguageModel

if TYPE_CHECKING:
    from charrnn.serving.writing import Writing

SIZES = (8, 4, 2, 1)  # more rows write more in all, fewer write a single text sooner; never chosen by a clock
TRIALS = 3


class Tile:
    """A fixed number of lanes of one model, each empty or with a text."""

    def __init__(self, model: LanguageModel, size: int) -> None:
        self.model, self.size = model, size
        dtype = model.params.vector.dtype
        self._workspace = model.network.workspace(1, size, dtype)
        self.state = model.network.zero_state(size, dtype)
        self.inputs = np.zeros((1, size), np.intp)
        self.logits = np.empty((size, 0), dtype)  # (R, V) after `read`: a view, valid until the next
        self.lanes: dict[int, Writing] = {}
        self._free = list(range(size))[::-1]

    @property
    def room(self) -> int:
        """Empty lanes."""
        return len(self._free)

    def join(self, writing: Writing) -> None:
        """Give a text a lane; it goes on where it was parked, or begins."""
        lane = self._free.pop()
        self.state[:, :, lane] = 0.0 if writing.parked is None else writing.parked
        writing.parked = None
        self.lanes[lane] = writing

    def leave(self, lane: int) -> None:
        del self.lanes[lane]
        self._free.append(lane)
        self.state[:, :, lane] = 0.0
        self.inputs[0, lane] = 0

    def read(self) -> None:
        """One character in each lane."""
        model = self.model
        logits, self.state = model.network.forward(model.params, self.inputs, self.state, self._workspace)
        self.logits = logits[0]


def lanes_of(model: LanguageModel) -> int:
    """The largest number of lanes at which a lane's result is the same, bit for bit, in every place and company."""
    return next(size for size in SIZES if size == 1 or _independent(model, size))


def _independent(model: LanguageModel, size: int) -> bool:
    rng = np.random.default_rng(0)
    characters = len(model.vocabulary)
    text = rng.integers(0, characters, TRIALS)
    wanted: list[bytes] = []
    for lane in range(size):
        tile = Tile(model, size)
        tile.state[...] = rng.standard_normal(tile.state.shape)
        tile.state[:, :, lane] = 0.0
        seen = []
        for character in text:
            tile.inputs[...] = rng.integers(0, characters, tile.inputs.shape)
            tile.inputs[0, lane] = character
            tile.read()
            seen.append(tile.logits[lane].tobytes() + tile.state[:, :, lane].tobytes())
        wanted = wanted or seen
        if seen != wanted:
            return False
    return True
