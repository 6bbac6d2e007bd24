"""The compiled twin of each part of the network. A part without one, such as a new cell, runs in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from charrnn.config import ModelConfig
from charrnn.nn.kernels.kernels import Kernels
from charrnn.nn.kernels.quasi_recurrent import compiled_quasi_recurrent_layer
from charrnn.nn.kernels.readout import CompiledExpertInputs, CompiledReadout
from charrnn.nn.kernels.recurrent import CompiledRecurrentLayer
from charrnn.nn.layers import LAYERS, Layer
from charrnn.nn.mixture import ExpertInputs
from charrnn.nn.readout import Readout

# cell → (index, config, kernels) → the layer
COMPILED_LAYERS: dict[str, Callable[[int, ModelConfig, Kernels], Layer[Any]]] = {
    "rnn": CompiledRecurrentLayer,
    "lstm": CompiledRecurrentLayer,
    "gru": CompiledRecurrentLayer,
    "qrnn": compiled_quasi_recurrent_layer,
}


def make_layer(index: int, config: ModelConfig, kernels: Kernels) -> Layer[Any]:
    """Layer number `index` of a network."""
    if kernels.compiled and config.cell in COMPILED_LAYERS:
        return COMPILED_LAYERS[config.cell](index, config, kernels)
    return LAYERS[config.cell](index, config)


def make_readout(config: ModelConfig, normalise: bool, kernels: Kernels) -> Readout:
    """The output layer, which begins with a normalisation above layers that add to their inputs."""
    sizes = config.hidden_size, config.vocab_size, normalise, config.num_experts
    return CompiledReadout(*sizes, kernels) if kernels.compiled else Readout(*sizes)


def make_expert_inputs(config: ModelConfig, kernels: Kernels) -> ExpertInputs:
    """What adds the experts to the outputs of the lowest layer."""
    sizes = config.num_experts, config.vocab_size, config.hidden_size
    return CompiledExpertInputs(*sizes, kernels) if kernels.compiled else ExpertInputs(*sizes)
