"""The array type of annotations. Shapes and units stand where arrays are made; precision is chosen at run time."""

from __future__ import annotations

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
