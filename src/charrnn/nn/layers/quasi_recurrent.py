"""A quasi-recurrent layer (Bradbury et al. 2016, fo-pooling) on a residual stream.

Only elementwise maths runs over time:

    u_t = RMSNorm(x_t)                                                    [qrnn.1]
    a_k = W_k [u_{t−1}; u_t] + b_k   for k in z, f, o                     [qrnn.2]
    z, f, o = tanh(a_z), σ(a_f), σ(a_o)                                   [qrnn.3]
    c_t = f · c_{t−1} + (1 − f) · z                                       [qrnn.4]
    y_t = x_t + o · c_t                                                   [qrnn.5]

    d_o = d_y · c;   d_c_t = d_y · o + f_{t+1} · d_c_{t+1}                [qrnn.6]
    d_z = d_c · (1 − f);   d_f = d_c · (c_{t−1} − z)                      [qrnn.7]
    d_a_z = d_z · (1 − z²);   d_a_k = d_k · k · (1 − k) for k in f, o     [qrnn.8]
    dW_k = Σ_t d_a_k [u_{t−1}; u_t]ᵀ;   db_k = Σ_t d_a_k                  [qrnn.9]
    d_u_t = Σ_k (W_k's right half)ᵀ d_a_k,t + (its left half)ᵀ d_a_k,t+1  [qrnn.10]
    d_x = d_y + RMSNorm's d_u                                             [qrnn.11]

No product waits for the step before it, so every product covers the whole window. The state is c and u of the last
step. A source, in `quasi_recurrent_sources.py`, computes x, u and a; the layer here is the pooling over time. Derived
line by line in docs/derivations/qrnn.md.

T seq_len, B batch_size, H hidden_size. Gates are gate-major, (3, T, B, H).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.config import ModelConfig
from charrnn.nn.dropout import Dropout
from charrnn.nn.layers.quasi_recurrent_sources import GATES, Source, Stream, Tables
from charrnn.nn.numerics import sigmoid_, sigmoid_backward_, tanh_backward_
from charrnn.nn.parameters import Parameters
from charrnn.randomness import Uniform


class Workspace:
    """The arrays of one layer for a window, allocated once. It belongs to one caller at a time."""

    def __init__(self, T: int, B: int, H: int, dropout: float, source: Any, dtype: npt.DTypeLike) -> None:
        self.source = source
        self.gates = np.empty((GATES, T, B, H), dtype)
        self.cells = np.empty((T + 1, B, H), dtype)  # [0] the initial state
        self.outputs = np.empty((T, B, H), dtype)
        self.dropout = Dropout(dropout, (T, B, H), dtype)
        self.d_gates = np.empty((GATES, T, B, H), dtype)
        self.d_cells = np.empty((T, B, H), dtype)
        self.scratch = np.empty((T, B, H), dtype)
        self.final_state = np.empty((2, B, H), dtype)
        self.d_initial_state = np.empty((2, B, H), dtype)
        self.shown = self.cells[1:]  # a weighted mean of values of tanh
        self.fresh: Array | None = None  # (T, B) of the last forward pass
        self.plain = self.read = Carry(self, self.gates[1])
        self.forgetful: Carry | None = None  # in a window with boundaries inside

    def begin(self, fresh: Array | None) -> None:
        """After f is known: what the pooling multiplies the memory by, which is zero where fresh (T, B) says so."""
        self.fresh, self.read = fresh, self.plain
        if fresh is not None and fresh[1:].any():
            if self.forgetful is None:
                self.forgetful = Carry(self, np.empty_like(self.gates[1]))
            self.read = self.forgetful
            np.copyto(self.read.f, self.gates[1])
            self.read.f[fresh] = 0.0


class Carry:
    """The factors f (T, B, H) of the memory, and views of what each step multiplies and adds."""

    def __init__(self, ws: Workspace, f: Array) -> None:
        self.f, T = f, len(f)
        self.steps = [(f[t], ws.cells[t], ws.cells[t + 1], ws.scratch[t]) for t in range(T)]
        self.back_steps = [(f[t], ws.d_cells[t], ws.d_cells[t - 1], ws.scratch[t]) for t in range(T - 1, 0, -1)]


class QuasiRecurrentLayer:
    """Layer number `index`: a source of gates, and the pooling over time."""

    states = ("cell", "normalised input")
    parallel_in_time = True
    residual = True

    def __init__(self, index: int, config: ModelConfig) -> None:
        self.source: Source[Any] = Stream(index, config) if index else Tables(index, config)
        self.hidden_size, self.dropout = config.hidden_size, config.dropout
        self.layout = self.source.layout

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        self.source.initialize(params, rng)

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> Workspace:
        source = self.source.workspace(seq_len, batch_size, dtype)
        return Workspace(seq_len, batch_size, self.hidden_size, self.dropout, source, dtype)

    def forward(
        self,
        params: Parameters,
        inputs: Array,
        state: Array,
        ws: Workspace,
        dropout_rng: Uniform | None = None,
        fresh: Array | None = None,
    ) -> Array:
        """Run a window. inputs (T, B) ids or (T, B, H); state (2, B, H) is read; returns outputs (T, B, H), a view.

        Where fresh (T, B) says so, c_{t−1} and u_{t−1} are zero.
        """
        c, u = ws.final_state
        ws.cells[0], u[...] = state
        if fresh is not None:
            ws.cells[0, fresh[0]] = u[fresh[0]] = 0.0
        x = self.source.forward(params, inputs, ws.source, u, ws.gates, fresh)  # [qrnn.1], [qrnn.2]
        z, f, o = ws.gates
        np.tanh(z, out=z)
        sigmoid_(ws.gates[1:])  # [qrnn.3]
        ws.begin(fresh)
        np.multiply(f, z, out=ws.scratch)
        np.subtract(z, ws.scratch, out=ws.scratch)  # (1 − f) z
        for f_t, c_prev, c_t, new in ws.read.steps:
            np.multiply(f_t, c_prev, out=c_t)
            np.add(c_t, new, out=c_t)  # [qrnn.4]
        c[...] = ws.cells[-1]
        np.multiply(o, ws.cells[1:], out=ws.outputs)
        np.add(x, ws.dropout.forward(ws.outputs, dropout_rng), out=ws.outputs)  # [qrnn.5]
        return ws.outputs

    def backward(self, params: Parameters, d_outputs: Array, ws: Workspace, grads: Parameters) -> Array | None:
        """Back through the window; d_outputs (T, B, H) is read; returns d_inputs (T, B, H), a view, or None."""
        (z, f, o), (d_z, d_f, d_o), d_c, scratch = ws.gates, ws.d_gates, ws.d_cells, ws.scratch
        d_y = ws.dropout.backward(d_outputs, out=scratch)
        np.multiply(d_y, ws.cells[1:], out=d_o)
        np.multiply(d_y, o, out=d_c)
        for f_t, d_c_t, d_c_before, part in ws.read.back_steps:
            np.multiply(f_t, d_c_t, out=part)
            np.add(d_c_before, part, out=d_c_before)  # [qrnn.6]
        d_c_initial, d_u_initial = ws.d_initial_state
        np.multiply(f[0], d_c[0], out=d_c_initial)
        np.subtract(1.0, f, out=d_z)
        d_z *= d_c
        np.subtract(ws.cells[:-1], z, out=d_f)  # [qrnn.7]; the factor d_c (1 − f) of d_a_f is what d_z holds now
        if ws.fresh is not None:
            np.negative(z, out=d_f, where=ws.fresh[:, :, None])  # c_{t−1} was zero
        d_f *= f
        d_f *= d_z
        tanh_backward_(d_z, z, scratch)
        sigmoid_backward_(d_o, o, scratch)  # [qrnn.8]
        d_x = self.source.backward(params, d_outputs, ws.d_gates, ws.source, d_u_initial, grads)
        if ws.fresh is not None:
            ws.d_initial_state[:, ws.fresh[0]] = 0.0
        return d_x
