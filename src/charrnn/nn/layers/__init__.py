"""The layers a network can be made of, by the name of their cell.

A cell whose recurrence has a matrix product in it is one file in `nn/cells/`, and the recurrent layer runs it; one
whose recurrence is elementwise is a layer of its own, here, and one line in LAYERS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from charrnn.config import REGISTRIES, ModelConfig
from charrnn.nn.cells import CELLS
from charrnn.nn.layers.layer import Layer
from charrnn.nn.layers.quasi_recurrent import QuasiRecurrentLayer
from charrnn.nn.layers.recurrent import recurrent_layer

# cell → (index, config) → the layer
LAYERS: dict[str, Callable[[int, ModelConfig], Layer[Any]]] = {
    **dict.fromkeys(CELLS, recurrent_layer),
    "qrnn": QuasiRecurrentLayer,
}
REGISTRIES["cell"] = LAYERS

__all__ = ["LAYERS", "Layer", "single_layer_drops"]


def single_layer_drops(cell: str) -> bool:
    """Return whether dropout has something to act on in a network with one layer."""
    return LAYERS[cell](0, ModelConfig(1, cell, 1, dropout=0.5)).dropout > 0
