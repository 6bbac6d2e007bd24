"""Products of few rows with a large matrix, a group of columns at a time. Every time step repeats them.

A general matrix product first copies ("packs") its operands into the order that its kernel needs. With a few dozen rows
the copy of the matrix costs as much as the arithmetic. OpenBLAS leaves the copy out for products of at most 10⁶
multiplications, so a larger one is cut into groups of columns below that size: the same sums, up to twice as fast.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from charrnn.arrays import Array

WITHOUT_PACKING = 1_000_000  # multiplications, OpenBLAS's own limit on x86 with AVX-512; elsewhere it costs nothing
MOST_ROWS = 32  # with more, packing is paid for
LEAST_COLUMNS = 32

Product = Callable[[Array], object]


def column_groups(rows: int, inner: int, columns: int) -> int:
    """How many groups of columns are best for a product (rows, inner) × (inner, columns); 1 where cutting is no use."""
    groups = 1
    if rows == 1 or rows > MOST_ROWS:
        return groups
    while rows * inner * columns // groups > WITHOUT_PACKING and columns % (2 * groups) == 0:
        groups *= 2
    return groups if groups > 1 and columns // groups >= LEAST_COLUMNS else 1


def in_groups(matrix: Array, groups: int) -> Array:
    """(…, K, N) seen as (…, groups, K, N / groups); a product of the two seen so is the product."""
    return matrix.reshape(*matrix.shape[:-1], groups, -1).swapaxes(-3, -2)


def narrow_product(weight: Array, out: Array) -> Product:
    """A function of rows (K,), (B, K) or (…, B, K) that writes rows @ weight (…, K, N) into out.

    The weight's last axis must be contiguous, and so must out, which the function keeps writing into.
    """
    groups = column_groups(out.shape[-2], *weight.shape[-2:]) if out.ndim > 1 else 1
    if groups == 1 and weight.ndim == 2:
        return lambda rows: np.dot(rows, weight, out=out)
    if groups == 1:
        return lambda rows: np.matmul(rows, weight, out=out)
    cut_weight, cut_out = in_groups(weight, groups), in_groups(out, groups)
    return lambda rows: np.matmul(rows[..., None, :, :], cut_weight, out=cut_out)
