"""A mixture of predictors whose weights can be learned on the text that they predict, after each window is scored.

ℓ_k,t (V,) is what predictor k says about the character at t, as log-probabilities, and w_k is its weight:

    p_t = softmax(Σ_k w_k ℓ_k,t)                               [src.10]
    w_k += η Σ_t (ℓ_k,t,y_t − Σ_v p_t,v ℓ_k,t,v)               [src.11]   the gradient of Σ_t log p_t,y_t

This is the log-linear mixture of [src.6] with weights that everything shares.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from charrnn.arrays import Array
from charrnn.nn.numerics import log_softmax


class OnlineMixture:
    """A mixture that begins with `weights`, one for each predictor.

    Parameters
    ----------
    rate : float
        η, the learning rate of the weights for each character; with 0 they stay.
    """

    def __init__(self, weights: Sequence[float], rate: float) -> None:
        self.weights, self.rate = np.array(weights, np.float64), rate

    def nats(self, log_probs: Array, targets: Array) -> Array:
        """The surprise (T,) at targets (T,) of predictors (K, T, V), from which the weights then learn."""
        mixed = log_softmax(np.tensordot(self.weights, log_probs, 1))  # [src.10], (T, V)
        at_targets = np.arange(len(targets)), targets
        if self.rate:
            expected = np.einsum("tv,ktv->k", np.exp(mixed), log_probs)
            self.weights += self.rate * (log_probs[:, at_targets[0], at_targets[1]].sum(axis=1) - expected)  # [src.11]
        return -np.asarray(mixed[at_targets])
