"""From the last layer's outputs to a loss, and back: o = V h + c, softmax, cross-entropy.

    o = V h + c                                 [readout.1]   h normalised first above residual layers
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
from charrnn.nn.rms_norm import NormWorkspace, RMSNorm


class ReadoutWorkspace:
    """The arrays of the readout for N = T·B characters, allocated once."""

    def __init__(self, seq_len: int, batch_size: int, hidden_size: int, vocab_size: int, dtype: npt.DTypeLike) -> None:
        self.norm: NormWorkspace | None = None
        self.h = np.empty((0, hidden_size), dtype)  # (T·B, H) of the last forward pass
        self.logits = np.empty((seq_len, batch_size, vocab_size), dtype)  # becomes d_logits in backward
        self.log_norm = np.empty((seq_len * batch_size, 1), dtype)
        self.d_outputs = np.empty((seq_len, batch_size, hidden_size), dtype)
        self.rows = np.arange(seq_len * batch_size)


class Readout:
    """The output layer and its loss. Above layers that add to their inputs it begins with a normalisation."""

    def __init__(self, hidden_size: int, vocab_size: int, normalise: bool = False) -> None:
        self.hidden_size, self.vocab_size = hidden_size, vocab_size
        self.norm = RMSNorm("readout.norm", hidden_size) if normalise else None
        self.layout: dict[str, tuple[int, ...]] = dict(self.norm.layout) if self.norm else {}
        self.layout |= {"readout.weight": (vocab_size, hidden_size), "readout.bias": (vocab_size,)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        if self.norm:
            self.norm.initialize(params)
        # A normalised h is larger than the states of a cell: halved, first guesses are about as cautious.
        uniform_(params["readout.weight"], rng, (0.5 if self.norm else 1.0) * self.hidden_size**-0.5)

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> ReadoutWorkspace:
        ws = ReadoutWorkspace(seq_len, batch_size, self.hidden_size, self.vocab_size, dtype)
        if self.norm:
            ws.norm = self.norm.workspace(seq_len * batch_size, dtype)
            ws.h = np.empty((seq_len * batch_size, self.hidden_size), dtype)
        return ws

    def forward(self, params: Parameters, outputs: Array, ws: ReadoutWorkspace) -> Array:
        """outputs (T, B, H) to logits (T, B, V), a view."""
        if self.norm and ws.norm:
            self.norm.forward(params, flat(outputs), ws.norm, out=ws.h)
        else:
            ws.h = flat(outputs)
        np.matmul(ws.h, params["readout.weight"].T, out=flat(ws.logits))  # [readout.1]
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

    def backward(self, params: Parameters, targets: Array, ws: ReadoutWorkspace, grads: Parameters) -> Array:
        """After `nats`: gradients of the mean loss into `grads`; returns d_outputs (T, B, H), a view."""
        d_logits = flat(ws.logits)
        d_logits[ws.rows, targets.ravel()] -= 1.0
        d_logits /= len(d_logits)  # [readout.4]
        np.matmul(ws.h.T, d_logits, out=grads["readout.weight"].T)
        np.sum(d_logits, axis=0, out=grads["readout.bias"])
        np.matmul(d_logits, params["readout.weight"], out=flat(ws.d_outputs))  # [readout.5]
        if self.norm and ws.norm:
            self.norm.backward_(params, flat(ws.d_outputs), ws.norm, grads)
        return ws.d_outputs
