"""From the last layer's outputs to a loss, and back: o = V h + c, softmax, cross-entropy.

    o = V h + c                                 [readout.1]   h normalised first above residual layers; in a network
                                                              with experts, these add to o: see `mixture`
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
from charrnn.nn.mixture import ExpertGates, ExpertGatesWorkspace
from charrnn.nn.numerics import flat
from charrnn.nn.parameters import Parameters
from charrnn.nn.rms_norm import NormWorkspace, RMSNorm

LARGE = 60.0  # exp(60) is far from the largest float32, and exp(−60) from the smallest


class ReadoutWorkspace:
    """The arrays of the readout for N = T·B characters, allocated once."""

    def __init__(self, seq_len: int, batch_size: int, hidden_size: int, vocab_size: int, dtype: npt.DTypeLike) -> None:
        self.norm: NormWorkspace | None = None
        self.gates: ExpertGatesWorkspace | None = None
        self.h = np.empty((0, hidden_size), dtype)  # (T·B, H) of the last forward pass
        self.logits = np.empty((seq_len, batch_size, vocab_size), dtype)  # becomes d_logits in backward
        self.flat_logits = flat(self.logits)  # (T·B, V), the same numbers
        self.norm_sum = np.empty(seq_len * batch_size, dtype)  # Σ_j exp(o_j)
        self.ones = np.ones(vocab_size, np.empty(0, dtype).real.dtype)  # a product with it is a sum over the vocabulary
        self.ones.flags.writeable = False
        self.d_outputs = np.empty((seq_len, batch_size, hidden_size), dtype)
        self.rows = np.arange(seq_len * batch_size)


class Readout:
    """The output layer and its loss. Above layers that add to their inputs it begins with a normalisation."""

    def __init__(self, hidden_size: int, vocab_size: int, normalise: bool = False, num_experts: int = 0) -> None:
        self.hidden_size, self.vocab_size = hidden_size, vocab_size
        self.norm = RMSNorm("readout.norm", hidden_size) if normalise else None
        self.layout: dict[str, tuple[int, ...]] = dict(self.norm.layout) if self.norm else {}
        self.layout |= {"readout.weight": (vocab_size, hidden_size), "readout.bias": (vocab_size,)}
        self.gates = ExpertGates(num_experts, vocab_size, hidden_size) if num_experts else None
        self.layout |= self.gates.layout if self.gates else {}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        if self.norm:
            self.norm.initialize(params)
        # A normalised h is larger than the states of a cell: halved, first guesses are about as cautious.
        uniform_(params["readout.weight"], rng, (0.5 if self.norm else 1.0) * self.hidden_size**-0.5)
        if self.gates:
            self.gates.initialize(params)

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> ReadoutWorkspace:
        ws = ReadoutWorkspace(seq_len, batch_size, self.hidden_size, self.vocab_size, dtype)
        if self.norm:
            ws.norm = self.norm.workspace(seq_len * batch_size, dtype)
            ws.h = np.empty((seq_len * batch_size, self.hidden_size), dtype)
        if self.gates:
            ws.gates = self.gates.workspace(seq_len * batch_size, dtype)
        return ws

    def forward(self, params: Parameters, outputs: Array, ws: ReadoutWorkspace, log_q: Array | None = None) -> Array:
        """outputs (T, B, H), and what the experts say, log q (S, T, B, V), to logits (T, B, V), a view."""
        if self.norm and ws.norm:
            self.norm.forward(params, flat(outputs), ws.norm, out=ws.h)
        else:
            ws.h = flat(outputs)
        np.matmul(ws.h, params["readout.weight"].T, out=ws.flat_logits)  # [readout.1]
        ws.logits += params["readout.bias"]
        if self.gates and ws.gates and log_q is not None:
            self.gates.forward_(ws.flat_logits, params, ws.h, log_q, ws.gates)
        return ws.logits

    def nats(self, targets: Array, ws: ReadoutWorkspace) -> Array:
        """−log p[target] of every character, (T·B,) in float64. The logits become exp(o), as yet undivided.

        Where any logit is large, each row's largest is subtracted first: it changes nothing, but rules out overflow and
        a row that vanishes. Not always, since the maxima cost as much as the exponentials. `.real` lets a complex step
        pass through undisturbed: any constant may be subtracted.
        """
        logits = ws.flat_logits
        real = logits.real
        if not (real.max() < LARGE and real.min() > -LARGE):  # NaN, too
            logits -= real.max(axis=1, keepdims=True)
        target_logits = logits[ws.rows, targets.ravel()]
        np.exp(logits, out=logits)
        np.matmul(logits, ws.ones, out=ws.norm_sum)
        exact = np.result_type(logits.dtype, np.float64)
        return np.log(ws.norm_sum).astype(exact) - target_logits  # [readout.3]

    def backward(self, params: Parameters, targets: Array, ws: ReadoutWorkspace, grads: Parameters) -> Array:
        """After `nats`: gradients of the mean loss into `grads`; returns d_outputs (T, B, H), a view."""
        d_logits = ws.flat_logits
        N = len(d_logits)
        np.multiply(ws.norm_sum, N, out=ws.norm_sum)
        d_logits /= ws.norm_sum[:, None]  # [readout.2], and the mean
        d_logits[ws.rows, targets.ravel()] -= 1.0 / N  # [readout.4]
        np.matmul(ws.h.T, d_logits, out=grads["readout.weight"].T)
        np.sum(d_logits, axis=0, out=grads["readout.bias"])
        np.matmul(d_logits, params["readout.weight"], out=flat(ws.d_outputs))  # [readout.5]
        if self.gates and ws.gates:
            self.gates.backward(params, d_logits, ws.h, flat(ws.d_outputs), ws.gates, grads)
        if self.norm and ws.norm:
            self.norm.backward_(params, flat(ws.d_outputs), ws.norm, grads)
        return ws.d_outputs
