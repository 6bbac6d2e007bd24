"""The vanilla recurrent network (Elman 1990).

One time step. a is the pre-activation: input projection plus hidden projection. d_x is dL/dx.

    a = U x + b + W h_prev                      [rnn.1]
    h = tanh(a)                                 [rnn.2]

    d_a = d_h · (1 − h²)                        [rnn.3]
    d_h_prev = Wᵀ d_a                           [rnn.4]   the layer's product
    dW = Σ_t d_a h_prevᵀ                        [rnn.5]   the layer's product
    dU = Σ_t d_a xᵀ;   db = Σ_t d_a             [rnn.6]   the layer's product

U is `weight_ih`, W is `weight_hh`, b is `bias_ih`. Derived line by line in docs/derivations/rnn.md.
"""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array
from charrnn.nn.cells.cell import Cell, Step, Window
from charrnn.nn.initializers import normal_, orthogonal_


class RNN(Cell):
    gates = ("hidden",)
    states = ("hidden",)
    saved = ()
    gates_the_hidden_projection = False
    carries_hidden = False

    def initialize(self, weights: dict[str, Array], rng: np.random.Generator, reads_characters: bool) -> None:
        size = weights["weight_hh"].shape[1]
        # A character moves the state clearly without saturating tanh; upper layers keep the scale of their inputs.
        normal_(weights["weight_ih"], rng, 0.3 if reads_characters else size**-0.5)
        orthogonal_(weights["weight_hh"], rng)  # the state neither fades nor explodes over the window

    def forward(self, step: Step) -> None:
        (h,), (projected,), (from_state,) = step.state, step.gates, step.hidden_proj
        np.add(projected, from_state, out=h)  # [rnn.1]
        np.tanh(h, out=h)  # [rnn.2]

    def before_backward(self, window: Window) -> None:
        h, (d_tanh,) = window.states[0, 1:], window.d_gates
        np.multiply(h, h, out=d_tanh)
        np.subtract(1.0, d_tanh, out=d_tanh)

    def backward(self, step: Step) -> None:
        (d_h,), (d_a,) = step.d_state, step.d_gates  # d_a holds 1 − h²
        np.multiply(d_a, d_h, out=d_a)  # [rnn.3]
