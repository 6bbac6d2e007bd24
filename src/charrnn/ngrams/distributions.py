"""What counts say about the next character: modified Kneser–Ney, interpolated along a chain.

    P_l(c | u_l) = ( max(a − D(a), 0) + M P_{l−1}(c | u_{l−1}) ) / A,   A = Σ_c a,   M = Σ_c D(a)      [src.1]

with P_0 = 1 / V, and P_l = P_{l−1} for a context that was never seen (Chen & Goodman 1998, section 3). Written out from
the top, P_L is a sum over all pairs of all levels, each weighted with the M / A of the levels above it:

    P_L(c) = Σ_l (a_l − D(a_l)) / A_l · Π_{k>l} M_k / A_k  +  P_1(c) · Π_{k>1} M_k / A_k,   l = 2 … L

so that the rows of many positions become one sum over all of their pairs, and nothing as large as the tables is made.
The shortest context is the same everywhere, and most characters occur in it: P_1 is a dense vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.ngrams.tables import Events, Tables


class Removed(NamedTuple):
    """What is taken out of the counts at each of n = T·B positions: a block's events from a time on."""

    events: Events
    since: Array  # (T, B): consecutive times of each lane
    until: Array  # (T, B): where the position's block ends


@dataclass(frozen=True, eq=False)
class Shares:
    """Tables as [src.1] uses them: nothing is taken out."""

    tables: Tables

    @cached_property
    def discounted(self) -> Array:
        """(a − D(a)) / A of each pair, (P,) float32."""
        tables = self.tables
        rows = tables.rows_of_pairs()
        lost = tables.discounts[tables.level[rows], np.minimum(tables.counts, 3)]
        return ((tables.counts - lost) / tables.totals[rows]).astype(np.float32)

    @cached_property
    def passed_on(self) -> Array:
        """M / A of each row, (C + 1,) float32; 1 for contexts that were never seen."""
        sums = np.add.reduceat(self.discounted, self.tables.first[:-1]) if len(self.tables.keys) else np.empty(0)
        return np.append(1 - sums, 1).astype(np.float32)

    @cached_property
    def shortest_counts(self) -> Array:
        """The counts of the shortest context of each chain, (S, V)."""
        tables = self.tables
        counts = np.zeros((len(tables.levels), tables.vocab_size))
        for chain, level in enumerate(_lowest(tables)):
            for row in np.flatnonzero(tables.level == level):
                pairs = slice(tables.first[row], tables.first[row + 1])
                counts[chain, tables.symbols[pairs]] = tables.counts[pairs]
        return counts

    @cached_property
    def shortest(self) -> Array:
        """P_1 of each chain, (S, V)."""
        discounts = self.tables.discounts[_lowest(self.tables)]
        return np.array([_interpolated(c, d) for c, d in zip(self.shortest_counts, discounts, strict=True)])


def log_probs(shares: Shares, rows: Array, dtype: npt.DTypeLike, removed: Removed | None = None) -> Array:
    """The logarithm of [src.1].

    Parameters
    ----------
    rows : (T, B, levels) integer array
        The rows of the contexts that a position's character stands after, of all chains.

    Returns
    -------
    (S, T, B, V) array of dtype, S the number of chains.
    """
    tables = shares.tables
    T, B, levels = rows.shape
    n, V, S = T * B, tables.vocab_size, len(tables.levels)
    longer = np.setdiff1d(np.arange(levels), _lowest(tables))  # all contexts but the shortest of each chain
    flat = rows[..., longer].ravel()
    first = tables.ended_first
    lengths = first[flat + 1] - first[flat]
    starts, pairs = _joined(first[flat], lengths)
    of = np.repeat(np.arange(len(flat)), lengths)  # which of the rows
    if removed is None:
        weights, passed_on = shares.discounted[pairs], shares.passed_on[flat]
        shortest = shares.shortest[:, None, None, :]
    else:
        counts = tables.counts[pairs] - _taken_out(removed, rows[..., longer], starts, len(pairs))
        lost = tables.discounts[longer[of % len(longer)], np.minimum(counts, 3)]
        total = np.bincount(of, counts, minlength=len(flat))
        seen = total > 0
        scale = 1 / np.where(seen, total, 1)
        passed_on = np.where(seen, np.bincount(of, lost, minlength=len(flat)) * scale, 1)
        weights = (counts - lost) * scale[of]
        shortest = _shortest_without(shares, rows, removed)
    of_chain = [count - 1 for count in tables.levels]
    above, rest = _passed_on_above(passed_on.reshape(n, len(longer)), of_chain)
    chain = np.repeat(np.arange(S), of_chain)
    base = ((chain[None, :] * n + np.arange(n)[:, None]) * V).ravel()  # of each row in the result
    weights = weights * above.ravel()[of]
    probs = np.bincount(base[of] + tables.symbols[pairs], weights, minlength=S * n * V).astype(float, copy=False)
    probs = probs.reshape(S, T, B, V)
    probs += rest.reshape(S, T, B, 1) * shortest
    probs = probs.astype(dtype, copy=False)
    return np.asarray(np.log(probs, out=probs))


def _lowest(tables: Tables) -> Array:
    """The level of the shortest context of each chain."""
    return np.cumsum((0, *tables.levels[:-1]))


def _interpolated(counts: Array, discounts: Array) -> Array:
    """[src.1] for the shortest context, from its counts (…, V), all characters among them."""
    lost = discounts[np.minimum(counts, 3).astype(np.intp)]
    total = counts.sum(axis=-1, keepdims=True)
    mass = np.where(total > 0, lost.sum(axis=-1, keepdims=True), 1)
    return np.asarray((counts - lost + mass / counts.shape[-1]) / np.where(total > 0, total, 1))


def _shortest_without(shares: Shares, rows: Array, removed: Removed) -> Array:
    """P_1 of each chain where events are taken out, (S, T, B, V).

    What is taken out at the first position, or where a block begins, is counted; then each event is put back after its
    time.
    """
    tables, (events, since, until) = shares.tables, removed
    T, B = since.shape
    begins = np.vstack([np.ones((1, B), bool), until[1:] != until[:-1]])
    found = np.zeros((len(tables.levels), T, B, tables.vocab_size))
    for chain, level in enumerate(_lowest(tables)):
        counts = found[chain]  # differences in time, until they are summed
        counts[0] = shares.shortest_counts[chain]
        row = rows[:, :, level]
        first, stop = events.at(row, since), events.at(row, until)
        for t, b in zip(*np.nonzero(begins & (first < stop)), strict=True):
            symbols = tables.symbols[tables.first[row[t, b]] + events.slots[first[t, b] : stop[t, b]].astype(np.intp)]
            counts[t, b] -= np.bincount(symbols, minlength=tables.vocab_size)
            put_back = events.times[first[t, b] : stop[t, b]] - since[0, b] + 1
            inside = put_back < T
            np.add.at(counts[:, b], (put_back[inside], symbols[inside]), 1)
        np.cumsum(counts, axis=0, out=counts)
        found[chain] = _interpolated(counts, tables.discounts[level])
    return found


def _passed_on_above(passed_on: Array, levels: list[int]) -> tuple[Array, Array]:
    """The products of M / A over the levels above each, (n, levels), and over all levels of a chain, (S, n)."""
    above = np.ones_like(passed_on)
    rest, start = [], 0
    for count in levels:
        stop = start + count
        for level in range(stop - 2, start - 1, -1):
            np.multiply(above[:, level + 1], passed_on[:, level + 1], out=above[:, level])
        rest.append(above[:, start] * passed_on[:, start])
        start = stop
    return above, np.array(rest)


def _taken_out(removed: Removed, rows: Array, starts: Array, pairs: int) -> Array:
    """How often each of the gathered pairs is counted between the two times, (pairs,)."""
    events = removed.events
    begin = events.at(rows, np.broadcast_to(removed.since[..., None], rows.shape)).ravel()
    stop = events.at(rows, np.broadcast_to(removed.until[..., None], rows.shape)).ravel()
    lengths = stop - begin
    _, which = _joined(begin, lengths)
    return np.bincount(np.repeat(starts, lengths) + events.slots[which], minlength=pairs)


def _joined(first: Array, lengths: Array) -> tuple[Array, Array]:
    """Stretches of an array, one after the other: where each begins in the row of them, and the places of them all."""
    starts = np.cumsum(lengths) - lengths
    return starts, np.arange(lengths.sum()) + np.repeat(first - starts, lengths)
