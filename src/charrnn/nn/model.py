"""The character model: recurrent layers and a readout, as a frozen description that holds no arrays.

Parameters, state and workspace are values that are passed in, so that one description can train, be evaluated in
mid-training and write text at the same time without any of them disturbing another.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.config import ModelConfig, nearest
from charrnn.errors import ConfigError
from charrnn.nn.cells import CELLS
from charrnn.nn.dropout import Dropout
from charrnn.nn.parameters import Parameters
from charrnn.nn.readout import Readout, ReadoutWorkspace
from charrnn.nn.recurrent import RecurrentLayer, Workspace


class ModelWorkspace(NamedTuple):
    """Every array that a window of seq_len steps over batch_size lanes needs. It belongs to one caller at a time."""

    layers: list[Workspace]
    readout: ReadoutWorkspace
    dropouts: list[Dropout]  # between the layers; empty without dropout


class CharModel:
    """A stack of recurrent layers that predicts the next character.

    Shapes: T seq_len, B batch_size, V vocab_size, H hidden_size, L num_layers, S states of the cell.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        if config.cell not in CELLS:
            raise ConfigError(f"cell '{config.cell}' is not known{nearest(config.cell, CELLS)}")
        cell = CELLS[config.cell]()
        sizes = [config.vocab_size] + [config.hidden_size] * (config.num_layers - 1)
        self.layers = [RecurrentLayer(cell, k, size, config.hidden_size) for k, size in enumerate(sizes)]
        self.readout = Readout(config.hidden_size, config.vocab_size)
        self.state_shape = (config.num_layers, len(cell.states))
        self.layout: dict[str, tuple[int, ...]] = {}
        self.parts: list[RecurrentLayer | Readout] = [*self.layers, self.readout]
        for part in self.parts:
            self.layout.update(part.layout)

    def init_parameters(self, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> Parameters:
        """Fresh parameters. The same numbers in every precision, up to rounding."""
        params = Parameters.zeros(self.layout, np.float64)
        for part in self.parts:
            part.initialize(params, rng)
        return params.astype(dtype)

    def zero_state(self, batch_size: int, dtype: npt.DTypeLike = np.float32) -> Array:
        """The state at the beginning of a text, (L, S, B, H)."""
        return np.zeros((*self.state_shape, batch_size, self.config.hidden_size), dtype)

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike = np.float32) -> ModelWorkspace:
        layers = [layer.workspace(seq_len, batch_size, dtype) for layer in self.layers]
        shape = (seq_len, batch_size, self.config.hidden_size)
        between = len(layers) - 1 if self.config.dropout else 0
        dropouts = [Dropout(self.config.dropout, shape, dtype) for _ in range(between)]
        return ModelWorkspace(layers, self.readout.workspace(seq_len, batch_size, dtype), dropouts)

    def forward(
        self,
        params: Parameters,
        inputs: Array,
        state: Array,
        ws: ModelWorkspace,
        dropout_rng: np.random.Generator | None = None,
    ) -> tuple[Array, Array]:
        """Read a window.

        Parameters
        ----------
        inputs : (T, B) integer array
            Character ids.
        state : (L, S, B, H) array
            The state before the window; it is not changed.
        dropout_rng : Generator, optional
            Draws the dropout masks; without it nothing is dropped, as is right for evaluation and writing.

        Returns
        -------
        logits : (T, B, V) array
            A view of the workspace, valid until its next use.
        state : (L, S, B, H) array
            The state after the window, a copy.
        """
        x = inputs
        for k, (layer, w) in enumerate(zip(self.layers, ws.layers, strict=True)):
            x = layer.forward(params, x, state[k], w)
            if dropout_rng is not None and k < len(ws.dropouts):
                x = ws.dropouts[k].forward(x, dropout_rng)
        logits = self.readout.forward(params, x, ws.readout)
        return logits, np.stack([w.states[:, -1] for w in ws.layers])

    def nats(
        self,
        params: Parameters,
        inputs: Array,
        targets: Array,
        state: Array,
        ws: ModelWorkspace,
        dropout_rng: np.random.Generator | None = None,
    ) -> tuple[Array, Array]:
        """The surprise at every target: nats (T, B) in float64, and the state after the window, as in `forward`."""
        _, final_state = self.forward(params, inputs, state, ws, dropout_rng)
        return self.readout.nats(targets, ws.readout).reshape(inputs.shape), final_state

    def loss_and_grads(
        self,
        params: Parameters,
        inputs: Array,
        targets: Array,
        state: Array,
        ws: ModelWorkspace,
        grads: Parameters,
        dropout_rng: np.random.Generator | None = None,
    ) -> tuple[float, Array]:
        """The loss of a window, in mean nats per character, and its gradient by back-propagation through time.

        The gradient is truncated at the window: the initial state is taken as given. `grads` is overwritten. The
        gradient of the initial state is left in `initial_state_grad(ws)`.

        Parameters
        ----------
        inputs, targets : (T, B) integer arrays
            Each target is the character after its input.
        dropout_rng : Generator, optional
            Draws the dropout masks; without it nothing is dropped.

        Returns
        -------
        loss : float
        state : (L, S, B, H) array
            The state after the window, a copy.
        """
        nats, final_state = self.nats(params, inputs, targets, state, ws, dropout_rng)
        outputs = ws.layers[-1].states[0, 1:]
        d_outputs: Array | None = self.readout.backward(params, outputs, targets, ws.readout, grads)
        for k in range(len(self.layers) - 1, -1, -1):
            assert d_outputs is not None
            if dropout_rng is not None and k < len(ws.dropouts):
                ws.dropouts[k].backward_(d_outputs)
            d_outputs, _ = self.layers[k].backward(params, d_outputs, ws.layers[k], grads)
        return nats.mean().item(), final_state

    def initial_state_grad(self, ws: ModelWorkspace) -> Array:
        """dL/d(initial state) of the last `loss_and_grads`, (L, S, B, H)."""
        return np.stack([w.steps[0].d_prev_state for w in ws.layers])
