"""Small networks for tests: distinct sizes, so that a wrong axis cannot fit by accident, and repeated characters."""

from __future__ import annotations

import numpy as np

from charrnn.gradcheck.case import Case, make_case
from charrnn.nn.dropout import Dropout
from charrnn.nn.layers import LAYERS
from charrnn.nn.model import ModelWorkspace
from charrnn.nn.rms_norm import NormWorkspace

T, B, V, H = 5, 3, 7, 6
EVERY_CELL = sorted(LAYERS)
# Layers, and dropout between them.
EVERY_STACK = [(1, 0.0), (2, 0.0), (3, 0.4)]


def small_case(
    cell: str, num_layers: int = 1, dropout: float = 0.0, dtype: type = np.float64, seq_len: int = T
) -> Case:
    return make_case(
        cell, num_layers, hidden_size=H, seq_len=seq_len, batch_size=B, vocab_size=V, dropout=dropout, dtype=dtype
    )


def float_arrays(ws: ModelWorkspace) -> list[np.ndarray]:
    """Every floating-point buffer of a workspace, constants aside."""
    parts = [*ws.layers, ws.readout]
    values = [value for part in parts for value in vars(part).values()]
    values += [
        inner for value in values if isinstance(value, Dropout | NormWorkspace) for inner in vars(value).values()
    ]
    return [a for a in values if isinstance(a, np.ndarray) and a.dtype.kind in "fc" and a.flags.writeable]
