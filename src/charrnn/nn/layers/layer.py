"""What every layer offers to the model, whatever its equations are.

T seq_len, B batch_size, H hidden_size, S the states that the kind of layer carries from window to window.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.nn.parameters import Parameters
from charrnn.randomness import Uniform


class LayerWorkspace(Protocol):
    """The arrays of one layer for a window, allocated once. It belongs to one caller at a time."""

    outputs: Array  # (T, B, H) of the last forward pass
    final_state: Array  # (S, B, H) after the window
    d_initial_state: Array  # (S, B, H) of the last backward pass

    @property
    def shown(self) -> Array:
        """What an inspection shows of each unit: (T, B, H), between −1 and 1."""


W = TypeVar("W", bound=LayerWorkspace)


class Layer(Protocol[W]):
    """Layer number `index` of a network; layer 0 reads characters, the others the outputs of the layer below."""

    parallel_in_time: bool  # no product waits for the step before
    residual: bool  # adds to its inputs, so that the sum must be normalised before it is read out
    dropout: float  # the share of numbers dropped in training; 0 if this layer drops none

    @property
    def layout(self) -> Mapping[str, tuple[int, ...]]:
        """The name and shape of every array."""

    @property
    def states(self) -> tuple[str, ...]:
        """The names of what is carried over time."""

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Fill this layer's arrays, which are zero so far."""

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> W:
        """Make a workspace."""

    def forward(
        self,
        params: Parameters,
        inputs: Array,
        state: Array,
        ws: W,
        dropout_rng: Uniform | None = None,
        fresh: Array | None = None,
    ) -> Array:
        """Run a window. inputs (T, B) ids or (T, B, H); state (S, B, H) is read; returns outputs (T, B, H), a view.

        Dropout needs a generator; without it nothing is dropped. fresh (T, B) says before which steps a lane's state
        begins at zero: a step there sees nothing of the steps before it, and sends them no gradient.
        """

    def backward(self, params: Parameters, d_outputs: Array, ws: W, grads: Parameters) -> Array | None:
        """Back through the window of the last forward pass; this layer's arrays in `grads` are overwritten.

        d_outputs (T, B, H) is read. Returns the gradient of the inputs (T, B, H), a view, or None if they are
        characters.
        """
