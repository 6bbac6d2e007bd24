"""Random: every lane of every batch starts at a random place in the text, with a fresh state.

No batch depends on the one before, and the network never sees further back than one window. An epoch is as many
batches as hold the text's number of characters. By chance, some characters are read twice and some not at all.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from charrnn.arrays import Array
from charrnn.batching.batch import Batch, cut
from charrnn.config import TrainConfig
from charrnn.randomness import stream

BLOCK = 1024  # batches whose starts are drawn at once: making a generator costs more than drawing from it


class Random:
    least_windows = 1

    def __init__(self, ids: Array, config: TrainConfig) -> None:
        self.ids, self.seq_len, self.batch_size = ids, config.seq_len, config.batch_size
        self.batches_per_epoch = max(1, (len(ids) - 1) // (self.seq_len * self.batch_size))
        self.fresh = np.ones(self.batch_size, bool)

        @lru_cache(maxsize=1)
        def starts(block: int) -> Array:
            """The starts of a block of batches, (BLOCK, B)."""
            rng = stream(config.seed, "batching", block)
            return rng.integers(0, len(ids) - self.seq_len, size=(BLOCK, self.batch_size))

        self._starts = starts

    @staticmethod
    def characters_needed(config: TrainConfig) -> int:
        return config.seq_len + 1

    def __getitem__(self, index: int) -> Batch:
        block, row = divmod(index, BLOCK)
        return cut(self.ids, self._starts(block)[row], self.seq_len, self.fresh)
