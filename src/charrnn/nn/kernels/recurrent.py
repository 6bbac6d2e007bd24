"""The recurrent layer, compiled: `RecurrentLayer` with the loop over time, its products and a cell's maths in C.

T seq_len, B batch_size, H hidden_size, G gates of the cell, S its states, K its saved arrays. Gates stand side by side,
(T, B, G·H), so that one product serves all of them.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.config import ModelConfig
from charrnn.nn.cells import CELLS
from charrnn.nn.dropout import Dropout
from charrnn.nn.kernels.kernels import ROWS, Kernels, Matrix, Rows, boundaries, check_precision, ids_of
from charrnn.nn.kernels.library import pointer
from charrnn.nn.layers.recurrent import RecurrentLayer
from charrnn.nn.parameters import Parameters
from charrnn.randomness import Uniform


class _Window(ctypes.Structure):
    """`window` in c/cells.h."""

    _fields_ = [(name, ctypes.c_int64) for name in ("T", "B", "H")] + [
        (name, ctypes.c_void_p)
        for name in (
            "ids", "table", "fresh", "bias", "bias_hh", "forward_panels", "backward_panels", "zeros", "gates",
            "hidden_proj", "states", "saved", "d_outputs", "d_gates", "d_hidden", "d_states",
        )
    ]  # fmt: skip


class Workspace:
    """The arrays of one layer for a window of T steps, allocated once. It belongs to one caller at a time."""

    def __init__(self, layer: CompiledRecurrentLayer, T: int, B: int, dtype: npt.DTypeLike) -> None:
        cell, H, I = layer.cell, layer.hidden_size, layer.inputs.size  # noqa: E741
        G, S, K = len(cell.gates), len(cell.states), len(cell.saved)
        self.dtype = np.dtype(dtype)
        self.f = f = layer.kernels.functions(self.dtype)
        self.ids = np.empty((T, B), np.int64)
        self.x = np.empty(0, self.dtype)  # what the last forward pass read from the layer below, (T, B, H)
        self.gates = np.empty((T, B, G * H), dtype)
        self.hidden_proj = np.empty((B, G * H), dtype)
        self.states = np.empty((S, T + 1, B, H), dtype)  # [:, 0] the initial state, [:, t + 1] the state after step t
        self.saved = np.empty((K, T, B, H), dtype)
        self.d_gates = np.empty((T, B, G * H), dtype)
        self.d_hidden = np.empty((T, B, G * H), dtype) if cell.gates_the_hidden_projection else self.d_gates
        self.d_initial_state = np.empty((S, B, H), dtype)
        self.zeros = np.zeros(G * H, dtype)
        self.zeros.flags.writeable = False
        self.fresh: Array | None = None  # (T, B) of the last forward pass
        self.d_outputs = np.empty(0, self.dtype)
        self.hidden = Matrix(f, H, G * H, self.dtype)
        upper = not layer.inputs.reads_characters
        self.input = Matrix(f, I, G * H, self.dtype) if upper else None
        self.d_x = np.empty((T, B, I) if upper else 0, dtype)
        self.dropout = Dropout(layer.dropout, (T, B, I), dtype)
        self.outputs = self.states[0, 1:]
        named = dict(zip((*cell.states, *cell.saved), (*self.states[:, 1:], *self.saved), strict=True))
        self.shown = named[cell.shown]
        self.final_state = self.states[:, -1]
        self.window = _Window(
            T, B, H,
            ids=None if upper else pointer(self.ids), forward_panels=pointer(self.hidden.forward_panels),
            zeros=pointer(self.zeros), gates=pointer(self.gates),
            hidden_proj=pointer(self.hidden_proj), states=pointer(self.states), saved=pointer(self.saved),
            d_gates=pointer(self.d_gates), d_hidden=pointer(self.d_hidden), d_states=pointer(self.d_initial_state),
        )  # fmt: skip


class CompiledRecurrentLayer(RecurrentLayer):
    """A layer that runs one of the cells whose maths is in c/cells.h."""

    def __init__(self, index: int, config: ModelConfig, kernels: Kernels) -> None:
        super().__init__(CELLS[config.cell](), index, config)
        self.name, self.kernels = config.cell, kernels

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> Any:
        return Workspace(self, seq_len, batch_size, dtype)

    def forward(
        self,
        params: Parameters,
        inputs: Array,
        state: Array,
        ws: Any,
        dropout_rng: Uniform | None = None,
        fresh: Array | None = None,
    ) -> Array:
        """Run a window, as in `RecurrentLayer`."""
        check_precision(params, ws.dtype)
        crew, w, names = self.kernels.crew, ws.window, self.names
        weight_ih = params[names["weight_ih"]].T
        ws.hidden.pack_forward(crew, params[names["weight_hh"]].T)
        w.bias = pointer(params[names["bias_ih"]])
        if "bias_hh" in names:
            w.bias_hh = pointer(params[names["bias_hh"]])
        if ws.input is None:
            ids_of(inputs, len(weight_ih), out=ws.ids)
            w.table = pointer(weight_ih)
        else:
            ws.x = np.ascontiguousarray(ws.dropout.forward(inputs, dropout_rng), ws.dtype)
            ws.input.pack_forward(crew, weight_ih)
            crew.over(ws.ids.size, ws.input.forward(ws.x, ws.gates), ws.ids.size * weight_ih.size, ROWS)
        ws.states[:, 0] = state
        ws.fresh, w.fresh = boundaries(fresh)
        if fresh is not None:
            ws.states[:, 0, fresh[0]] = 0.0
        step = ws.f(f"{self.name}_forward")
        self._each_lane(lambda first, end: step(ctypes.byref(w), first, end), ws)
        return np.asarray(ws.outputs)

    def backward(self, params: Parameters, d_outputs: Array, ws: Any, grads: Parameters) -> Array | None:
        """Back through the window of the last forward pass, as in `RecurrentLayer`."""
        crew, w, names = self.kernels.crew, ws.window, self.names
        ws.d_outputs = np.ascontiguousarray(d_outputs, ws.dtype)
        w.d_outputs = pointer(ws.d_outputs)
        ws.hidden.pack_backward(crew, params[names["weight_hh"]].T)
        w.backward_panels = pointer(ws.hidden.backward_panels)
        ws.d_initial_state[...] = 0.0  # nothing comes from beyond the window: the gradient is truncated there
        step = ws.f(f"{self.name}_backward")
        self._each_lane(lambda first, end: step(ctypes.byref(w), first, end), ws)
        with crew.together():
            ws.hidden.gradient(crew, ws.states[0, :-1], ws.d_hidden, grads[names["weight_hh"]].T, ws.fresh)
            if "bias_hh" in names:
                self.kernels.sum_rows(ws.d_hidden, grads[names["bias_hh"]])
            self.kernels.sum_rows(ws.d_gates, grads[names["bias_ih"]])
            d_weight_ih = grads[names["weight_ih"]].T
            if ws.input is None:
                self.kernels.sum_rows_by_id(ws.d_gates, ws.ids, d_weight_ih)
            else:
                ws.input.gradient(crew, ws.x, ws.d_gates, d_weight_ih)
                ws.input.pack_backward(crew, params[names["weight_ih"]].T)
        if ws.input is None:
            return None
        crew.over(ws.ids.size, ws.input.backward(ws.d_gates, ws.d_x), ws.ids.size * d_weight_ih.size, ROWS)
        return np.asarray(ws.dropout.backward(ws.d_x, out=ws.d_x))

    def _each_lane(self, loop: Rows, ws: Any) -> None:
        """The loop over time for all lanes. Each worker gets as many as it can: their product is one."""
        (T, B, G), crew = ws.gates.shape, self.kernels.crew
        crew.over(B, loop, T * B * G * self.hidden_size, quantum=-(-B // crew.workers))
