"""The contexts of documents: none looks beyond the boundary that its own document begins with.

What stands before a stretch of text counts as nothing for a chain. So the stretches that it is given are cut at every
boundary, and a chain need not know of documents.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from charrnn.arrays import Array
from charrnn.config import BOUNDARY_ID

BOUNDARY_CODE = BOUNDARY_ID + 1


def keys_by_document(keys: Callable[[Array], list[Array]], codes: Array) -> list[Array]:
    """The keys after each character of stretches (B, n), as `Chain.keys` gives them, of each document alone.

    Documents of about the same length are looked at together.
    """
    flat = codes.ravel()
    begins = codes == BOUNDARY_CODE
    begins[:, :1] = True
    starts = np.flatnonzero(begins)
    lengths = np.diff(np.append(starts, flat.size))
    kinds = np.ceil(np.log2(lengths)).astype(int)
    found: list[Array] = []
    for kind in np.unique(kinds):
        of_kind = kinds == kind
        columns = np.arange(lengths[of_kind].max())
        inside = columns < lengths[of_kind][:, None]
        at = np.where(inside, starts[of_kind][:, None] + columns, 0)
        parts = keys(np.where(inside, flat[at], np.uint64(0)))
        found = found or [np.empty(flat.size, np.uint64) for _ in parts]
        for whole, part in zip(found, parts, strict=True):
            whole[at[inside]] = part[inside]
    return [each.reshape(codes.shape) for each in found]
