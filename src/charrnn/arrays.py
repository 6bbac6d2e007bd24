"""The array type of annotations. Shapes and units stand where arrays are made; precision is chosen at run time."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
PIECE = 1 << 22  # ids looked at together


def places_of(value: int, ids: Array) -> Array:
    """Where a value stands in ids (N,), which may be in a file: they are looked at in pieces."""
    starts = range(0, len(ids), PIECE)
    found = [start + np.flatnonzero(np.asarray(ids[start : start + PIECE]) == value) for start in starts]
    return np.concatenate([np.empty(0, np.intp), *found])


def give_freed_memory_back() -> None:
    """Give the system what the C library keeps of freed arrays, where it keeps any (glibc).

    Kept, it comes on top of what is needed next: a tenth of a run, with counts and a vocabulary of 4,500.
    """
    with suppress(OSError, AttributeError, TypeError):  # another system or C library
        ctypes.CDLL(None).malloc_trim(0)
