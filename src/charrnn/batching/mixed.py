"""Two texts in one batch: some lanes read an old text, so that a network that learns a new one does not forget it.

Each text has lanes of its own and the strategy that it would have alone: a lane carries its state through one text.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from charrnn.arrays import Array
from charrnn.batching.batch import Batch, Batcher
from charrnn.config import TrainConfig


def old_lanes(config: TrainConfig) -> int:
    """The lanes of a batch that read the old text: the share that is asked for, at least one and never all."""
    return max(1, min(config.batch_size - 1, round(config.mix_old * config.batch_size)))


class Mixed:
    """The first lanes read the first `new` of the ids (N,), the others the rest, which is the old text."""

    least_windows = 1

    def __init__(self, ids: Array, config: TrainConfig, new: int, kind: type[Batcher]) -> None:
        self.ids, self.new = ids, new
        count = old_lanes(config)
        self.of_new = kind(ids[:new], replace(config, batch_size=config.batch_size - count))
        self.of_old = kind(ids[new:], replace(config, batch_size=count))
        self.batches_per_epoch = self.of_new.batches_per_epoch

    @staticmethod
    def characters_needed(config: TrainConfig) -> int:
        return 0

    def __getitem__(self, index: int) -> Batch:
        new, old = self.of_new[index], self.of_old[index]
        old = old._replace(starts=old.starts + self.new)
        return Batch(*(np.concatenate(parts, axis=-1) for parts in zip(new, old, strict=True)))
