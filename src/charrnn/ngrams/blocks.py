"""The blocks of a training text, of which each is read with its own counts taken out.

Of a long text the beginning of every block is counted, so that the counts come from all of it and fit into the memory.
"""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array

BLOCKS = 20
MOST_COUNTED = 4_000_000  # characters: their tables take some 500 MB of memory
NEVER = np.iinfo(np.int32).max


class Blocks:
    """Where the blocks of a text begin and end, by the number of its characters, and how much of each is counted.

    A *time* numbers the characters that are counted, from 0 on.
    """

    def __init__(self, characters: int, most_counted: int = MOST_COUNTED) -> None:
        positions = max(0, characters - 1)  # each has a character after it
        self.ends = np.unique([positions * k // BLOCKS for k in range(1, BLOCKS + 1)])
        self.starts = np.append(0, self.ends[:-1])
        self.counted = np.minimum(self.ends - self.starts, max(1, most_counted // BLOCKS))
        self.times = np.cumsum(self.counted)  # at which the counting of each block ends

    def number_of(self, positions: Array) -> Array:
        """The number of the block that each position is in."""
        return np.minimum(np.searchsorted(self.ends, positions, side="right"), len(self.ends) - 1)

    def time_of(self, positions: Array) -> Array:
        """The times of positions; NEVER for those that are not counted, where no count has to be taken out."""
        block = self.number_of(positions)
        since = positions - self.starts[block]
        counted = self.counted[block]
        return np.where(since < counted, self.times[block] - counted + since, NEVER)
