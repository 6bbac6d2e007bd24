"""Clipping: the only change to a gradient before the optimiser uses it."""

from __future__ import annotations

import math

import numpy as np

from charrnn.arrays import Array


def clip_by_global_norm_(grads: Array, max_norm: float) -> float:
    """Shorten grads (P,) to length max_norm if it is longer (Pascanu et al. 2013); 0 leaves it alone.

    Returns the norm before clipping. PyTorch's `clip_grad_norm_` divides by norm + 1e-6 where this divides by norm.
    """
    norm = math.sqrt(np.dot(grads, grads))
    if max_norm and norm > max_norm and math.isfinite(norm):
        grads *= max_norm / norm
    return norm
