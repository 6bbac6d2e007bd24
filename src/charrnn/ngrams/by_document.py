"""The contexts of documents: none looks beyond the boundary that its own document begins with.

What stands before a stretch of text counts as nothing for a chain. So the stretches that it is given are cut at every
boundary, and a chain need not know of documents.

Held-out counts leave out a block of a text. They are meant to be those of a document that is new, and so the blocks of
a list must not follow its order: in a sorted one, a document's neighbours are like it, and would be left out with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import pairwise

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


class Shuffled:
    """Documents in an order that only their own ids decide, and where each place of them is found in it.

    Copies of a document stand side by side, and a place in any of them is found in the first. So a document never sees
    the counts of its copies in its own block: a document of another split has none in the training split either.

    Parameters
    ----------
    ids : (N,) integer array
        Documents, each from its boundary on, and a boundary after the last.
    """

    def __init__(self, ids: Array) -> None:
        self.starts = np.flatnonzero(np.asarray(ids[:-1]) == BOUNDARY_ID)  # (D,) of each document in ids
        ends = [*self.starts.tolist(), len(ids) - 1]
        same_everywhere = np.asarray(ids, ids.dtype.newbyteorder("<"))
        documents = [same_everywhere[start:end].tobytes() for start, end in pairwise(ends)]
        order = sorted(range(len(documents)), key=lambda k: (_digest(documents[k]), documents[k]))
        self.ids = np.concatenate([*(ids[ends[k] : ends[k + 1]] for k in order), ids[-1:]])  # (N,)
        first: dict[bytes, int] = {}
        shifts, begin = np.empty(len(documents), np.int64), 0
        for k in order:
            shifts[k] = first.setdefault(documents[k], begin) - ends[k]
            begin += ends[k + 1] - ends[k]
        self._shifts = shifts

    def places_of(self, places: Array) -> Array:
        """Where places of the documents, of any shape, are found in the shuffled ones."""
        return np.asarray(places + self._shifts[np.searchsorted(self.starts, places, side="right") - 1])


def _digest(document: bytes) -> bytes:
    return hashlib.blake2b(document, digest_size=8).digest()
