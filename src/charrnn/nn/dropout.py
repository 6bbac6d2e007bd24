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
    """The mask of a window of T steps. With rate 0 everything passes, and no array is held."""

    def __init__(self, rate: float, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self.rate = rate
        self.dropped = False  # whether the last forward pass dropped anything
        self.shape = shape  # (T, B, H)
        shape = shape if rate else (0,)
        self.mask = np.empty(shape, np.empty(0, dtype).real.dtype)  # (T, B, H), real where a complex step passes
        self.outputs = np.empty(shape, dtype)  # (T, B, H)

    def forward(self, x: Array, rng: Uniform | None) -> Array:
        """Draw a new mask and return y, a view. Without a generator nothing is dropped, and y is x itself."""
        return np.multiply(x, self.mask, out=self.outputs) if self.draw(rng) else x  # [dropout.1]

    def draw(self, rng: Uniform | None) -> bool:
        """Draw a new mask; return whether anything is dropped."""
        self.dropped = self.rate > 0 and rng is not None
        if rng is None or not self.dropped:
            return False
        T, B, H = self.shape
        drawn = rng.random((B, T * H + T * H % 2), np.float32)  # a row for each lane: whichever others there are
        np.greater_equal(drawn[:, : T * H].reshape(B, T, H).swapaxes(0, 1), self.rate, out=self.mask)
        self.mask /= 1.0 - self.rate
        return True

    def backward(self, d_y: Array, out: Array) -> Array:
        """Return d_x, written to `out`, by the mask of the last forward pass; d_y itself if nothing was dropped."""
        return np.multiply(d_y, self.mask, out=out) if self.dropped else d_y  # [dropout.2]
