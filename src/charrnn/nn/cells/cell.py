"""What a cell receives at each time step, and what it declares about itself.

B batch_size, H hidden_size, G gates of the cell, S its states, K its saved arrays.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from charrnn.arrays import Array


class Step(NamedTuple):
    """Views of one time step's arrays, made once with the workspace, so that the loop slices nothing.

    Making a view takes as long as the arithmetic on a single lane. Each field but the blocks is therefore a tuple of
    (B, H) views, one for each gate, state or saved array; a block is all gates as one array. Where B = 1 the views are
    vectors, (H,), and blocks (G, H), but for `d_hidden_proj_block`, which is the layer's: (G, 1, H).
    """

    gates: tuple[Array, ...]  # G: hold the input projections; forward makes them gates; backward reads them
    gates_block: Array  # (G, B, H)
    hidden_proj: tuple[Array, ...]  # G: forward reads
    hidden_proj_block: Array  # (G, B, H)
    prev_state: tuple[Array, ...]  # S: read
    state: tuple[Array, ...]  # S: forward writes, backward reads
    saved: tuple[Array, ...]  # K: forward writes, backward reads
    d_state: tuple[Array, ...]  # S: backward reads and may overwrite
    d_gates: tuple[Array, ...]  # G: backward writes, with respect to the input projections
    d_hidden_proj: tuple[Array, ...]  # G: backward writes; the same arrays as d_gates unless a gate multiplies it
    d_hidden_proj_block: Array  # (G, B, H)
    d_prev_state: tuple[Array, ...]  # S: backward writes: the paths that bypass the products
    scratch: Array  # (B, H)


class Window(NamedTuple):
    """The arrays of all T time steps at once."""

    gates: Array  # (G, T, B, H)
    states: Array  # (S, T + 1, B, H): [:, 0] the initial state, [:, t + 1] the state after step t
    prev_states: Array  # (S, T, B, H): the state before each step; zero where a text begins
    saved: Array  # (K, T, B, H)
    d_gates: Array  # (G, T, B, H)


class Cell(Protocol):
    """What a cell declares about itself, and its maths; `layers/recurrent.py` does the products and the time loop."""

    gates: tuple[str, ...]  # blocks of weight rows, in PyTorch's order
    states: tuple[str, ...]  # what is carried from step to step; the first is the output
    saved: tuple[str, ...]  # what backward needs besides gates and states
    gates_the_hidden_projection: bool  # a gate multiplies part of W h_prev, which therefore needs a bias of its own
    carries_hidden: bool  # h_prev also reaches h without passing W, so backward writes d_prev_state[0]
    shown: str = "hidden"  # the state or saved array that an inspection shows: its values lie between −1 and 1

    def initialize(self, weights: dict[str, Array], rng: np.random.Generator, reads_characters: bool) -> None:
        """Fill one layer's arrays, which are zero so far: `weight_ih`, `weight_hh`, `bias_ih` and perhaps `bias_hh`.

        A layer that reads characters has a single input that is not zero; the others have H.
        """

    def forward(self, step: Step) -> None:
        """Read gates (the input projections), hidden_proj and prev_state; write gates, state and saved."""

    def before_backward(self, window: Window) -> None:
        """Compute a part of backward for all steps at once; d_gates may hold it until backward overwrites it."""
        return

    def backward(self, step: Step) -> None:
        """Read gates, state, saved and d_state; write d_gates and the part of d_prev_state that bypasses W."""
