"""Shuffled: the text is cut into windows, read in a new random order in each epoch, every one with a fresh state."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from charrnn.arrays import Array
from charrnn.batching.batch import Batch, cut
from charrnn.config import TrainConfig
from charrnn.randomness import stream


class Shuffled:
    least_windows = 1

    def __init__(self, ids: Array, config: TrainConfig) -> None:
        self.ids, self.seq_len, self.batch_size = ids, config.seq_len, config.batch_size
        windows = (len(ids) - 1) // self.seq_len
        self.batches_per_epoch = windows // self.batch_size

        @lru_cache(maxsize=1)
        def order(epoch: int) -> Array:
            return stream(config.seed, "batching", epoch).permutation(windows)

        self._order = order

    @staticmethod
    def characters_needed(config: TrainConfig) -> int:
        return config.seq_len * config.batch_size + 1

    def __getitem__(self, index: int) -> Batch:
        epoch, turn = divmod(index, self.batches_per_epoch)
        windows = self._order(epoch)[turn * self.batch_size : (turn + 1) * self.batch_size]
        return cut(self.ids, windows * self.seq_len, self.seq_len, np.ones(self.batch_size, bool))
