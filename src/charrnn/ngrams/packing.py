"""Tables of counts as a model file holds them: a few arrays of bytes, which are checked as they are read.

Rows are sorted by level, then by how many pairs they have, then by key. So levels and lengths are long stretches of one
number, and a key is stored as its difference from the one before. A symbol is stored as the number of symbols left out
since the one before it in its row; counts and lengths are stored less 1. In each array the first bytes of all numbers
come first, then the second bytes, and so on: most high ones are 0. All is compressed with deflate, which looks for
repetitions of single bytes only: the rest is as good as random, and a search of it takes time and saves nothing.

Most of a file is keys. They are hashes: of C rows, each costs about KEY_BITS − log₂ C + 1.4 bits in any layout.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.ngrams.chains import KEY_BITS
from charrnn.ngrams.stretches import places_of, starts_of
from charrnn.ngrams.tables import LEAST_DISCOUNT, Tables

PREFIX = "counts."  # of the arrays' names
KEYS = np.uint64((1 << KEY_BITS) - 1)
# What a file can hold. A real one has less than one pair in a byte: what claims far more is made to fill the memory.
PAIRS_PER_BYTE, FEW_PAIRS = 4, 1 << 20
MOST = 1 << 30  # a row's total: a text as long as that can still be added
MOST_STEPS = 64  # to a row: hashes need ten, and other keys could make a search of rows as slow as one likes


def pack(tables: Tables) -> dict[str, Array]:
    """The arrays that hold tables, by their names in a model file."""
    lengths = np.diff(tables.first)
    order = np.lexsort((tables.keys, lengths, tables.level))
    lengths, keys = lengths[order], tables.keys[order]
    pairs = places_of(tables.first[:-1][order], lengths)
    starts = starts_of(lengths)[:-1]
    symbols, counts = tables.symbols[pairs], tables.counts[pairs]
    del pairs
    left_out = np.diff(symbols, prepend=symbols[:1]) - symbols.dtype.type(1)
    left_out[starts] = symbols[starts]
    arrays = {
        "sizes": np.array([len(keys), len(counts)], np.int64),
        "keys": _deflated(np.diff(keys, prepend=np.uint64(0)) & KEYS),
        "levels": _deflated(tables.level[order]),
        "lengths": _deflated((lengths - 1).astype(symbols.dtype)),
        "symbols": _deflated(left_out),
        "counts": _deflated(counts - np.int32(1)),
        "discounts": tables.discounts,
    }
    return {PREFIX + name: array for name, array in arrays.items()}


def unpack(arrays: Mapping[str, Array], vocab_size: int, levels: Sequence[int]) -> Tables:
    """The tables that `pack` was given, from arrays that anyone may have made.

    Raises
    ------
    ValueError
        They are not what `pack` makes: what is wrong, in a few words.
    """
    sizes = _array(arrays, "sizes", np.int64, (2,))
    discounts = _array(arrays, "discounts", np.float64, (sum(levels), 4))
    names = ("keys", "levels", "lengths", "symbols", "counts")
    packed = {name: _array(arrays, name, np.uint8, None) for name in names}
    known = {PREFIX + name for name in (*names, "sizes", "discounts")}
    _require(arrays.keys() <= known, f"{min(arrays.keys() - known, default='')} is not part of its counts")
    rows, pairs = sizes.tolist()
    bytes_read = sum(len(data) for data in packed.values())
    _require(0 <= rows <= pairs <= FEW_PAIRS + PAIRS_PER_BYTE * bytes_read, "it has too few bytes for its counts")
    least = [0, *[LEAST_DISCOUNT if rows else 0] * 3]  # so that every character stays possible
    _require(bool(((discounts >= least) & (discounts <= [0, 1, 2, 3])).all()), "its discounts are out of range")

    symbol = np.min_scalar_type(vocab_size - 1)
    level = _inflated(packed["levels"], np.uint8, rows)
    found = np.bincount(level, minlength=sum(levels))
    shortest = np.cumsum((0, *levels[:-1]))
    _require(len(found) == sum(levels) and bool((found[shortest] <= 1).all()), "its contexts are on wrong levels")

    lengths = _inflated(packed["lengths"], symbol, rows).astype(np.int64) + 1
    _require(int(lengths.sum()) == pairs, "the lengths of its contexts do not add up")
    keys = np.cumsum(_inflated(packed["keys"], np.uint64, rows), dtype=np.uint64) & KEYS
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    _require(bool((keys[1:] > keys[:-1]).all()), "two of its contexts have one key")

    starts = starts_of(lengths)[:-1]
    left_out = _inflated(packed["symbols"], symbol, pairs).astype(np.int64)
    symbols = np.cumsum(left_out + 1)
    symbols -= np.repeat(symbols[starts] - left_out[starts], lengths)
    _require(int(symbols.max(initial=0)) < vocab_size, "it counts characters that it does not know")
    above_one = _inflated(packed["counts"], np.uint32, pairs)
    _require(int(above_one.max(initial=0)) < MOST, "its counts are too large")

    first = starts_of(lengths[order])
    in_order = places_of(starts[order], lengths[order])
    tables = Tables(
        vocab_size, tuple(levels), keys, level[order], first, symbols[in_order].astype(symbol),
        above_one[in_order].astype(np.int32) + np.int32(1), discounts,
    )  # fmt: skip
    _require(int(tables.totals.max(initial=0)) <= MOST, "its counts are too large")
    _require(int(np.diff(tables.buckets[0]).max()) <= MOST_STEPS, "its keys are not spread evenly")
    return tables


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise ValueError(reason)


def _array(arrays: Mapping[str, Array], name: str, dtype: npt.DTypeLike, shape: tuple[int, ...] | None) -> Array:
    """An array of its type and shape; without a shape, a row of any length."""
    array = arrays.get(PREFIX + name)
    if array is None:
        raise ValueError(f"it lacks {PREFIX}{name}")
    fits = array.ndim == 1 if shape is None else array.shape == shape
    _require(array.dtype == dtype and fits, f"{PREFIX}{name} has a wrong type or shape")
    return array


def _deflated(array: Array) -> Array:
    """The bytes of numbers, all first ones before all second ones, compressed."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    planes = little.view(np.uint8).reshape(-1, little.itemsize).T
    stream = zlib.compressobj(strategy=zlib.Z_RLE)
    return np.frombuffer(stream.compress(planes.tobytes()) + stream.flush(), np.uint8)


def _inflated(data: Array, dtype: npt.DTypeLike, count: int) -> Array:
    """The numbers that `_deflated` was given. No more is unpacked than they need."""
    little = np.dtype(dtype).newbyteorder("<")
    size, stream = count * little.itemsize, zlib.decompressobj()
    try:
        unpacked = stream.decompress(data.tobytes(), size + 1)
    except zlib.error:
        unpacked = b""
    _require(len(unpacked) == size and stream.eof and not stream.unused_data, "its counts are damaged")
    planes = np.frombuffer(unpacked, np.uint8).reshape(little.itemsize, count)
    return np.asarray(np.ascontiguousarray(planes.T).view(little)[:, 0].astype(dtype))
