"""The layers a network can be made of, by the name of their cell.

A cell whose recurrence has a matrix product in it is one file in `nn/cells/`, and the recurrent layer runs it; one
whose recurrence is elementwise is a layer of its own, here, and one line in LAYERS.
"""

from __future__ import annotations

from collections.abc import Callable

from charrnn.config import REGISTRIES, ModelConfig
from charrnn.nn.cells import CELLS
from charrnn.nn.layers.layer import Layer
from charrnn.nn.layers.quasi_recurrent_lowest import quasi_recurrent_layer
from charrnn.nn.layers.recurrent import recurrent_layer

# cell → (index, config) → the layer
LAYERS: dict[str, Callable[[int, ModelConfig], Layer]] = {
    **dict.fromkeys(CELLS, recurrent_layer),
    "qrnn": quasi_recurrent_layer,
}
REGISTRIES["cell"] = LAYERS

__all__ = ["LAYERS", "Layer"]
