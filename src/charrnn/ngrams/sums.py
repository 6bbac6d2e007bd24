"""Weighted sums of the rows of tables at many positions, along chains of contexts.

    Σ_l w_l · row_l + r / V,   l = 1 … L

A row with many pairs is added as a vector, any other pair by pair: few rows have many, and most positions have them.
A position's sum has the same terms in the same order whatever else is asked about, and so the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from charrnn.arrays import Array
from charrnn.ngrams.stretches import gathered
from charrnn.ngrams.tables import Tables

FULL = 1 / 4  # of the vocabulary: a row with this share of it, or more, is a vector
NUMBERS = 1 << 18  # that are added up at a time: they stay in the cache


class Rows:
    """The rows of tables, with a number for each pair (P,), and more that is known of each row, (C + 1,).

    All that is known of a row stands side by side in a record: at many positions, to look it up takes longer than to
    reckon with it.
    """

    def __init__(self, tables: Tables, numbers: Array, **known: Array) -> None:
        self.tables, self.numbers = tables, numbers
        lengths = np.diff(tables.first)
        full = (lengths >= FULL * tables.vocab_size) | np.isin(tables.level, lowest(tables))
        known["vector"] = np.append(np.where(full, np.cumsum(full), 0), 0).astype(np.int32)
        known["first"] = tables.first.astype(np.int32)
        known["pairs"] = np.append(np.where(full, 0, lengths), 0).astype(np.int32)  # that are added one by one
        self.records = np.empty(len(full) + 1, [(name, of_rows.dtype) for name, of_rows in known.items()])
        for name, of_rows in known.items():
            self.records[name] = of_rows
        self.vectors = np.zeros((np.count_nonzero(full) + 1, tables.vocab_size), numbers.dtype)  # the first stays zero
        inside = np.repeat(full, lengths)
        self.vectors[np.repeat(known["vector"][:-1], lengths)[inside], tables.symbols[inside]] = numbers[inside]

    def single(self, records: Array, weights: Array) -> Single:
        """The terms of the pairs that are added one by one, of rows with records and weights (n, levels)."""
        of, pairs = gathered(records["first"].ravel(), (records["pairs"] * (weights > 0)).ravel())
        numbers = self.numbers.take(pairs, mode="clip") * weights.take(of)
        return Single(of, self.tables.symbols.take(pairs, mode="clip"), numbers)


class Single(NamedTuple):
    """Terms of single characters, their weights included."""

    of: Array  # (K,) places in (n, levels), sorted
    symbols: Array  # (K,) characters
    numbers: Array  # (K,)


class Terms(NamedTuple):
    """The terms of the sums at n positions."""

    levels: Sequence[int]  # of each chain
    weights: Array  # (n, levels)
    rest: Array  # (n, S), r
    vectors: Array  # (., V), the first zero
    which: Array  # (n, levels) of the vectors is the row
    single: Sequence[Single]

    def write_logs(self, out: Array) -> None:
        """The logarithms of the sums, into out (S, n, V)."""
        S, n, V = out.shape
        exact = np.result_type(out.dtype, np.float32)
        for start in range(0, n, step := max(1, NUMBERS // (S * V))):
            part = slice(start, min(start + step, n))
            np.log(self.sums(part).astype(exact, copy=False), out=out[:, part], casting="same_kind")

    def sums(self, part: slice) -> Array:
        """The sums at some of the positions, (S, n, V)."""
        weights, which = self.weights[part], self.which[part]
        (n, levels), V = weights.shape, self.vectors.shape[1]
        least = (self.rest[part].T / V)[..., None]
        sums = np.empty((len(self.levels), n, V), weights.dtype)
        sums[...] = least
        chain = np.repeat(np.arange(len(self.levels)), self.levels)
        for level, its_chain in enumerate(chain):
            self._add(sums[its_chain], which[:, level], weights[:, level])
        base = ((chain * n + np.arange(n)[:, None]) * V).ravel()  # where the sum that each row is part of begins
        for of, symbols, numbers in self.single:
            first, stop = np.searchsorted(of, (part.start * levels, part.stop * levels))
            at = base.take(of[first:stop] - part.start * levels) + symbols[first:stop]
            np.add.at(sums.reshape(-1), at, numbers[first:stop])
        if sums.min() <= 0:  # what is taken out has left less than nothing, by rounding
            np.copyto(sums, least, where=sums <= 0)
        return sums

    def _add(self, out: Array, which: Array, weights: Array) -> None:
        """Add to out (n, V) some of the vectors, which (n,), with their weights (n,)."""
        at = np.flatnonzero(which)
        if len(at) == len(which) and (which == which[0]).all():
            out += np.multiply.outer(weights, self.vectors[which[0]])
        elif 2 * len(at) > len(which):
            added = self.vectors.take(which, axis=0).astype(out.dtype, copy=False)
            added *= weights[:, None]
            out += added
        elif len(at):
            out[at] += self.vectors.take(which[at], axis=0) * weights[at, None]


def passed_down(passed_on: Array, levels: Sequence[int]) -> tuple[Array, Array]:
    """The products of M / A (n, levels) over the levels above each, (n, levels), and over all of a chain, (n, S)."""
    above, rest = np.empty_like(passed_on), np.ones((len(passed_on), len(levels)), passed_on.dtype)
    start = 0
    for chain, count in enumerate(levels):
        for level in range(start + count - 1, start - 1, -1):
            above[:, level] = rest[:, chain]
            rest[:, chain] *= passed_on[:, level]
        start += count
    return above, rest


def lowest(tables: Tables) -> Array:
    """The level of the shortest context of each chain: it has one row, which stands at all positions."""
    return np.cumsum((0, *tables.levels[:-1]))
