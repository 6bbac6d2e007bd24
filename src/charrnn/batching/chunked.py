"""Chunked: the text is cut into chunks, and the chunks are shuffled anew every epoch.

Inside a chunk, order and state are kept, window after window; at its start the state is fresh. The lanes take the
chunks of each epoch's shuffle in turn, and a new shuffle follows where one runs out, so that every chunk is read
exactly once an epoch. Less than a chunk at the end of the text is left out.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from charrnn.arrays import Array
from charrnn.batching.batch import Batch, cut
from charrnn.config import TrainConfig
from charrnn.randomness import stream

DEFAULT_WINDOWS = 8  # windows in a chunk where chunk_len is not given


class Chunked:
    def __init__(self, ids: Array, config: TrainConfig) -> None:
        self.ids, self.seq_len, self.batch_size = ids, config.seq_len, config.batch_size
        self.chunk_len = _chunk_len(config)
        self.windows = self.chunk_len // self.seq_len
        self.num_chunks = (len(ids) - 1) // self.chunk_len
        self.batches_per_epoch = max(1, self.num_chunks * self.windows // self.batch_size)

        @lru_cache(maxsize=2)
        def shuffle(epoch: int) -> Array:
            """The order of the chunks in an epoch, (num_chunks,)."""
            return stream(config.seed, "batching", epoch).permutation(self.num_chunks)

        self._shuffle = shuffle

    @staticmethod
    def characters_needed(config: TrainConfig) -> int:
        return _chunk_len(config) + 1

    def __getitem__(self, index: int) -> Batch:
        group, window = divmod(index, self.windows)
        turns = range(group * self.batch_size, (group + 1) * self.batch_size)  # in the endless row of shuffles
        chunks = np.array([self._shuffle(turn // self.num_chunks)[turn % self.num_chunks] for turn in turns])
        inputs, targets = cut(self.ids, chunks * self.chunk_len + window * self.seq_len, self.seq_len)
        return Batch(inputs, targets, np.full(self.batch_size, window == 0))


def _chunk_len(config: TrainConfig) -> int:
    return config.chunk_len or DEFAULT_WINDOWS * config.seq_len
