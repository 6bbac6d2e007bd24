"""LSTM with coupled input and forget gates (Greff et al. 2017): what is forgotten makes room for what is new.

One time step. a_k is gate k's pre-activation: its input projection plus its hidden projection. d_x is dL/dx.

    f, o = σ(a_f), σ(a_o);   g = tanh(a_g)                               [cifg.1]
    c = f · c_prev + (1 − f) · g                                         [cifg.2]
    h = o · tanh(c)                                                      [cifg.3]

    d_c += d_h · o · (1 − tanh²(c))                                      [cifg.4]
    d_o = d_h · tanh(c)                                                  [cifg.5]
    d_f, d_g = d_c · (c_prev − g), d_c · (1 − f)                         [cifg.6]
    d_c_prev = d_c · f                                                   [cifg.7]
    d_a_k = d_k · k · (1 − k) for k in f, o;   d_a_g = d_g · (1 − g²)    [cifg.8]

Derived line by line in docs/derivations/cifg.md.
"""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array
from charrnn.nn.cells.cell import Cell, Step
from charrnn.nn.initializers import normal_, orthogonal_
from charrnn.nn.numerics import sigmoid_, sigmoid_backward_, tanh_backward_


class CIFG(Cell):
    gates = ("forget", "candidate", "output")
    states = ("hidden", "cell")
    saved = ("tanh_cell",)
    gates_the_hidden_projection = False
    carries_hidden = False
    shown = "tanh_cell"

    def initialize(self, weights: dict[str, Array], rng: np.random.Generator, reads_characters: bool) -> None:
        size = weights["weight_hh"].shape[1]
        normal_(weights["weight_ih"], rng, 0.4 if reads_characters else size**-0.5)
        orthogonal_(weights["weight_hh"], rng)
        weights["bias_ih"][:size] = 1.0  # the forget gate starts open, so that memory is the default

    def forward(self, step: Step) -> None:
        gates, (f, g, o) = step.gates_block, step.gates
        (h, c), (_, c_prev), (tanh_c,) = step.state, step.prev_state, step.saved
        gates += step.hidden_proj_block
        sigmoid_(f)
        np.tanh(g, out=g)
        sigmoid_(o)  # [cifg.1]
        np.subtract(c_prev, g, out=c)
        c *= f
        c += g  # [cifg.2]
        np.tanh(c, out=tanh_c)
        np.multiply(o, tanh_c, out=h)  # [cifg.3]

    def backward(self, step: Step) -> None:
        (f, g, o), (d_f, d_g, d_o) = step.gates, step.d_gates
        (_, c_prev), (tanh_c,) = step.prev_state, step.saved
        (d_h, d_c), (_, d_c_prev), scratch = step.d_state, step.d_prev_state, step.scratch
        np.multiply(d_h, o, out=d_o)  # d_o holds d_tanh_c until [cifg.5]
        tanh_backward_(d_o, tanh_c, scratch)
        d_c += d_o  # [cifg.4]
        np.multiply(d_h, tanh_c, out=d_o)  # [cifg.5]
        np.multiply(d_c, f, out=d_c_prev)  # [cifg.7]
        np.subtract(d_c, d_c_prev, out=d_g)
        np.subtract(c_prev, g, out=d_f)
        d_f *= d_c  # [cifg.6]
        sigmoid_backward_(d_f, f, scratch)
        sigmoid_backward_(d_o, o, scratch)
        tanh_backward_(d_g, g, scratch)  # [cifg.8]
