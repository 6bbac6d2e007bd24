"""A network that reads a character at a time, in several lanes: what writing and serving need.

B lanes, V vocab_size, L num_layers, S states of a layer, H hidden_size.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from charrnn.arrays import Array
from charrnn.nn.kernels.stepper import CompiledStepper, can_step
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters


class Stepper(Protocol):
    """Reads a character in each lane. The parameters must stay as they are while it is used."""

    def step(self, ids: Array, log_q: Array | None = None) -> Array:
        """Read ids (B,), with what the experts say of what follows, (num_experts, 1, B, V); returns logits (B, V).

        They are a view, valid until the next step.
        """

    def use(self, lanes: int) -> None:
        """Compute only the first lanes, if no lane's numbers depend on the others; otherwise all of them."""

    def state(self) -> Array:
        """The state after the last step, (L, S, B, H), a copy."""

    def set_state(self, state: Array, lane: int | None = None) -> None:
        """Continue from a state (L, S, B, H), or, in one lane, from (L, S, H)."""


class PlainStepper:
    """By the forward pass of the network, a window of one character at a time."""

    def __init__(self, model: CharModel, params: Parameters, lanes: int) -> None:
        self.model, self.params = model, params
        self._workspace = model.workspace(1, lanes, params.vector.dtype)
        self._state = model.zero_state(lanes, params.vector.dtype)

    def step(self, ids: Array, log_q: Array | None = None) -> Array:
        """Read ids (B,); returns logits (B, V)."""
        logits, self._state = self.model.forward(self.params, ids[None, :], self._state, self._workspace, log_q=log_q)
        return np.asarray(logits[0])

    def use(self, lanes: int) -> None:
        return

    def state(self) -> Array:
        return self._state.copy()

    def set_state(self, state: Array, lane: int | None = None) -> None:
        if lane is None:
            self._state[...] = state
        else:
            self._state[:, :, lane] = state


def lanes_are_independent(model: CharModel) -> bool:
    """Whether a lane has the same bits whatever the other lanes read, which NumPy's products do not promise."""
    return model.kernels.compiled and can_step(model)


def make_stepper(model: CharModel, params: Parameters, lanes: int) -> Stepper:
    """A stepper of the network, compiled where its kernels are."""
    return (CompiledStepper if lanes_are_independent(model) else PlainStepper)(model, params, lanes)
