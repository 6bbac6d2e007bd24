"""Documents: they are shuffled again every epoch, and the lanes are dealt from the shuffle.

The shuffled documents follow one another, each from the boundary before it to the one after it. Every lane begins where
a document begins, about a B-th of the way after the lane before it, and reads document after document. A document
longer than a window continues in the next. The network forgets at every boundary, so nothing leaks from a document
into the one that happens to follow it. At the end of an epoch each lane has read as much as the others. A few windows
are left out, or read twice, for this: different ones in every epoch.

Where documents are longer than a lane's share of the epoch, a lane begins inside one, with a fresh state.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from charrnn.arrays import Array, places_of
from charrnn.batching.batch import Batch
from charrnn.config import BOUNDARY_ID, TrainConfig
from charrnn.randomness import stream


class Epoch(NamedTuple):
    """The shuffled documents of an epoch, as one stream."""

    begins: Array  # (D + 1,) where each document begins in the stream, and where the last ends
    shift: Array  # (D,) from a place in the stream to the place in the text
    lanes: Array  # (B,) where each lane begins in the stream


class Documents:
    least_windows = 1

    def __init__(self, ids: Array, config: TrainConfig) -> None:
        self.ids, self.seq_len, self.batch_size = ids, config.seq_len, config.batch_size
        self.characters = len(ids) - 1
        self.batches_per_epoch = max(1, self.characters // (self.seq_len * self.batch_size))
        # Where each document begins, (D,), at its boundary; a text that is no list is one document.
        self.starts = places_of(BOUNDARY_ID, ids[:-1]) if config.documents else np.zeros(1, np.intp)
        self.lengths = np.diff(np.append(self.starts, self.characters))

        @lru_cache(maxsize=2)
        def epoch(number: int) -> Epoch:
            order = stream(config.seed, "batching", number).permutation(len(self.starts))
            begins = np.append(0, np.cumsum(self.lengths[order]))
            even = np.arange(self.batch_size) * self.characters // self.batch_size
            share = self.characters / self.batch_size
            nearest = begins[np.searchsorted(begins[:-1], even, side="left")]  # the end counts as too far
            return Epoch(begins, self.starts[order] - begins[:-1], np.where(nearest < even + share, nearest, even))

        self._epoch = epoch

    @staticmethod
    def characters_needed(config: TrainConfig) -> int:
        return config.seq_len * config.batch_size + 1

    def __getitem__(self, index: int) -> Batch:
        number, window = divmod(index, self.batches_per_epoch)
        epoch = self._epoch(number)
        steps = window * self.seq_len + np.arange(self.seq_len)[:, None]
        places = (epoch.lanes + steps) % self.characters  # (T, B), in the stream
        at = places + epoch.shift[np.searchsorted(epoch.begins, places, side="right") - 1]
        return Batch(self.ids[at], self.ids[at + 1], np.full(self.batch_size, window == 0), at)
