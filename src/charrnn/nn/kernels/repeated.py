"""A whole training step of a network of recurrent layers in one call from Python.

For one worker, without dropout, experts or boundaries, each step makes the same calls with the same arrays: the first
one records them, and the others make them again. Without this, Python takes half of the time of a small batch. Any
other pass through the workspace ends the recording: the calls would find what it leaves there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from charrnn.arrays import Array
from charrnn.nn.kernels.kernels import ids_of
from charrnn.nn.kernels.library import Plan, pointer
from charrnn.nn.kernels.readout import CompiledReadout
from charrnn.nn.kernels.recurrent import CompiledRecurrentLayer
from charrnn.nn.parameters import Parameters

if TYPE_CHECKING:
    from charrnn.nn.model import CharModel


class RepeatedStep:
    """The calls of a step that has been made, and what they read and write."""

    def __init__(self, model: CharModel, params: Parameters, grads: Parameters, ws: Any, calls: Plan) -> None:
        self.params, self.grads, self.ws, self.vocab_size = params, grads, ws, model.config.vocab_size
        self.state_shape = (*model.state_shape, ws.layers[0].ids.shape[1], model.config.hidden_size)
        self._calls = np.array(calls, np.int64)
        self._replay = ws.readout.f("replay"), len(self._calls), pointer(self._calls)

    def fits(self, params: Parameters, grads: Parameters, inputs: Array, targets: Array, state: Array) -> bool:
        """Whether a step has the arrays of this one."""
        window = self.ws.layers[0].ids.shape
        shapes = inputs.shape == targets.shape == window and state.shape == self.state_shape
        return self.params is params and self.grads is grads and shapes

    def __call__(self, inputs: Array, targets: Array, state: Array) -> tuple[float, Array]:
        """As `CharModel.loss_and_grads`."""
        layers, readout = self.ws.layers, self.ws.readout
        ids_of(inputs, self.vocab_size, out=layers[0].ids)
        ids_of(targets, self.vocab_size, out=readout.targets)
        for w, before in zip(layers, state, strict=True):
            w.states[:, 0] = before
            w.d_initial_state[...] = 0.0
        replay, count, calls = self._replay
        replay(count, calls)
        return readout.nats.mean().item(), np.array([w.final_state for w in layers])


def can_be_repeated(model: CharModel) -> bool:
    """Whether a step of the network is the same calls every time."""
    if model.kernels.crew.workers > 1 or model.experts or model.config.num_experts or model.config.documents:
        return False
    return isinstance(model.readout, CompiledReadout) and all(
        isinstance(layer, CompiledRecurrentLayer) for layer in model.layers
    )
