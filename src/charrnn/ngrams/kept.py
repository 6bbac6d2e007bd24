"""What the experts say in training, made when it is first asked for and kept for the next epoch."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.ngrams.experts import Experts, OnText

MOST_BYTES = 400_000_000  # kept; for a longer text, or a larger vocabulary, every epoch asks the tables

STRETCH = 64  # positions that are asked about together where a window is not one stretch


class Said(Protocol):
    """What experts say while a network trains."""

    @property
    def experts(self) -> Experts | None:
        """The experts with the counts of the whole text, which the trained network will know."""

    def log_q(self, starts: Array, seq_len: int, dtype: npt.DTypeLike = np.float32) -> Array:
        """The log-probabilities of the characters after each of seq_len inputs from starts (B,) on, (S, T, B, V).

        Where a window is not one stretch of the text, starts (T, B) has the place of each input.
        """


class KeptLogQ:
    """As OnText, but in half precision, even if there is no room to keep it: a run does not depend on the room.

    Parameters
    ----------
    prune : int
        The trained network's experts lose their longest contexts that occur less often. In training nothing is pruned.
    most_bytes : int
        The memory in which to keep it.
    """

    def __init__(self, on_text: OnText, prune: int = 0, most_bytes: int = MOST_BYTES) -> None:
        self.on_text, self.experts = on_text, on_text.experts.pruned(prune)
        tables, positions = on_text.experts.tables, len(on_text.ids) - 1
        shape = (len(tables.levels), positions, tables.vocab_size)
        room = 2 * np.prod(shape, dtype=float) <= most_bytes
        self._rows = np.empty(shape, np.float16) if room else None  # (S, N − 1, V)
        self._known = np.zeros(positions, bool)

    def log_q(self, starts: Array, seq_len: int, dtype: npt.DTypeLike = np.float32) -> Array:
        rows, starts = self._rows, np.asarray(starts)
        places = starts if starts.ndim == 2 else starts + np.arange(seq_len)[:, None]  # (T, B)
        if self.on_text.shuffled is not None:
            starts = places = self.on_text.shuffled.places_of(places)
        scattered = starts.ndim == 2
        if rows is None:
            said = self.on_text.log_q(starts.ravel(), 1 if scattered else seq_len)
            for of_expert in said:  # one after the other, since a large vocabulary needs much room
                of_expert[...] = of_expert.astype(np.float16)
            return said.reshape(len(said), *places.shape, -1).astype(dtype, copy=False)
        if scattered:
            length = min(STRETCH, len(self._known))
            unknown = np.unique(places[~self._known[places]] // length) * length
            starts, seq_len = np.minimum(unknown, len(self._known) - length), length
            asked = starts + np.arange(length)[:, None]
        else:
            new = np.flatnonzero(~self._known[places].all(axis=0))
            starts, asked = starts[new], places[:, new]
        if len(starts):
            rows[:, asked] = self.on_text.log_q(starts, seq_len, np.float16)
            self._known[asked] = True
        out = np.empty((len(rows), *places.shape, rows.shape[2]), dtype)
        for of_expert, kept in zip(out, rows, strict=True):
            of_expert[...] = kept[places]
        return out
