"""Counts over chains of contexts, in sparse tables to which texts can be added, and from which they can be removed.

Of a context u and the character c after it, a_L(u_L, c) is how often it stands in the texts; for the shorter contexts
of the chain, a_l(u_l, c) is the number of different u_{l+1} ⊃ u_l with a_{l+1}(u_{l+1}, c) > 0 (Kneser & Ney 1995).

    add (u, y):     for l = L … 1:  a_l(u_l, y) += 1;  stop if it was > 0 before      [src.2]
    remove (u, y):  for l = L … 1:  a_l(u_l, y) −= 1;  stop if it is still > 0        [src.3]

Both are exact: the tables are those of the texts that remain, in whatever order they came and went. A whole text is
added at once, level by level: the pairs (u, c) that are new on one level are what is counted on the level below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from charrnn.arrays import Array
from charrnn.ngrams.chains import KEY_BITS, mixed

FEW = 16  # keys, for which one binary search is faster than several steps
LEAST_DISCOUNT = 0.05  # keeps every character possible, even where every pair was seen many times


class KeyedText(NamedTuple):
    """A text as the tables count it: each character, and the keys of the contexts that it stands after."""

    keys: list[list[Array]]  # of each chain, for each of its contexts, (n,) uint64
    symbols: Array  # (n,) ids


class Events(NamedTuple):
    """When a text's pairs are counted: at the first time that a pair occurs, one is added to a count below it.

    Only what a single block of the text decides is here: without the part of the block from some time on, the counts
    are those of the tables less the events of that part.
    """

    first: Array  # (C + 2,) the first event of each row; the last row is that of contexts that were never seen
    times: Array  # (E,) int32, sorted within a row
    slots: Array  # (E,) which pair of the row
    ends: Array  # (blocks,) where each block of the text ends

    def at(self, rows: Array, times: Array) -> Array:
        """The first event of each row that is not before its time; both of the same shape."""
        low, high = self.first[rows].ravel(), self.first[rows + 1].ravel()
        wanted = times.ravel()
        active = np.flatnonzero(low < high)
        while len(active):  # a binary search in each row; most rows have few events
            a, b = low[active], high[active]
            middle = (a + b) >> 1
            before = self.times[middle] < wanted[active]
            low[active], high[active] = np.where(before, middle + 1, a), np.where(before, b, middle)
            active = active[low[active] < high[active]]
        return low.reshape(rows.shape)


@dataclass(frozen=True, eq=False)
class Tables:
    """The counts of several chains. A *row* is a context, of any chain and level; its *pairs* stand side by side."""

    vocab_size: int
    levels: tuple[int, ...]  # of each chain
    keys: Array  # (C,) uint64 of each row, sorted; below 2^KEY_BITS
    level: Array  # (C,) uint8 of each row; those of the second chain follow those of the first
    first: Array  # (C + 1,) int64: the first pair of each row
    symbols: Array  # (P,) the character of each pair, sorted within a row
    counts: Array  # (P,) int64
    discounts: Array  # (sum of levels, 4): what a count of 0, 1, 2, and 3 or more loses

    @classmethod
    def empty(cls, vocab_size: int, levels: Sequence[int]) -> Tables:
        """The tables of no text."""
        symbols = np.empty(0, np.uint16 if vocab_size <= 1 << 16 else np.uint32)
        return cls(
            vocab_size, tuple(levels), np.empty(0, np.uint64), np.empty(0, np.uint8), np.zeros(1, np.int64), symbols,
            np.empty(0, np.int64), np.zeros((sum(levels), 4)),
        )  # fmt: skip

    def add(self, text: KeyedText) -> Tables:
        """[src.2] for every character of a text. The discounts stay as they are."""
        return self._changed(text, 1, None)[0]

    def remove(self, text: KeyedText) -> Tables:
        """[src.3] for every character of a text that was added before."""
        return self._changed(text, -1, None)[0]

    def read(self, text: KeyedText, ends: Array) -> tuple[Tables, Events]:
        """As `add`, and what each of the blocks, which end at ends, adds at which time."""
        tables, events = self._changed(text, 1, ends)
        assert events is not None
        return tables, events

    def with_discounts(self) -> Tables:
        """The tables with the discounts of modified Kneser–Ney that their counts ask for."""
        level = self.level[self.rows_of_pairs()]
        found = [discounts(self.counts[level == each]) for each in range(sum(self.levels))]
        return replace(self, discounts=np.array(found))

    def rows(self, keys: Array) -> Array:
        """The row of each key, of any shape; C for contexts that were never seen.

        Keys are hashes: their highest bits say about where they stand, and few steps lead from there.
        """
        ended, wanted = self._ended_keys, keys.ravel()
        if keys.size <= FEW:
            rows = np.searchsorted(self.keys, wanted)
        else:
            starts, shift = self._buckets
            rows = starts[wanted >> shift]
            moving = np.flatnonzero(ended[rows] < wanted)
            while len(moving):
                rows[moving] += 1
                moving = moving[ended[rows[moving]] < wanted[moving]]
        return np.where(ended[rows] == wanted, rows, len(self.keys)).reshape(keys.shape)

    def rows_of_pairs(self) -> Array:
        """The row of each pair, (P,)."""
        return np.repeat(np.arange(len(self.keys)), np.diff(self.first))

    @cached_property
    def _buckets(self) -> tuple[Array, np.uint64]:
        """The first row of each beginning that a key may have, and by how many bits keys are shifted to it."""
        bits = min(24, max(1, len(self.keys).bit_length()))
        starts = np.searchsorted(self.keys >> np.uint64(KEY_BITS - bits), np.arange(1 << bits, dtype=np.uint64))
        return starts, np.uint64(KEY_BITS - bits)

    @cached_property
    def _ended_keys(self) -> Array:
        """The keys, and the largest number after them."""
        return np.append(self.keys, np.uint64((1 << 64) - 1))

    @cached_property
    def totals(self) -> Array:
        """A of each row, Σ_c a, (C + 1,), the last for contexts that were never seen."""
        return np.append(np.add.reduceat(self.counts, self.first[:-1]), 0) if len(self.counts) else np.zeros(1)

    @cached_property
    def ended_first(self) -> Array:
        """The first pair of each row, and for contexts that were never seen a row without any."""
        return np.append(self.first, self.first[-1])

    def _changed(self, text: KeyedText, sign: int, ends: Array | None) -> tuple[Tables, Events | None]:
        changes = [
            change
            for chain, keys in enumerate(text.keys)
            for change in self._of_chain(sum(self.levels[:chain]), keys, text.symbols, sign, ends)
        ]
        rows = self.rows_of_pairs()
        keys = np.concatenate([self.keys[rows], *(c.keys for c in changes)])
        symbols = np.concatenate([self.symbols, *(c.symbols for c in changes)]).astype(self.symbols.dtype)
        counts = np.concatenate([self.counts, *(c.counts for c in changes)])
        level = np.concatenate([self.level[rows], *(np.full(len(c.keys), c.level, np.uint8) for c in changes)])
        order = np.argsort(symbols, kind="stable")
        order = order[np.argsort(keys[order], kind="stable")]
        keys, symbols, level = keys[order], symbols[order], level[order]
        new_pair = _first_of_its_kind(keys, symbols)
        starts = np.flatnonzero(new_pair)
        counts = np.add.reduceat(counts[order], starts) if len(starts) else counts
        alive = counts > 0
        kept = starts[alive]
        new_row = _first_of_its_kind(keys[kept])
        first = np.append(np.flatnonzero(new_row), len(kept))
        tables = replace(
            self, keys=keys[kept][new_row], level=level[kept][new_row], first=first, symbols=symbols[kept],
            counts=counts[alive],
        )  # fmt: skip
        if ends is None:
            return tables, None
        pair_of = np.empty(len(order), np.int64)
        pair_of[order] = np.cumsum(new_pair) - 1
        row_of_pair = np.cumsum(new_row) - 1
        offset, row, time, slot = len(self.counts), [], [], []
        for change in changes:
            of_event = pair_of[offset : offset + len(change.keys)][change.event_group]
            row.append(row_of_pair[of_event])
            time.append(change.event_time)
            slot.append(of_event - first[row[-1]])
            offset += len(change.keys)
        rows, times, slots = np.concatenate(row), np.concatenate(time), np.concatenate(slot)
        order = np.argsort(rows * len(text.symbols) + times)
        starts = np.append(np.searchsorted(rows[order], np.arange(len(tables.keys) + 1)), len(rows))
        return tables, Events(starts, times[order].astype(np.int32), slots[order].astype(tables.symbols.dtype), ends)

    def _of_chain(self, lowest: int, keys: list[Array], symbols: Array, sign: int, ends: Array | None) -> list[_Change]:
        """What a text changes on the levels of one chain, the highest first."""
        first = last = np.arange(len(symbols))
        if not len(symbols):
            return []
        counted = np.ones(len(symbols), bool)
        changes = []
        for level in reversed(range(len(keys))):
            key, symbol = keys[level][first], symbols[first]
            order = np.argsort(mixed(key, symbol), kind="stable")  # equal pairs side by side
            new_pair = _first_of_its_kind(key[order], symbol[order])
            starts = np.flatnonzero(new_pair)
            group = np.empty(len(order), np.int64)
            group[order] = np.cumsum(new_pair) - 1
            delta = np.add.reduceat(counted[order].astype(np.int64), starts)
            where = order[starts]
            before = self._counts_of(key[where], symbol[where])
            if ends is None:
                events = np.empty(0, np.int64)
            else:  # decided by one block alone
                local = np.searchsorted(ends, first, side="right") == np.searchsorted(ends, last, side="right")
                events = np.flatnonzero(local & counted)
            changes.append(
                _Change(lowest + level, key[where], symbol[where], sign * delta, group[events], first[events])
            )
            first, last = np.minimum.reduceat(first[order], starts), np.maximum.reduceat(last[order], starts)
            counted = before == 0 if sign > 0 else before == delta
        return changes

    def _counts_of(self, keys: Array, symbols: Array) -> Array:
        """The counts of pairs, 0 for those that are not in the tables."""
        if not len(self.counts):
            return np.zeros(len(keys), np.int64)
        found, pairs = find(self._pair_keys, self.rows(keys) * self.vocab_size + symbols)
        return np.where(found, self.counts[pairs], 0)

    @cached_property
    def _pair_keys(self) -> Array:
        return self.rows_of_pairs() * self.vocab_size + self.symbols


class _Change(NamedTuple):
    """What a text changes on one level."""

    level: int
    keys: Array
    symbols: Array
    counts: Array
    event_group: Array  # (E,) which of the pairs each event counts
    event_time: Array


def discounts(counts: Array) -> Array:
    """What a count of 0, 1, 2, and 3 or more loses by modified Kneser–Ney (Chen & Goodman 1998, section 3), (4,)."""
    n = np.array([(counts == k).sum() for k in range(1, 5)], float)
    share = n[0] / (n[0] + 2 * n[1]) if n[0] else 0.0
    lost = np.array([0.0, LEAST_DISCOUNT, LEAST_DISCOUNT, LEAST_DISCOUNT])
    for k in (1, 2, 3):
        if n[k - 1]:
            lost[k] = np.clip(k - (k + 1) * share * n[k] / n[k - 1], LEAST_DISCOUNT, k)
    return lost


def find(table: Array, codes: Array) -> tuple[Array, Array]:
    """Return which codes are in a sorted table, and their places (0 for codes that are not in it)."""
    places = np.minimum(np.searchsorted(table, codes), len(table) - 1)
    found = table[places] == codes
    return found, np.where(found, places, 0)


def _first_of_its_kind(*sorted_arrays: Array) -> Array:
    """Which entries of arrays that are sorted alike differ from the entry before."""
    differs = np.ones(len(sorted_arrays[0]), bool)
    if len(differs):
        differs[1:] = np.logical_or.reduce([array[1:] != array[:-1] for array in sorted_arrays])
    return differs
