"""Small networks for tests: distinct sizes, so that a wrong axis cannot fit by accident, and repeated characters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from charrnn.config import ModelConfig
from charrnn.nn.cells import CELLS
from charrnn.nn.model import CharModel, ModelWorkspace
from charrnn.nn.parameters import Parameters

T, B, V, H = 5, 3, 7, 6
EVERY_CELL = sorted(CELLS)


class Case(NamedTuple):
    model: CharModel
    params: Parameters
    inputs: np.ndarray  # (T, B)
    targets: np.ndarray  # (T, B)
    state: np.ndarray  # (L, S, B, H), not zero

    def workspace(self) -> ModelWorkspace:
        return self.model.workspace(*self.inputs.shape, self.params.vector.dtype)

    def loss_and_grads(self, ws: ModelWorkspace | None = None, grads: Parameters | None = None):
        """The loss, the gradients, the final state and the gradient of the initial state, all of them copies."""
        ws = ws or self.workspace()
        grads = grads or self.params.zeros_like()
        loss, state = self.model.loss_and_grads(self.params, self.inputs, self.targets, self.state, ws, grads)
        return loss, grads, state, self.model.initial_state_grad(ws)


def make_case(cell: str, num_layers: int = 1, dtype=np.float64, seq_len: int = T, batch_size: int = B) -> Case:
    rng = np.random.default_rng(5)
    model = CharModel(ModelConfig(V, cell, H, num_layers))
    params = model.init_parameters(rng, dtype)
    params.vector += rng.normal(0, 0.3, params.vector.shape)  # biases away from zero, too
    ids = rng.integers(0, V, (seq_len + 1, batch_size))
    state = rng.normal(size=(*model.state_shape, batch_size, H)).astype(dtype)
    return Case(model, params, ids[:-1], ids[1:], state)


def float_arrays(ws: ModelWorkspace) -> list[np.ndarray]:
    """Every floating-point buffer of a workspace."""
    parts = [*ws.layers, ws.readout]
    return [a for part in parts for a in vars(part).values() if isinstance(a, np.ndarray) and a.dtype.kind in "fc"]
