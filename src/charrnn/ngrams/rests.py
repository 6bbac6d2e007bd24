"""What counts say at a position of a text that they have counted: without the rest of the position's own block.

The *rest* of a row at a time t is made of the row's events from t to the end of t's block. Without it, A is smaller by
the number of its events, and each event changes the discounted count of its pair by

    δ = (a − D(a)) − (a + 1 − D(a + 1)),   a what is left of the pair without the event and those after it     [src.9]

so that M = A − Σ_c (a − D(a)) changes by − 1 − δ. A rest always ends where its block does: what an event leaves, and so
its δ, is the same at all times. It is found once, and so are, of a row whose rests are long, the discounted counts
without its last FEW, 2 FEW, 3 FEW, … events: whatever the time, only a few events are left to take out one by one.
"""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array
from charrnn.ngrams.distributions import discounted_counts, sums_of_rows
from charrnn.ngrams.stretches import ends_of_runs, first_not_below, gathered
from charrnn.ngrams.sums import Rows, Single, Terms, lowest, passed_down
from charrnn.ngrams.tables import Events, Tables

FEW, SHARE = 16, 1 / 8  # a rest is long from this number of events on, and from this share of the vocabulary on
NEVER = np.int32(np.iinfo(np.int32).max)  # after all events
KIND_BITS = 8  # hold 4 kinds of events for each level


class WithoutRests:
    """Tables as [src.1] uses them along a text that they have counted, from the events of the text."""

    def __init__(self, tables: Tables, events: Events) -> None:
        self.tables, self.ends = tables, events.ends
        discounted = discounted_counts(tables)
        self.rows = Rows(
            tables, discounted, kept=sums_of_rows(tables, discounted), total=tables.totals.astype(np.uint32),
            event=events.first[:-1].astype(np.int32), events=np.diff(events.first).astype(np.int32),
        )  # fmt: skip
        left = np.arange(4) - tables.discounts
        self.changes = np.append(left[:, :3] - left[:, 1:], np.full((len(left), 1), -1.0), axis=1).ravel()  # [src.9]

        row = np.repeat(np.arange(len(tables.keys), dtype=np.int32), np.diff(events.first[:-1]))  # of each event
        pair = tables.first[row] + events.slots
        block = np.searchsorted(events.ends, events.times, side="right").astype(np.min_scalar_type(len(events.ends)))
        order = np.argsort(pair, kind="stable").astype(pair.dtype)
        behind = np.empty_like(pair)  # how many events of the pair the rest has from each on
        behind[order] = ends_of_runs(pair[order], block[order]) - np.arange(len(row), dtype=pair.dtype)
        del order
        kind = 4 * tables.level[row] + np.minimum(tables.counts[pair] - behind, 3).astype(np.uint8)
        del behind
        small = np.min_scalar_type((tables.vocab_size << KIND_BITS) - 1)
        self.kinds = tables.symbols[pair].astype(small) << KIND_BITS | kind  # and the pair's character
        del pair, kind
        self.times = np.append(events.times, NEVER)
        self.stops = np.append(ends_of_runs(row, block), len(row)).astype(np.int32)  # where the rest from each on ends

        self.few = max(FEW, int(SHARE * tables.vocab_size))
        size = self.stops[:-1] - np.arange(len(row))  # of the rest from each event on
        self.known = np.flatnonzero(size % self.few == 0)
        without = self._without(row, discounted)
        self.kept = without.sum(axis=1)
        self.vectors = np.append(self.rows.vectors, without, axis=0)
        self.rows.vectors = self.vectors[: len(self.rows.vectors)]  # the same, held once

    def _without(self, row: Array, discounted: Array) -> Array:
        """The discounted counts of rows without the rests from the known events on, (., V)."""
        tables, stops = self.tables, self.stops[self.known]
        without = np.zeros((len(self.known), tables.vocab_size))
        of, events = gathered(self.known, np.full(len(self.known), self.few))
        symbols, changes = self._events(events)
        np.add.at(without, (of, symbols), changes)
        for k in np.flatnonzero(stops[1:] == stops[:-1])[::-1]:  # each is part of the one before
            without[k] += without[k + 1]
        rows = row[self.known]
        of, pairs = gathered(tables.first[rows], np.diff(tables.first)[rows])
        without[of, tables.symbols[pairs]] += discounted[pairs]
        without[without < 1e-9] = 0  # pairs of which nothing is left, but for rounding
        return without

    def terms(self, rows: Array, times: Array) -> Terms:
        """[src.1] after the contexts whose rows are rows (n, levels), of all chains, at times (n,)."""
        records = self.rows.records.take(rows)
        first, size = self._rests(records["event"], records["events"], times)
        total = records["total"] - size
        seen = total > 0
        single = size % self.few * seen  # events that are taken out one by one
        long = (size >= self.few) & seen
        known = np.searchsorted(self.known, first[long])  # the next, which ends the single ones
        records["vector"][long] = len(self.rows.vectors) + known
        records["pairs"][long] = 0
        records["kept"][long] = self.kept[known]
        of, events = gathered(first.ravel(), single.ravel())
        symbols, changes = self._events(events)
        kept = records["kept"] + np.bincount(of, changes, rows.size).reshape(rows.shape)
        scale = seen / np.maximum(total, 1)
        weights, rest = passed_down(np.where(seen, 1 - kept * scale, 1), self.tables.levels)
        weights *= scale
        terms = [self.rows.single(records, weights), Single(of, symbols, changes * weights.take(of))]
        return Terms(self.tables.levels, weights, rest, self.vectors, records["vector"], terms)

    def _events(self, events: Array) -> tuple[Array, Array]:
        """The character and the δ of events."""
        kinds = self.kinds.take(events, mode="clip")
        return kinds >> KIND_BITS, self.changes.take(kinds & ((1 << KIND_BITS) - 1))

    def _rests(self, first: Array, length: Array, times: Array) -> tuple[Array, Array]:
        """The first event of each rest, and how many it has: of rows with events (n, levels), at times (n,)."""
        stop, shortest = first + length, lowest(self.tables)
        high = stop.copy()
        high[:, shortest] = first[:, shortest]  # they are searched below
        wanted = np.repeat(times, first.shape[1])
        first = first_not_below(wanted, self.times, first.ravel(), high.ravel()).reshape(first.shape)
        for level in shortest:  # one row, which has many events
            first[:, level] += np.searchsorted(self.times[first[0, level] : stop[0, level]], times)
        until = self.ends.take(np.searchsorted(self.ends, times, side="right"), mode="clip")
        inside = (first < stop) & (self.times.take(first) < until[:, None])
        return first, np.where(inside, self.stops.take(first) - first, 0)
