"""What counts say about the next character: modified Kneser–Ney, interpolated along a chain.

    P_l(c | u_l) = ( max(a − D(a), 0) + M P_{l−1}(c | u_{l−1}) ) / A,   A = Σ_c a,   M = Σ_c D(a)      [src.1]

with P_0 = 1 / V, and P_l = P_{l−1} for a context that was never seen (Chen & Goodman 1998, section 3). Written out from
the top, P_L is a sum over all pairs of all levels, each weighted with the M / A of the levels above it:

    P_L(c) = Σ_l (a_l − D(a_l)) / A_l · Π_{k>l} M_k / A_k  +  1 / V · Π_k M_k / A_k,   l = 1 … L

so that the rows of many positions become one sum over all of their pairs, and nothing as large as the tables is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.ngrams.sums import Rows, Terms, lowest, passed_down
from charrnn.ngrams.tables import Tables


@dataclass(frozen=True, eq=False)
class Shares:
    """Tables as [src.1] uses them: nothing is taken out."""

    tables: Tables

    @cached_property
    def discounted(self) -> Array:
        """(a − D(a)) / A of each pair, (P,) float32."""
        tables = self.tables
        return (discounted_counts(tables) / tables.totals[tables.rows_of_pairs()]).astype(np.float32)

    @cached_property
    def passed_on(self) -> Array:
        """M / A of each row, (C + 1,) float32; 1 for contexts that were never seen."""
        totals = self.tables.totals
        lost = totals - sums_of_rows(self.tables, discounted_counts(self.tables))
        return np.where(totals > 0, lost / np.maximum(totals, 1), 1).astype(np.float32)

    @cached_property
    def shortest_rows(self) -> Array:
        """The row of the shortest context of each chain, (S,); C if there is none."""
        found = [np.flatnonzero(self.tables.level == level) for level in lowest(self.tables)]
        return np.array([row[0] if len(row) else len(self.tables.keys) for row in found])

    @cached_property
    def shortest(self) -> Array:
        """P_1 of each chain, (S, V)."""
        tables, V = self.tables, self.tables.vocab_size
        first, stop = tables.ended_first[self.shortest_rows], tables.ended_first[self.shortest_rows + 1]
        found = np.repeat(self.passed_on[self.shortest_rows, None].astype(float) / V, V, axis=1)
        for probs, pairs in zip(found, map(slice, first, stop), strict=True):
            probs[tables.symbols[pairs]] += self.discounted[pairs]
        return found

    @cached_property
    def rows(self) -> Rows:
        return Rows(self.tables, self.discounted, passed_on=self.passed_on)

    def terms(self, rows: Array, dtype: npt.DTypeLike) -> Terms:
        """[src.1] after the contexts whose rows are rows (n, levels), of all chains."""
        records = self.rows.records.take(rows)
        weights, rest = passed_down(records["passed_on"].astype(dtype), self.tables.levels)
        single = self.rows.single(records, weights)
        return Terms(self.tables.levels, weights, rest, self.rows.vectors, records["vector"], [single])


def discounted_counts(tables: Tables) -> Array:
    """The a − D(a) of each pair, (P,)."""
    level = tables.level[tables.rows_of_pairs()]
    return np.asarray(tables.counts - tables.discounts[level, np.minimum(tables.counts, 3)])


def sums_of_rows(tables: Tables, numbers: Array) -> Array:
    """The sum over the pairs of each row of numbers (P,), (C + 1,); 0 for contexts that were never seen."""
    return np.append(np.add.reduceat(numbers, tables.first[:-1]), 0)
