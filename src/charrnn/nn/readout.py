"""From the last layer's outputs to a loss, and back: o = V h + c, softmax, cross-entropy.

    o = V h + c                                 [readout.1]
    p_k = exp(o_k) / Σ_j exp(o_j)               [readout.2]
    L = −mean log p[target]                     [readout.3]   nats per character, the mean over all N = T·B targets

    d_o = (p − one_hot(target)) / N             [readout.4]
    d_h = Vᵀ d_o;   dV = Σ d_o hᵀ;   dc = Σ d_o [readout.5]

V is `readout.weight`, c is `readout.bias`. Derived line by line in docs/derivations/readout.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.nn.initializers import uniform_
from charrnn.nn.numerics import flat
from charrnn.nn.parameters import Parameters


class ReadoutWorkspace:
    """The arrays of the readout for N = T·B characters, allocated once."""

    def __init__(self, seq_len: int, batch_size: int, hidden_size: int, vocab_size: int, dtype: npt.DTypeLike) -> None:
        self.logits = np.empty((seq_len, batch_size, vocab_size), dtype)  # becomes d_logits in backward
        self.log_norm = np.empty((seq_len * batch_size, 1), dtype)
        self.d_outputs = np.empty((seq_len, batch_size, hidden_size), dtype)
        self.rows = np.arange(seq_len * batch_size)


class Readout:
    """The output layer and its loss."""

    def __init__(self, hidden_size: int, vocab_size: int) -> None:
        self.hidden_size, self.vocab_size = hidden_size, vocab_size
        self.layout = {"readout.weight": (vocab_size, hidden_size), "readout.bias": (vocab_size,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        uniform_(params["readout.weight"], rng, self.hidden_size**-0.5)

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> ReadoutWorkspace:
        return ReadoutWorkspace(seq_len, batch_size, self.hidden_size, self.vocab_size, dtype)

    def forward(self, params: Parameters, outputs: Array, ws: ReadoutWorkspace) -> Array:
        """outputs (T, B, H) to logits (T, B, V), a view."""
        np.matmul(flat(outputs), params["readout.weight"].T, out=flat(ws.logits))  # [readout.1]
        ws.logits += params["readout.bias"]
        return ws.logits

    def nats(self, targets: Array, ws: ReadoutWorkspace) -> Array:
        """−log p[target] of every character, (T·B,) in float64. The logits become probabilities.

        The largest logit is subtracted first, which changes nothing but rules out overflow. `.real` lets a complex
        step pass through undisturbed: any constant may be subtracted.
        """
        logits = flat(ws.logits)
        logits -= logits.real.max(axis=1, keepdims=True)
        target_logits = logits[ws.rows, targets.ravel()]
        np.exp(logits, out=logits)
        np.sum(logits, axis=1, keepdims=True, out=ws.log_norm)
        logits /= ws.log_norm  # [readout.2]
        np.log(ws.log_norm, out=ws.log_norm)
        exact = np.result_type(logits.dtype, np.float64)
        return ws.log_norm[:, 0].astype(exact) - target_logits  # [readout.3]

    def backward(
        self, params: Parameters, outputs: Array, targets: Array, ws: ReadoutWorkspace, grads: Parameters
    ) -> Array:
        """After `nats`: gradients of the mean loss into `grads`; returns d_outputs (T, B, H), a view."""
        d_logits = flat(ws.logits)
        d_logits[ws.rows, targets.ravel()] -= 1.0
        d_logits /= len(d_logits)  # [readout.4]
        np.matmul(flat(outputs).T, d_logits, out=grads["readout.weight"].T)
        np.sum(d_logits, axis=0, out=grads["readout.bias"])
        np.matmul(d_logits, params["readout.weight"], out=flat(ws.d_outputs))  # [readout.5]
        return ws.d_outputs
