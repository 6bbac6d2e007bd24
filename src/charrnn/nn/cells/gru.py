"""Gated recurrent unit (Cho et al. 2014), with the reset gate applied after the product, as in PyTorch and cuDNN.

One time step. x_k is gate k's input projection, U_k x + b_k; y_k is its hidden projection, W_k h_prev + b'_k, with a
bias of its own since the reset gate multiplies y_n. d_x is dL/dx.

    r, z = σ(x_r + y_r), σ(x_z + y_z)                                    [gru.1]
    n = tanh(x_n + r · y_n)                                              [gru.2]
    h = (1 − z) · n + z · h_prev                                         [gru.3]

    d_z = d_h · (h_prev − n);   d_n = d_h · (1 − z)                      [gru.4]
    d_h_prev = d_h · z, plus what comes through the projections          [gru.5]
    d_x_n = d_n · (1 − n²)                                               [gru.6]
    d_r = d_x_n · y_n;   d_y_n = d_x_n · r                               [gru.7]
    d_x_k = d_y_k = d_k · k · (1 − k) for k in r, z                      [gru.8]

The paper, as published, applies r to h_prev before the product. Derived line by line in docs/derivations/gru.md.
"""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array
from charrnn.nn.cells.cell import Cell, Step
from charrnn.nn.initializers import uniform_
from charrnn.nn.numerics import sigmoid_, sigmoid_backward_, tanh_backward_


class GRU(Cell):
    gates = ("reset", "update", "candidate")
    states = ("hidden",)
    saved = ("candidate_hidden_proj",)
    gates_the_hidden_projection = True
    carries_hidden = True

    def initialize(self, weights: dict[str, Array], rng: np.random.Generator, reads_characters: bool) -> None:
        size = weights["weight_hh"].shape[1]
        uniform_(weights["weight_ih"], rng, size**-0.5)
        uniform_(weights["weight_hh"], rng, size**-0.5)
        weights["bias_ih"][size : 2 * size] = 1.0  # the update gate starts near "keep", so that memory is the default

    def forward(self, step: Step) -> None:
        (r, z, n), (y_r, y_z, y_hidden) = step.gates, step.hidden_proj
        (h,), (h_prev,), (y_n,) = step.state, step.prev_state, step.saved
        r += y_r
        z += y_z
        sigmoid_(step.gates_block[:2])  # [gru.1]
        y_n[...] = y_hidden
        np.multiply(r, y_n, out=h)  # h holds r · y_n until [gru.3]
        n += h
        np.tanh(n, out=n)  # [gru.2]
        np.subtract(h_prev, n, out=h)
        h *= z
        h += n  # [gru.3]

    def backward(self, step: Step) -> None:
        (r, z, n), (h_prev,), (y_n,) = step.gates, step.prev_state, step.saved
        (d_h,), (d_h_prev,), scratch = step.d_state, step.d_prev_state, step.scratch
        d_r, d_z, d_n = step.d_gates
        np.subtract(h_prev, n, out=d_z)
        d_z *= d_h
        np.multiply(d_h, z, out=d_h_prev)  # [gru.5]
        np.subtract(d_h, d_h_prev, out=d_n)  # [gru.4]
        tanh_backward_(d_n, n, scratch)  # [gru.6]
        np.multiply(d_n, y_n, out=d_r)
        np.multiply(d_n, r, out=step.d_hidden_proj[2])  # [gru.7]
        sigmoid_backward_(d_r, r, scratch)
        sigmoid_backward_(d_z, z, scratch)  # [gru.8]
        step.d_hidden_proj[0][...] = d_r
        step.d_hidden_proj[1][...] = d_z
