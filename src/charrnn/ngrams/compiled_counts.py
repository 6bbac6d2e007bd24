"""The counts of experts in the form that compiled code reads. It is made once for each model."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.ngrams.all_texts import MARK, OfAllTexts
from charrnn.ngrams.chains import Chain, Characters, Labels, Recent, Words
from charrnn.ngrams.distributions import Shares
from charrnn.ngrams.tables import Tables
from charrnn.nn.kernels.library import pointer

COMPILED_CHAINS: tuple[type[Chain], ...] = (Characters, Labels, Recent, Words)  # whose keys are in c/keys.h
MOST_SYMBOLS, MOST_PAIRS, MOST_LEVELS = 1 << 16, 1 << 31, 8  # that the types and arrays in c/keys.h hold


class _Chain(ctypes.Structure):
    """`chain` in c/keys.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("levels", "salt", "first_label")),
        ("mark", ctypes.c_uint64),
        *((name, ctypes.c_void_p) for name in ("kinds", "folded", "own")),
    ]


class _Counts(ctypes.Structure):
    """`counts` in c/keys.h."""

    _fields_ = [(name, ctypes.c_int64) for name in ("rows", "shift")] + [
        (name, ctypes.c_void_p)
        for name in ("keys", "starts", "first", "symbols", "passed_on", "discounted", "shortest")
    ]


def can_be_compiled(tables: Tables, chains: Sequence[Chain]) -> bool:
    """Whether compiled code knows all chains, and its types hold the tables."""
    small = tables.vocab_size <= MOST_SYMBOLS and len(tables.counts) < MOST_PAIRS and max(tables.levels) <= MOST_LEVELS
    plain = (chain.chain if isinstance(chain, OfAllTexts) else chain for chain in chains)
    return small and all(type(chain) in COMPILED_CHAINS for chain in plain)


class CompiledCounts:
    """Counts in the types that compiled code reads."""

    def __init__(self, shares: Shares, chains: Sequence[Chain]) -> None:
        tables = shares.tables
        starts, shift = tables.buckets
        kinds: dict[str, tuple[Array, npt.DTypeLike]] = {
            "keys": (tables.keys, np.uint64), "starts": (starts, np.int64), "first": (tables.first, np.int32),
            "symbols": (tables.symbols, np.uint16), "passed_on": (shares.passed_on, np.float32),
            "discounted": (shares.discounted, np.float32), "shortest": (shares.shortest, np.float64),
        }  # fmt: skip
        self.arrays: list[Any] = []  # kept alive
        self.counts = _Counts(len(tables.keys), int(shift), **{k: self._address(*a) for k, a in kinds.items()})
        self.chains = (_Chain * len(chains))(*map(self._chain, chains))

    def _address(self, array: Array, dtype: npt.DTypeLike) -> int:
        self.arrays.append(np.ascontiguousarray(array, dtype))
        return pointer(self.arrays[-1])

    def _chain(self, chain: Chain) -> _Chain:
        if isinstance(chain, OfAllTexts):
            found = self._chain(chain.chain)
            found.mark, found.own = MARK, self._address(chain.table, np.int64)
            return found
        if isinstance(chain, Words):
            kinds, folded = (self._address(np.array(numbers), np.int64) for numbers in (chain.kinds, chain.folded))
            return _Chain(chain.levels, kinds=kinds, folded=folded)
        assert isinstance(chain, Characters)
        return _Chain(chain.levels, chain.salt, chain.first if isinstance(chain, Labels) else 0)
