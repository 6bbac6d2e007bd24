"""The compiled twin of `Reader`: the same numbers, but for rounding, in one call for all lanes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.config import BOUNDARY_ID
from charrnn.ngrams.chains import REACH
from charrnn.ngrams.compiled_counts import can_be_compiled
from charrnn.ngrams.experts import Experts
from charrnn.ngrams.reader import Reader
from charrnn.nn.kernels import Kernels
from charrnn.nn.kernels.kernels import ids_of
from charrnn.nn.kernels.stepper import Argument, Calls, number


class CompiledReader(Reader):
    """As `Reader`, by the function in c/experts.h."""

    def __init__(self, experts: Experts, lanes: int, dtype: npt.DTypeLike, kernels: Kernels) -> None:
        self.experts, self.dtype = experts, np.dtype(dtype)
        S, V = len(experts.chains), experts.tables.vocab_size
        counts, self.vocab_size = experts.compiled_counts, V
        self.codes = np.zeros((lanes, REACH), np.int64)  # ids + 1, and 0 where there is nothing
        self.ids, self.sums = np.empty(lanes, np.int64), np.empty(V)
        self.log_q = np.empty((S, 1, lanes, V), self.dtype)
        self._read = kernels.functions(self.dtype)("experts_read")
        boundary = BOUNDARY_ID if experts.documents else -1
        self._counts = S, V, lanes, boundary, counts.chains, counts.counts
        self._arguments = tuple(map(number, self._call(self.ids, self.log_q)))

    def _call(self, ids: Array, log_q: Array) -> tuple[Argument, ...]:
        return *self._counts, ids, self.codes, self.sums, log_q

    def add_to(self, calls: Calls, ids: Array, log_q: Array) -> None:
        """Add `read` to some calls: it reads checked ids (B,), int64, and writes log_q (S, 1, B, V)."""
        calls.add("experts_read", *self._call(ids, log_q))

    def begin(self, lane: int, ids_before: Sequence[int] | Array = ()) -> None:
        """Begin a lane again, after a text of which only the last REACH characters matter."""
        last = np.array(self.that_matter(ids_before), np.int64)
        ids_of(last, self.vocab_size, out=last)
        self.codes[lane] = 0
        self.codes[lane, REACH - len(last) :] = last + 1

    def history(self, lane: int) -> list[int]:
        """The last characters of a lane, at most REACH."""
        codes = self.codes[lane]
        return list(map(int, codes[codes > 0] - 1))

    def read(self, ids: Array) -> Array:
        """The log-probabilities of what follows, after one more character (B,) in each lane: (S, 1, B, V)."""
        ids_of(ids, self.vocab_size, out=self.ids)
        self._read(*self._arguments)
        return self.log_q.copy()


def make_reader(experts: Experts, lanes: int, dtype: npt.DTypeLike, kernels: Kernels) -> Reader:
    """A reader of some lanes, compiled where the kernels are and know the experts' chains."""
    if kernels.compiled and can_be_compiled(experts.tables, experts.chains):
        return CompiledReader(experts, lanes, dtype, kernels)
    return Reader(experts, lanes, dtype)
