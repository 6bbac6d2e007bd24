"""Sequential: the text is cut into B equal parts, and each lane reads its part from beginning to end.

The state is carried from window to window. At the end of an epoch the lanes are rolled by one: lane b continues with
the part after the one that it has just finished, so its state still fits. Only the lane that returns to the beginning
of the text starts from zero. (In the first batch of a run, every lane does.)

Each part is a whole number of windows long; up to B·T characters at the end of the text are left out.
"""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array
from charrnn.batching.batch import Batch, cut
from charrnn.config import TrainConfig


class Sequential:
    least_windows = 1

    def __init__(self, ids: Array, config: TrainConfig) -> None:
        self.ids, self.seq_len, self.batch_size = ids, config.seq_len, config.batch_size
        self.batches_per_epoch = (len(ids) - 1) // (self.seq_len * self.batch_size)
        self.part_len = self.batches_per_epoch * self.seq_len

    @staticmethod
    def characters_needed(config: TrainConfig) -> int:
        return config.seq_len * config.batch_size + 1

    def __getitem__(self, index: int) -> Batch:
        epoch, window = divmod(index, self.batches_per_epoch)
        parts = (np.arange(self.batch_size) + epoch) % self.batch_size
        fresh = (parts == 0) & (window == 0) | (index == 0)
        return cut(self.ids, parts * self.part_len + window * self.seq_len, self.seq_len, fresh)
