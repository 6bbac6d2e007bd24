"""How arrays start. Each function fills its first argument; `W.T` (inputs, outputs) is drawn, in C order."""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array


def normal_(array: Array, rng: np.random.Generator, std: float) -> None:
    """N(0, std²) in every entry."""
    array.T[...] = rng.normal(0.0, std, array.T.shape)


def uniform_(array: Array, rng: np.random.Generator, limit: float) -> None:
    """U(−limit, limit) in every entry."""
    array.T[...] = rng.uniform(-limit, limit, array.T.shape)


def orthogonal_(array: Array, rng: np.random.Generator) -> None:
    """A random rotation (Saxe et al. 2014): it keeps the length of a vector.

    A product of many rotations neither vanishes nor explodes, and over time the state is multiplied by such a product.
    Q of the QR decomposition of a Gaussian matrix is uniform over rotations once R's diagonal is made positive. A
    (G·H, H) array gets one rotation for each of its G blocks.
    """
    rows, size = array.shape
    for start in range(0, rows, size):
        q, r = np.linalg.qr(rng.normal(size=(size, size)))
        array[start : start + size] = q * np.sign(np.diag(r))
