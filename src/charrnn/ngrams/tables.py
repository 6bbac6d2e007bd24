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
from hashlib import sha256
from typing import NamedTuple

import numpy as np

from charrnn.arrays import Array
from charrnn.ngrams.chains import KEY_BITS
from charrnn.ngrams.stretches import first_not_below, first_of_its_kind, number_type, starts_of

FEW = 16  # keys, for which one binary search is faster than several steps
SYMBOL_BITS = np.uint64(64 - KEY_BITS)  # what is left of a number of 64 bits for the character after a context
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


@dataclass(frozen=True, eq=False)
class Tables:
    """The counts of several chains. A *row* is a context, of any chain and level; its *pairs* stand side by side."""

    vocab_size: int
    levels: tuple[int, ...]  # of each chain
    keys: Array  # (C,) uint64 of each row, sorted; below 2^KEY_BITS
    level: Array  # (C,) uint8 of each row; those of the second chain follow those of the first
    first: Array  # (C + 1,) the first pair of each row; int32 as long as it can be
    symbols: Array  # (P,) the character of each pair, sorted within a row, in the smallest unsigned type
    counts: Array  # (P,) int32: texts are shorter than 2³¹ characters
    discounts: Array  # (sum of levels, 4): what a count of 0, 1, 2, and 3 or more loses

    @classmethod
    def empty(cls, vocab_size: int, levels: Sequence[int]) -> Tables:
        """The tables of no text."""
        return cls(
            vocab_size, tuple(levels), np.empty(0, np.uint64), np.empty(0, np.uint8), starts_of(np.empty(0, int)),
            np.empty(0, np.min_scalar_type(vocab_size - 1)), np.empty(0, np.int32), np.zeros((sum(levels), 4)),
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

    def pruned(self, least: int, gone: Sequence[int] | Array = ()) -> Tables:
        """The tables without the longest contexts that occur less often than `least`, and without the levels `gone`.

        The discounts stay as they are.

        Only the total of a chain's longest context says how often it occurs; a shorter one's says in how many longer
        ones. So each context that stays has all of its shorter ones below it, and where a longest one is gone, the
        next shorter one says all: every level is looked up on its own, and one that is missing passes everything on.
        """
        longest = [sum(self.levels[: k + 1]) - 1 for k, count in enumerate(self.levels) if count > 1]
        stays = (~np.isin(self.level, longest) | (self.totals[:-1] >= least)) & ~np.isin(self.level, gone)
        if stays.all():
            return self
        lengths = np.diff(self.first)
        pairs = np.repeat(stays, lengths)
        return replace(
            self, keys=self.keys[stays], level=self.level[stays], first=starts_of(lengths[stays]),
            symbols=self.symbols[pairs], counts=self.counts[pairs],
        )  # fmt: skip

    def with_discounts(self) -> Tables:
        """The tables with the discounts of modified Kneser–Ney that their counts ask for."""
        level = np.repeat(self.level, np.diff(self.first))
        found = [discounts(self.counts[level == each]) for each in range(sum(self.levels))]
        return replace(self, discounts=np.array(found))

    def digest(self) -> str:
        """SHA-256 of all that decides the probabilities, in hexadecimal; the same on every machine."""
        found = sha256(f"{self.vocab_size} {[int(count) for count in self.levels]}".encode())
        for array in (self.keys, self.level, self.first, self.symbols, self.counts, self.discounts):
            little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            found.update(f"{little.dtype.str} {little.shape}".encode())
            found.update(little.tobytes())
        return found.hexdigest()

    def rows(self, keys: Array) -> Array:
        """The row of each key, of any shape; C for contexts that were never seen.

        Keys are hashes: their highest bits say about where they stand, and few steps lead from there.
        """
        wanted = keys.ravel()
        if not len(self.keys):
            return np.zeros(keys.shape, np.intp)
        if keys.size <= FEW:
            rows = np.searchsorted(self.keys, wanted)
        else:
            starts, shift = self.buckets
            within = np.minimum(wanted, self.keys[-1])  # so that a row stops each search
            rows = starts[within >> shift].astype(np.intp)
            moving = np.flatnonzero(self.keys[rows] < within)
            while len(moving):
                rows[moving] += 1
                moving = moving[self.keys[rows[moving]] < within[moving]]
        found = self.keys.take(rows, mode="clip") == wanted
        return np.where(found, rows, len(self.keys)).reshape(keys.shape)

    def rows_of_pairs(self) -> Array:
        """The row of each pair, (P,)."""
        return np.repeat(np.arange(len(self.keys), dtype=self.first.dtype), np.diff(self.first))

    @cached_property
    def buckets(self) -> tuple[Array, np.uint64]:
        """The first row of each beginning that a key may have, and by how many bits keys are shifted to it."""
        bits = len(self.keys).bit_length()  # for less than one row in each
        shift = np.uint64(KEY_BITS - bits)
        return starts_of(np.bincount((self.keys >> shift).astype(np.intp), minlength=1 << bits)), shift

    @property
    def totals(self) -> Array:
        """A of each row, Σ_c a, (C + 1,), the last for contexts that were never seen."""
        return np.append(np.add.reduceat(self.counts, self.first[:-1], dtype=np.int64), 0)

    @cached_property
    def ended_first(self) -> Array:
        """The first pair of each row, and for contexts that were never seen a row without any."""
        return np.append(self.first, self.first[-1])

    def with_pairs(self, codes: Array, counts: Array, level: Array) -> Tables:
        """These tables with other pairs: their codes (P,), sorted and distinct, their counts and their levels (P,)."""
        symbols, keys = symbols_of(codes).astype(self.symbols.dtype), codes >> SYMBOL_BITS
        rows = np.flatnonzero(first_of_its_kind(keys))  # the first pair of each
        first = starts_of(np.diff(rows, append=len(keys)))
        return replace(self, keys=keys[rows], level=level[rows], first=first, symbols=symbols, counts=counts)

    def _changed(self, text: KeyedText, sign: int, ends: Array | None) -> tuple[Tables, Events | None]:
        changes = [
            change
            for chain, keys in enumerate(text.keys)
            for change in self._of_chain(sum(self.levels[:chain]), keys, text.symbols, sign, ends)
        ]
        lengths = np.diff(self.first)
        codes = np.concatenate(
            [codes_of_pairs(np.repeat(self.keys, lengths), self.symbols), *(c.codes for c in changes)]
        )
        counts = np.concatenate([self.counts, *(c.counts for c in changes)])
        levels = (np.full(len(c.codes), c.level, np.uint8) for c in changes)
        level = np.concatenate([np.repeat(self.level, lengths), *levels])
        number = number_type(len(codes))  # of a pair
        order = np.argsort(codes, kind="stable").astype(number)  # which merges stretches that are sorted
        codes = codes[order]
        new_pair = first_of_its_kind(codes)
        starts = np.flatnonzero(new_pair)
        counts = np.add.reduceat(counts[order], starts, dtype=np.int32)
        alive = counts > 0
        kept, counts = starts[alive].astype(number), counts[alive]
        codes, level = codes[kept], level[order[kept]]
        del starts, kept
        tables = self.with_pairs(codes, counts, level)
        del codes, counts, level
        if ends is None:
            return tables, None
        pair_of = np.empty(len(order), number)
        pair_of[order] = (np.cumsum(alive, dtype=number) - 1)[np.cumsum(new_pair, dtype=number) - 1]
        del order, new_pair, alive
        offsets = np.cumsum([len(self.counts), *(len(c.codes) for c in changes)])
        pairs = np.concatenate([pair_of[c.groups + offset] for c, offset in zip(changes, offsets, strict=False)])
        times = np.concatenate([c.times for c in changes])
        del pair_of, changes
        rows = tables.rows_of_pairs()[pairs]
        slots = (pairs - tables.first[rows]).astype(self.symbols.dtype)
        starts = starts_of(np.bincount(rows, minlength=len(tables.keys) + 1))
        del pairs
        in_order = rows.astype(np.int64)  # of rows, and of times within a row
        in_order *= len(text.symbols)
        in_order += times
        order = np.argsort(in_order, kind="stable")
        return tables, Events(starts, times[order], slots[order], ends)

    def _of_chain(self, lowest: int, keys: list[Array], symbols: Array, sign: int, ends: Array | None) -> list[_Change]:
        """What a text changes on the levels of one chain, the highest first."""
        n = len(symbols)
        first = last = np.arange(n, dtype=np.int32)  # time of each pair
        block = np.zeros(n, np.int32) if ends is None else np.searchsorted(ends, first, side="right").astype(np.int32)
        counted = np.ones(n, bool)
        changes = []
        for level in reversed(range(len(keys))):
            codes = codes_of_pairs(keys[level][first], symbols[first])
            # One pass by the highest bits, and hardly anything is left to be sorted.
            order = np.argsort((codes >> np.uint64(48)).astype(np.uint16), kind="stable")
            order = order[np.argsort(codes[order], kind="stable")]
            codes, first, last, counted = codes[order], first[order], last[order], counted[order]
            new_pair = first_of_its_kind(codes)
            starts = np.flatnonzero(new_pair)
            delta = np.add.reduceat(counted, starts, dtype=np.int32)
            groups = times = first[:0]
            if ends is not None:  # events are decided by one block alone
                events = np.flatnonzero(counted & (block[first] == block[last]))
                groups, times = (np.cumsum(new_pair, dtype=np.int32) - 1)[events], first[events]
            codes = codes[starts]
            before = self._counts_of(codes)
            changes.append(_Change(lowest + level, codes, sign * delta, groups, times))
            first, last = np.minimum.reduceat(first, starts), np.maximum.reduceat(last, starts)
            counted = before == 0 if sign > 0 else before == delta
        return changes

    def _counts_of(self, codes: Array) -> Array:
        """The counts of pairs, 0 for those that are not in the tables."""
        if not len(self.counts):
            return np.zeros(len(codes), np.int32)
        symbols, ended = symbols_of(codes), self.ended_first
        rows = self.rows(codes >> SYMBOL_BITS)
        places = first_not_below(symbols, self.symbols, ended[rows], ended[rows + 1])
        found = (places < ended[rows + 1]) & (self.symbols.take(places, mode="clip") == symbols)
        return np.where(found, self.counts.take(places, mode="clip"), 0)


class _Change(NamedTuple):
    """What a text changes on one level."""

    level: int
    codes: Array  # of the pairs, sorted
    counts: Array
    groups: Array  # (E,) which of the pairs each event counts
    times: Array  # (E,)


def discounts(counts: Array) -> Array:
    """What a count of 0, 1, 2, and 3 or more loses by modified Kneser–Ney (Chen & Goodman 1998, section 3), (4,)."""
    n = np.array([(counts == k).sum() for k in range(1, 5)], float)
    share = n[0] / (n[0] + 2 * n[1]) if n[0] else 0.0
    lost = np.array([0.0, LEAST_DISCOUNT, LEAST_DISCOUNT, LEAST_DISCOUNT])
    for k in (1, 2, 3):
        if n[k - 1]:
            lost[k] = np.clip(k - (k + 1) * share * n[k] / n[k - 1], LEAST_DISCOUNT, k)
    return lost


def codes_of_pairs(keys: Array, symbols: Array) -> Array:
    """Pairs as numbers, in the order of their rows and symbols."""
    return keys << SYMBOL_BITS | symbols.astype(np.uint64)


def symbols_of(codes: Array) -> Array:
    return codes & np.uint64((1 << int(SYMBOL_BITS)) - 1)
