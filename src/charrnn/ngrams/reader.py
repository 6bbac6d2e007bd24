"""What the experts say along texts that grow by a character at a time: a text that is written, a server's lanes.

The numbers are those of `OnText.log_q`. For a few characters, NumPy's calls cost more than what they compute: here
they are few, and all lanes share them. No lane's numbers depend on the other lanes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.config import BOUNDARY_ID
from charrnn.ngrams.chains import REACH, along
from charrnn.ngrams.experts import DROPPED, Experts


class Reader:
    """What the experts say along several texts, each of which grows by a character at a time."""

    def __init__(self, experts: Experts, lanes: int, dtype: npt.DTypeLike = np.float32) -> None:
        self.experts, self.dtype = experts, dtype
        self.texts = [[along(chain) for _ in range(lanes)] for chain in experts.chains]  # (S, B)
        self.last = [deque[int](maxlen=REACH) for _ in range(lanes)]
        # M / A of each chain and lane, after a 1: the longest context first; a chain with fewer ends in ones.
        levels = experts.tables.levels
        self.passed_on = np.ones((len(levels), lanes, max(levels)), np.float32)
        starts = np.arange(self.passed_on.size).reshape(self.passed_on.shape)
        # Where the contexts are in it, in the order of their keys: by chain and lane, the shortest of them first.
        self.places = np.concatenate(
            [at[:, count - 1 : 0 : -1].ravel() for at, count in zip(starts, levels, strict=True)]
        )
        self.base = self.places // max(levels) * experts.tables.vocab_size  # where each's probabilities are

    def begin(self, lane: int, ids_before: Sequence[int] | Array = ()) -> None:
        """Begin a lane again, after a text of which only the last REACH characters matter."""
        self.last[lane] = deque(self.that_matter(ids_before), REACH)
        for texts, chain in zip(self.texts, self.experts.chains, strict=True):
            texts[lane] = along(chain)
            for id_before in self.last[lane]:
                texts[lane](id_before + 1)

    def that_matter(self, ids_before: Sequence[int] | Array) -> list[int]:
        """The last ids of a text, at most REACH, and none from before its last boundary."""
        last = list(map(int, ids_before[-REACH:]))  # keys need Python's numbers, which do not overflow
        if self.experts.documents and BOUNDARY_ID in last:
            last = last[-1 - last[::-1].index(BOUNDARY_ID) :]
        return last

    def history(self, lane: int) -> list[int]:
        """The last characters of a lane, at most REACH: after them, `begin` continues it in any lane, bit for bit."""
        return list(self.last[lane])

    def read(self, ids: Array) -> Array:
        """The log-probabilities of what follows, after one more character (B,) in each lane: (S, 1, B, V)."""
        tables, shares, (S, B, _) = self.experts.tables, self.experts.shares, self.passed_on.shape
        new = ids.tolist()
        if self.experts.documents and BOUNDARY_ID in new:
            for lane in np.flatnonzero(ids == BOUNDARY_ID).tolist():
                self.begin(lane)
        for last, each in zip(self.last, new, strict=True):
            last.append(each)
        keys = [key for texts in self.texts for text, each in zip(texts, new, strict=True) for key in text(each + 1)]
        rows = tables.rows(np.array(keys, np.uint64) >> DROPPED)
        first = tables.ended_first[rows]
        lengths = tables.ended_first[rows + 1] - first
        base = self.base.repeat(lengths)  # of each pair
        pairs = (first + lengths - lengths.cumsum()).repeat(lengths) + np.arange(len(base))
        self.passed_on.put(self.places, shares.passed_on[rows])
        above = np.multiply.accumulate(self.passed_on, axis=2)  # the products, from the longest context down
        weights = shares.discounted[pairs] * above.take(self.places - 1).repeat(lengths)
        probs = np.bincount(base + tables.symbols[pairs], weights, S * B * tables.vocab_size).reshape(S, 1, B, -1)
        probs = probs + above[:, None, :, -1:] * shares.shortest[:, None, None]
        probs = probs.astype(self.dtype, copy=False)
        return np.asarray(np.log(probs, out=probs))
