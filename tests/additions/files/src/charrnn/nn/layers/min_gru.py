"""The minimal gated recurrent unit (Feng et al. 2024): a running mean whose weights the inputs decide.

    z = σ(U_z x + b_z);   n = U_n x + b_n                                [mingru.1]
    h_t = (1 − z) · h_{t−1} + z · n                                      [mingru.2]

    d_h_t = d_y_t + (1 − z_{t+1}) · d_h_{t+1}                            [mingru.3]
    d_z = d_h · (n − h_{t−1});   d_n = d_h · z                           [mingru.4]
    d_a_z = d_z · z · (1 − z)                                            [mingru.5]

Nothing multiplies h but z, so all products cover the whole window. Derived in docs/derivations/mingru.md.

T seq_len, B batch_size, H hidden_size. Gates are gate-major, (2, T, B, H).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.config import ModelConfig
from charrnn.nn.initializers import normal_
from charrnn.nn.layers.inputs import Inputs, InputWorkspace
from charrnn.nn.numerics import sigmoid_, sigmoid_backward_
from charrnn.nn.parameters import Parameters
from charrnn.randomness import Uniform


class Workspace:
    """The arrays of one layer for a window, allocated once. It belongs to one caller at a time."""

    def __init__(self, T: int, B: int, H: int, inputs: InputWorkspace, dtype: npt.DTypeLike) -> None:
        self.inputs = inputs
        self.gates = np.empty((2, T, B, H), dtype)
        self.h_prev, self.outputs = np.empty((2, T, B, H), dtype)  # before each step, and after it
        self.fresh = np.empty((T, B), bool)
        self.scratch = np.empty((T, B, H), dtype)
        self.d_gates = np.empty((2, T, B, H), dtype)
        self.d_hidden = np.empty((T, B, H), dtype)
        self.final_state = self.outputs[-1:]
        self.d_initial_state = np.empty((1, B, H), dtype)

    @property
    def shown(self) -> Array:
        """The outputs, squashed: they have no limits of their own."""
        return np.tanh(self.outputs)


class MinGRU:
    """Layer number `index`."""

    states = ("hidden",)
    parallel_in_time = True
    residual = False

    def __init__(self, index: int, config: ModelConfig) -> None:
        self.hidden_size = config.hidden_size
        self.inputs = Inputs.of_layer(index, 2, config)
        self.layout, self.dropout = self.inputs.layout, self.inputs.dropout

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        normal_(params[self.inputs.weight], rng, 0.4 if self.inputs.reads_characters else self.hidden_size**-0.5)

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> Workspace:
        inputs = self.inputs.workspace(seq_len, batch_size, dtype)
        return Workspace(seq_len, batch_size, self.hidden_size, inputs, dtype)

    def forward(
        self,
        params: Parameters,
        inputs: Array,
        state: Array,
        ws: Workspace,
        dropout_rng: Uniform | None = None,
        fresh: Array | None = None,
    ) -> Array:
        self.inputs.forward(params, inputs, ws.inputs, ws.gates, dropout_rng)
        z, n = ws.gates
        sigmoid_(z)  # [mingru.1]
        np.multiply(z, n, out=ws.scratch)
        ws.h_prev[0] = state[0]
        ws.fresh[...] = False if fresh is None else fresh
        for t, (z_t, h_prev, h, new) in enumerate(zip(z, ws.h_prev, ws.outputs, ws.scratch, strict=True)):
            if t:
                h_prev[...] = ws.outputs[t - 1]
            h_prev[ws.fresh[t]] = 0.0
            np.multiply(z_t, h_prev, out=h)
            np.subtract(h_prev, h, out=h)
            h += new  # [mingru.2]
        return ws.outputs

    def backward(self, params: Parameters, d_outputs: Array, ws: Workspace, grads: Parameters) -> Array | None:
        (z, n), (d_z, d_n), d_h, keep = ws.gates, ws.d_gates, ws.d_hidden, ws.scratch
        np.subtract(1.0, z, out=keep)
        keep[ws.fresh] = 0.0
        np.copyto(d_h, d_outputs)
        for t in range(len(d_h) - 1, 0, -1):
            d_h[t - 1] += keep[t] * d_h[t]  # [mingru.3]
        np.multiply(keep[0], d_h[0], out=ws.d_initial_state[0])
        np.subtract(n, ws.h_prev, out=d_z)
        d_z *= d_h
        np.multiply(d_h, z, out=d_n)  # [mingru.4]
        sigmoid_backward_(d_z, z, ws.scratch)  # [mingru.5]
        return self.inputs.backward(params, ws.d_gates, ws.inputs, grads)
