"""The character model: layers and a readout, as a frozen description that holds no arrays.

Parameters, state and workspace are passed in. So one description can train, be evaluated in mid-training and write
text at the same time, and no use disturbs another.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.config import BOUNDARY_ID, ModelConfig
from charrnn.errors import ConfigError
from charrnn.nn.kernels import Kernels
from charrnn.nn.kernels.library import recorded
from charrnn.nn.kernels.repeated import RepeatedStep, can_be_repeated
from charrnn.nn.kernels.twins import make_expert_inputs, make_layer, make_readout
from charrnn.nn.layers import LAYERS
from charrnn.nn.layers.layer import Layer, LayerWorkspace
from charrnn.nn.mixture import ExpertInputs, ExpertInputsWorkspace
from charrnn.nn.parameters import Parameters
from charrnn.nn.readout import Readout, ReadoutWorkspace
from charrnn.randomness import Uniform
from charrnn.settings import nearest


@dataclass
class ModelWorkspace:
    """Every array that a window of seq_len steps over batch_size lanes needs. It belongs to one caller at a time."""

    layers: list[LayerWorkspace]
    readout: ReadoutWorkspace
    experts: ExpertInputsWorkspace | None = None
    repeated: RepeatedStep | None = None


class CharModel:
    """A stack of layers that predicts the next character.

    Shapes: T seq_len, B batch_size, V vocab_size, H hidden_size, L num_layers, S states of a layer. A network with
    experts also reads log_q (num_experts, T, B, V): what they say about the character after each input.

    Parameters
    ----------
    kernels : Kernels, optional
        The code that computes it; by default the compiled library, where there is one.
    """

    def __init__(self, config: ModelConfig, kernels: Kernels | None = None) -> None:
        self.config = config
        self.kernels = kernels = kernels or Kernels()
        if config.cell not in LAYERS:
            raise ConfigError(f"cell '{config.cell}' is not known{nearest(config.cell, LAYERS)}")
        self.layers = [make_layer(k, config, kernels) for k in range(config.num_layers)]
        if config.dropout and not any(layer.dropout for layer in self.layers):
            raise ConfigError(
                f"dropout {config.dropout:g} has no effect with num_layers {config.num_layers}: it acts between layers"
            )
        self.readout = make_readout(config, self.layers[0].residual, kernels)
        # Between the lowest layer and the next. A single layer that is no stream has no such place.
        between = config.num_experts and (config.num_layers > 1 or self.layers[0].residual)
        self.experts = make_expert_inputs(config, kernels) if between else None
        self.state_shape = (config.num_layers, len(self.layers[0].states))
        self.layout: dict[str, tuple[int, ...]] = {}
        self.parts: list[Layer[Any] | Readout | ExpertInputs] = [*self.layers, self.readout]
        if self.experts:
            self.parts.append(self.experts)
        for part in self.parts:
            self.layout.update(part.layout)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, here or in another process, has parts of its own, without the workers that may share these."""
        return _made, (self.config, self.kernels.name)

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
        experts = self.experts.workspace(seq_len, batch_size, dtype) if self.experts else None
        return ModelWorkspace(layers, self.readout.workspace(seq_len, batch_size, dtype), experts)

    def forward(
        self,
        params: Parameters,
        inputs: Array,
        state: Array,
        ws: ModelWorkspace,
        dropout_rng: Uniform | None = None,
        log_q: Array | None = None,
        fresh: Array | None = None,
    ) -> tuple[Array, Array]:
        """Read a window.

        Parameters
        ----------
        inputs : (T, B) integer array
            Character ids.
        state : (L, S, B, H) array
            The state before the window; it is not changed.
        dropout_rng : Uniform, optional
            Draws the dropout masks; without it nothing is dropped, as is right for evaluation and writing.
        log_q : (num_experts, T, B, V) array
            What the experts say, in a network that has any.
        fresh : (T, B) array of bool, optional
            The steps before which a lane's state begins at zero. In a network of documents, every boundary among the
            inputs is such a step without being named.

        Returns
        -------
        logits : (T, B, V) array
            A view of the workspace, valid until its next use.
        state : (L, S, B, H) array
            The state after the window, a copy.
        """
        S, V = self.config.num_experts, self.config.vocab_size
        if (log_q is None) != (S == 0) or (log_q is not None and log_q.shape != (S, *inputs.shape, V)):
            given = "none" if log_q is None else f"an array {log_q.shape}"
            raise ValueError(f"log_q must be an array {(S, *inputs.shape, V)} for {S} experts, not {given}")
        if fresh is not None and (fresh.shape != inputs.shape or fresh.dtype != bool):
            raise ValueError(f"fresh must be an array {inputs.shape} of bool, not {fresh.shape} of {fresh.dtype}")
        if self.config.documents:
            begins = inputs == BOUNDARY_ID
            fresh = begins if fresh is None else begins | fresh
        ws.repeated = None  # its calls would find what this pass leaves in the workspace
        x = inputs
        for k, (layer, w) in enumerate(zip(self.layers, ws.layers, strict=True)):
            x = layer.forward(params, x, state[k], w, dropout_rng, fresh)
            if k == 0 and self.experts and ws.experts and log_q is not None:
                x = self.experts.forward(params, x, log_q, ws.experts)
        logits = self.readout.forward(params, x, ws.readout, log_q)
        return logits, np.array([w.final_state for w in ws.layers])

    def nats(
        self,
        params: Parameters,
        inputs: Array,
        targets: Array,
        state: Array,
        ws: ModelWorkspace,
        dropout_rng: Uniform | None = None,
        log_q: Array | None = None,
        fresh: Array | None = None,
    ) -> tuple[Array, Array]:
        """The surprise at every target: nats (T, B) in float64, and the state after the window, as in `forward`."""
        _, final_state = self.forward(params, inputs, state, ws, dropout_rng, log_q, fresh)
        return self.readout.nats(targets, ws.readout).reshape(inputs.shape), final_state

    def loss_and_grads(
        self,
        params: Parameters,
        inputs: Array,
        targets: Array,
        state: Array,
        ws: ModelWorkspace,
        grads: Parameters,
        dropout_rng: Uniform | None = None,
        log_q: Array | None = None,
        fresh: Array | None = None,
    ) -> tuple[float, Array]:
        """The loss of a window, in mean nats per character, and its gradient by back-propagation through time.

        The gradient is truncated at the window: the initial state is taken as given. `grads` is overwritten. The
        gradient of the initial state is left in `initial_state_grad(ws)`.

        Parameters
        ----------
        inputs, targets : (T, B) integer arrays
            Each target is the character after its input.
        dropout_rng : Uniform, optional
            Draws the dropout masks; without it nothing is dropped.
        log_q : (num_experts, T, B, V) array
            What the experts say, in a network that has any. They are constants: no gradient flows to them.
        fresh : (T, B) array of bool, optional
            The steps before which a lane's state begins at zero: no gradient flows back from there.

        Returns
        -------
        loss : float
        state : (L, S, B, H) array
            The state after the window, a copy.
        """
        plain = dropout_rng is None and log_q is None and fresh is None and can_be_repeated(self)
        if plain and ws.repeated is not None and ws.repeated.fits(params, grads, inputs, targets, state):
            return ws.repeated(inputs, targets, state)
        with recorded() if plain else nullcontext() as calls:
            nats, final_state = self.nats(params, inputs, targets, state, ws, dropout_rng, log_q, fresh)
            d_outputs: Array | None = self.readout.backward(params, targets, ws.readout, grads)
            for k, layer in reversed(list(enumerate(self.layers))):
                assert d_outputs is not None
                if k == 0 and self.experts and ws.experts:
                    self.experts.backward(d_outputs, ws.experts, grads)
                d_outputs = layer.backward(params, d_outputs, ws.layers[k], grads)
        if calls is not None:
            ws.repeated = RepeatedStep(self, params, grads, ws, calls)
        return nats.mean().item(), final_state

    def initial_state_grad(self, ws: ModelWorkspace) -> Array:
        """dL/d(initial state) of the last `loss_and_grads`, (L, S, B, H)."""
        return np.stack([w.d_initial_state for w in ws.layers])


def _made(config: ModelConfig, kernels: str) -> CharModel:
    return CharModel(config, Kernels(kernels))
