"""Long short-term memory with a forget gate (Hochreiter & Schmidhuber 1997; Gers et al. 2000).

One time step. a_k is gate k's pre-activation: its input projection plus its hidden projection. d_x is dL/dx.

    i, f, o = σ(a_i), σ(a_f), σ(a_o);   g = tanh(a_g)                    [lstm.1]
    c = f · c_prev + i · g                                               [lstm.2]
    h = o · tanh(c)                                                      [lstm.3]

    d_c += d_h · o · (1 − tanh²(c))                                      [lstm.4]
    d_o = d_h · tanh(c)                                                  [lstm.5]
    d_i, d_f, d_g = d_c · g, d_c · c_prev, d_c · i                       [lstm.6]
    d_c_prev = d_c · f                                                   [lstm.7]
    d_a_k = d_k · k · (1 − k) for k in i, f, o;   d_a_g = d_g · (1 − g²) [lstm.8]

h_prev acts only through the projections, as in the vanilla network. Derived line by line in docs/derivations/lstm.md.
"""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array
from charrnn.nn.cells.cell import Cell, Step
from charrnn.nn.initializers import normal_, orthogonal_
from charrnn.nn.numerics import sigmoid_, sigmoid_backward_, tanh_backward_


class LSTM(Cell):
    gates = ("input", "forget", "candidate", "output")
    states = ("hidden", "cell")
    saved = ("tanh_cell",)
    gates_the_hidden_projection = False
    carries_hidden = False
    shown = "tanh_cell"

    def initialize(self, weights: dict[str, Array], rng: np.random.Generator, reads_characters: bool) -> None:
        size = weights["weight_hh"].shape[1]
        normal_(weights["weight_ih"], rng, 0.4 if reads_characters else size**-0.5)
        orthogonal_(weights["weight_hh"], rng)
        weights["bias_ih"][size : 2 * size] = 1.0  # the forget gate starts open, so that memory is the default

    def forward(self, step: Step) -> None:
        gates, (i, f, g, o) = step.gates_block, step.gates
        (h, c), (_, c_prev), (tanh_c,) = step.state, step.prev_state, step.saved
        gates += step.hidden_proj_block
        sigmoid_(gates[:2])  # i and f
        np.tanh(g, out=g)
        sigmoid_(o)  # [lstm.1]
        np.multiply(i, g, out=h)  # h holds i · g until [lstm.3]
        np.multiply(f, c_prev, out=c)
        c += h  # [lstm.2]
        np.tanh(c, out=tanh_c)
        np.multiply(o, tanh_c, out=h)  # [lstm.3]

    def backward(self, step: Step) -> None:
        (i, f, g, o), (d_i, d_f, d_g, d_o) = step.gates, step.d_gates
        (_, c_prev), (tanh_c,) = step.prev_state, step.saved
        (d_h, d_c), (_, d_c_prev), scratch = step.d_state, step.d_prev_state, step.scratch
        np.multiply(d_h, o, out=d_o)  # d_o holds d_tanh_c until [lstm.5]
        tanh_backward_(d_o, tanh_c, scratch)
        d_c += d_o  # [lstm.4]
        np.multiply(d_h, tanh_c, out=d_o)  # [lstm.5]
        np.multiply(d_c, g, out=d_i)
        np.multiply(d_c, c_prev, out=d_f)
        np.multiply(d_c, i, out=d_g)  # [lstm.6]
        np.multiply(d_c, f, out=d_c_prev)  # [lstm.7]
        for gate, d_gate in ((i, d_i), (f, d_f), (o, d_o)):
            sigmoid_backward_(d_gate, gate, scratch)
        tanh_backward_(d_g, g, scratch)  # [lstm.8]
