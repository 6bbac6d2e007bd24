"""Dropout between layers (Srivastava et al. 2014; not over time: Zaremba et al. 2014), or in residual branches.

While training, each number that passes from a layer to the next is dropped with probability p, and the others are
scaled up, so that the mean stays what it is without dropout:

    y = x · m;   m = 0 with probability p, else 1 / (1 − p)              [dropout.1]

    d_x = d_y · m                                                        [dropout.2]

Derived in docs/derivations/dropout.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.randomness import Uniform


class Dropout:
    """The mask between two layers for a window of T steps, and what has passed it."""

    def __init__(self, rate: float, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self.rate = rate
        self.mask = np.empty(shape, np.empty(0, dtype).real.dtype)  # (T, B, H), real where a complex step passes
        self.outputs = np.empty(shape, dtype)  # (T, B, H)

    def forward(self, x: Array, rng: Uniform) -> Array:
        """Draw a new mask; returns y, a view."""
        T, B, H = x.shape
        drawn = rng.random((B, T * H + T * H % 2), np.float32)  # a row for each lane: whichever others there are
        np.greater_equal(drawn[:, : T * H].reshape(B, T, H).swapaxes(0, 1), self.rate, out=self.mask)
        self.mask /= 1.0 - self.rate
        return np.multiply(x, self.mask, out=self.outputs)  # [dropout.1]

    def backward_(self, d_y: Array) -> None:
        """d_y becomes d_x, with the mask of the last forward pass."""
        d_y *= self.mask  # [dropout.2]
