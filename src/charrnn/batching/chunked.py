"""Chunked: the text is cut into chunks, and the chunks are shuffled again every epoch.

Inside a chunk, order and state are kept, window after window; at its start the state is fresh. The lanes take the
chunks of each epoch's shuffle in turn, and a new shuffle follows where one runs out: every chunk is read exactly once
an epoch. What remains at the end of the text, less than a chunk, is left out.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from charrnn.arrays import Array
from charrnn.batching.batch import Batch, cut
from charrnn.config import TrainConfig
from charrnn.errors import ConfigError
from charrnn.randomness import stream
from charrnn.settings import Setting

DEFAULT_WINDOWS = 8  # windows in a chunk where chunk_len is not given


class Chunked:
    least_windows = DEFAULT_WINDOWS
    settings = (
        Setting("chunk_len", "int", "characters in a chunk, with --batching chunked; a multiple of seq_len "
                "[default: 8 x seq_len]", optional=True, least=1, group="data"),
    )  # fmt: skip

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
    def check_config(config: TrainConfig) -> None:
        chunk_len = _chunk_len(config)
        if chunk_len % config.seq_len:
            windows = max(1, round(chunk_len / config.seq_len))
            raise ConfigError(
                f"chunk_len {chunk_len} is not a multiple of seq_len {config.seq_len}: "
                f"{windows * config.seq_len} would be {windows} windows"
            )

    @staticmethod
    def characters_needed(config: TrainConfig) -> int:
        return _chunk_len(config) + 1

    def __getitem__(self, index: int) -> Batch:
        group, window = divmod(index, self.windows)
        turns = range(group * self.batch_size, (group + 1) * self.batch_size)  # in the endless row of shuffles
        chunks = np.array([self._shuffle(turn // self.num_chunks)[turn % self.num_chunks] for turn in turns])
        starts = chunks * self.chunk_len + window * self.seq_len
        return cut(self.ids, starts, self.seq_len, np.full(self.batch_size, window == 0))


def _chunk_len(config: TrainConfig) -> int:
    return config.own.get("chunk_len") or DEFAULT_WINDOWS * config.seq_len
