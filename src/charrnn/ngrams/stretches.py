"""Stretches of arrays that stand side by side, such as the pairs of each row of tables."""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array


def starts_of(lengths: Array) -> Array:
    """Where stretches of these lengths begin, and where the last ends; int32 as long as it can be."""
    starts: Array = np.append(0, np.cumsum(lengths))
    return starts.astype(np.int32) if starts[-1] < 1 << 31 else starts


def places_of(first: Array, lengths: Array) -> Array:
    """The places in an array of some of its stretches, one stretch after the other."""
    return np.asarray(np.arange(lengths.sum()) + np.repeat(first - starts_of(lengths)[:-1], lengths))


def first_of_its_kind(ordered: Array) -> Array:
    """Which entries of a sorted array differ from the entry before."""
    differs = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=differs[1:])
    return differs


def first_not_below(wanted: Array, values: Array, low: Array, high: Array) -> Array:
    """In each stretch of sorted values, from low to high, the place of the first that is not below what is wanted."""
    low, high = low.copy(), high.copy()
    active = np.flatnonzero(low < high)
    while len(active):  # a binary search in each; most are short
        a, b = low[active], high[active]
        middle = a + ((b - a) >> 1)  # a + b may be too large a number
        below = values[middle] < wanted[active]
        low[active], high[active] = np.where(below, middle + 1, a), np.where(below, b, middle)
        active = active[low[active] < high[active]]
    return low
