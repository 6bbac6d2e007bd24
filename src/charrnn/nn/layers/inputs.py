"""The input side of a layer: U x_t + b for each of its gates, over the whole window at once, and the gradients.

The lowest layer reads characters. x_t is then a one-hot vector and U x_t a column of U: a gather instead of a product,
and its gradient a sum by character. Every other layer reads what dropout lets through from the layer below.

T seq_len, B batch_size, H hidden_size, I the size of an input, G gates. Gates are gate-major, (G, T, B, H).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.config import ModelConfig
from charrnn.nn.dropout import Dropout
from charrnn.nn.numerics import flat
from charrnn.nn.one_hot import gather_rows, sum_rows_by_id
from charrnn.nn.parameters import Parameters
from charrnn.randomness import Uniform


class InputWorkspace:
    """The arrays of the input side for a window, allocated once."""

    def __init__(self, shape: tuple[int, ...], dropout: float, dtype: npt.DTypeLike) -> None:
        self.x = np.empty(0, dtype)  # what the last forward pass read: ids (T, B), or (T, B, I) after dropout
        self.d_x = np.empty(shape, dtype)
        self.d_part = np.empty(shape, dtype)  # the part of one gate
        self.dropout = Dropout(dropout, shape, dtype)


@dataclass(frozen=True)
class Inputs:
    """The arrays U (G·H, I) and b (G·H,) of a layer, and their products."""

    weight: str  # the name of U
    bias: str  # the name of b
    gates: int
    hidden_size: int
    size: int
    dropout: float = 0.0
    reads_characters: bool = False

    @classmethod
    def of_layer(cls, index: int, gates: int, config: ModelConfig) -> Inputs:
        """Characters for the lowest layer, the layer below for the others, under PyTorch's names."""
        names, H = (f"recurrent.weight_ih_l{index}", f"recurrent.bias_ih_l{index}"), config.hidden_size
        if index == 0:
            return cls(*names, gates, H, config.vocab_size, reads_characters=True)
        return cls(*names, gates, H, H, config.dropout)

    @property
    def layout(self) -> dict[str, tuple[int, ...]]:
        """The name and shape of both arrays."""
        rows = self.gates * self.hidden_size
        return {self.weight: (rows, self.size), self.bias: (rows,)}

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> InputWorkspace:
        shape = (0,) if self.reads_characters else (seq_len, batch_size, self.size)
        return InputWorkspace(shape, self.dropout, dtype)

    def forward(
        self, params: Parameters, inputs: Array, ws: InputWorkspace, gates: Array, dropout_rng: Uniform | None = None
    ) -> None:
        """Read ids (T, B) or numbers (T, B, I); write U x_t + b to gates (G, T, B, H)."""
        ws.x = ws.dropout.forward(inputs, dropout_rng)
        for gate, (weight, bias) in zip(gates, self.blocks(params), strict=True):
            if self.reads_characters:
                gather_rows(weight.T, ws.x.ravel(), out=flat(gate))
            else:
                np.matmul(flat(ws.x), weight.T, out=flat(gate))
            gate += bias

    def backward(self, params: Parameters, d_gates: Array, ws: InputWorkspace, grads: Parameters) -> Array | None:
        """Write dU = Σ_t d_gate x_tᵀ and db = Σ_t d_gate; return d_x (T, B, I), a view, or None for characters."""
        for d_gate, (d_weight, d_bias) in zip(map(flat, d_gates), self.blocks(grads), strict=True):
            np.sum(d_gate, axis=0, out=d_bias)
            if self.reads_characters:
                sum_rows_by_id(d_gate, ws.x.ravel(), out=d_weight.T)
            else:
                np.matmul(flat(ws.x).T, d_gate, out=d_weight.T)
        if self.reads_characters:
            return None
        (first, _), *others = self.blocks(params)
        np.matmul(flat(d_gates[0]), first, out=flat(ws.d_x))
        for d_gate, (weight, _) in zip(d_gates[1:], others, strict=True):
            np.matmul(flat(d_gate), weight, out=flat(ws.d_part))
            ws.d_x += ws.d_part
        return ws.dropout.backward(ws.d_x, out=ws.d_x)

    def blocks(self, arrays: Parameters) -> list[tuple[Array, Array]]:
        """Weight (H, I) and bias (H,) of each gate, as views."""
        return list(zip(*(row_blocks(arrays[name], self.gates) for name in (self.weight, self.bias)), strict=True))


def row_blocks(array: Array, count: int) -> list[Array]:
    """Cut an array (count · H, …) into the rows of each gate, (H, …), as views."""
    size = len(array) // count
    return [array[start : start + size] for start in range(0, len(array), size)]
