"""Small networks for tests: distinct sizes, so that a wrong axis cannot fit by accident, and repeated characters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from charrnn.gradcheck.case import Case, make_case
from charrnn.nn.layers import LAYERS
from charrnn.nn.model import ModelWorkspace

T, B, V, H = 5, 3, 7, 6
EVERY_CELL = sorted(LAYERS)
# Layers, dropout between them, and the experts that the network knows.
EVERY_STACK = [(layers, dropout, experts) for experts in (0, 2) for layers, dropout in ((1, 0.0), (2, 0.0), (3, 0.4))]


def small_case(
    cell: str,
    num_layers: int = 1,
    dropout: float = 0.0,
    num_experts: int = 0,
    *,
    boundaries: bool = False,
    dtype: type = np.float64,
    seq_len: int = T,
    kernels: str = "auto",
) -> Case:
    return make_case(
        cell, num_layers, hidden_size=H, seq_len=seq_len, batch_size=B, vocab_size=V, dropout=dropout,
        num_experts=num_experts, boundaries=boundaries, dtype=dtype, kernels=kernels,
    )  # fmt: skip


def parts(whole: Any) -> Iterator[Any]:
    """An object of the network with all that it is made of: layers with cells and norms, workspaces with masks."""
    yield whole
    for value in vars(whole).values():
        for each in value if isinstance(value, list | tuple) else [value]:
            if type(each).__module__.startswith("charrnn.nn") and hasattr(each, "__dict__"):
                yield from parts(each)


def roots(ws: ModelWorkspace) -> list[Any]:
    return [*ws.layers, ws.readout, *([ws.experts] if ws.experts else [])]


def float_arrays(ws: ModelWorkspace) -> list[np.ndarray]:
    """Every floating-point buffer of a workspace; constants aside, and the surprises, which are always double."""
    named = [pair for root in roots(ws) for part in parts(root) for pair in vars(part).items()]
    values = [value for name, value in named if name != "nats"]
    return [a for a in values if isinstance(a, np.ndarray) and a.dtype.kind in "fc" and a.flags.writeable]
