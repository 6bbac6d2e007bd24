"""Stretches of arrays that stand side by side, such as the pairs of each row of tables."""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array


def starts_of(lengths: Array) -> Array:
    """Where stretches of these lengths begin, and where the last ends; int32 as long as it can be."""
    starts: Array = np.append(0, np.cumsum(lengths))
    return starts.astype(number_type(starts[-1]))


def number_type(highest: int) -> type[np.signedinteger]:
    """int32 for numbers up to `highest`, as long as they fit: half the memory of int64."""
    return np.int32 if highest < 1 << 31 else np.int64


def places_of(first: Array, lengths: Array) -> Array:
    """The places in an array of some of its stretches, one stretch after the other."""
    places: Array = np.repeat(first - starts_of(lengths)[:-1], lengths)
    places += np.arange(len(places), dtype=places.dtype)
    return places


def gathered(first: Array, lengths: Array) -> tuple[Array, Array]:
    """Which of the stretches each place is in, and the places."""
    of = np.repeat(np.arange(len(lengths)), lengths)
    return of, (first - starts_of(lengths)[:-1]).take(of) + np.arange(len(of))


def first_of_its_kind(ordered: Array) -> Array:
    """Which entries of a sorted array differ from the entry before."""
    differs = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=differs[1:])
    return differs


def ends_of_runs(*arrays: Array) -> Array:
    """For each entry of arrays, the end of the run of entries that are alike in all of them."""
    differs = np.logical_or.reduce([array[1:] != array[:-1] for array in arrays])
    ends = np.append(np.flatnonzero(differs) + 1, len(arrays[0]))
    return np.repeat(ends.astype(number_type(ends[-1])), np.diff(ends, prepend=0))


def first_not_below(wanted: Array, values: Array, low: Array, high: Array) -> Array:
    """In each stretch of sorted values, from low to high, the place of the first that is not below what is wanted.

    A binary search in all of them at once, in steps that are powers of two: the longest stretches take the first ones.
    """
    bits = np.frexp(high - low)[1].astype(np.uint8)
    order = np.argsort(bits, kind="stable")[::-1]
    found, ends, wanted = low[order].astype(np.int64), high[order], wanted[order]
    active, counts = 0, np.bincount(bits)
    for bit in range(len(counts) - 1, 0, -1):
        active += counts[bit]
        step = 1 << (bit - 1)
        tried = found[:active] + step
        below = (tried <= ends[:active]) & (values.take(tried - 1, mode="clip") < wanted[:active])
        found[:active] += below * step
    places = np.empty_like(found)
    places[order] = found
    return places
