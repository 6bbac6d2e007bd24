"""Products with one-hot matrices, without the matrix: a gather of rows, and its gradient, a sum of rows by id."""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array

# Up to this many rows and numbers, a product with the one-hot matrix itself is faster than sorting the ids.
FEW_ROWS, SMALL = 256, 1 << 17


def gather_rows(table: Array, ids: Array, out: Array) -> None:
    """out[n] = table[ids[n]], which is one_hot(ids) @ table. table (V, K), ids (N,), out (N, K)."""
    table.take(ids, axis=0, out=out, mode="clip")  # "clip", since the default mode buffers and is 2-4 times slower


def sum_rows_by_id(rows: Array, ids: Array, out: Array) -> None:
    """out[v] = the sum of rows[n] over all n with ids[n] = v, which is one_hot(ids).T @ rows.

    rows (N, K), ids (N,), out (V, K), overwritten.
    """
    if len(out) <= FEW_ROWS and len(out) * len(ids) <= SMALL:
        one_hot = np.zeros((len(out), len(ids)), rows.dtype)
        one_hot[ids, np.arange(len(ids))] = 1.0
        np.matmul(one_hot, rows, out=out)
        return
    out[...] = 0.0
    present, position = np.unique(ids, return_inverse=True)
    order = np.argsort(position, kind="stable")
    ends = np.cumsum(np.bincount(position)).tolist()
    ordered = rows.take(order, axis=0)
    ones = np.ones(len(ids), rows.dtype)
    start = 0
    for v, end in zip(present.tolist(), ends, strict=True):
        np.dot(ones[: end - start], ordered[start:end], out=out[v])
        start = end
