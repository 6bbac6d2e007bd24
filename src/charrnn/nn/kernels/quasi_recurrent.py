"""The quasi-recurrent layer, compiled: `QuasiRecurrentLayer` with its products, its norm and its pooling in C.

T seq_len, B batch_size, H hidden_size. Gates stand side by side, (T, B, 3H). The pairs [u_{t−1}; u_t] are never made:
each half of W multiplies the rows of u (T + 1, B, H), or the tables of the lowest layer, by itself.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.config import ModelConfig
from charrnn.nn.dropout import Dropout
from charrnn.nn.kernels.kernels import ROWS, Kernels, Matrix, boundaries, check_precision, ids_of
from charrnn.nn.kernels.library import pointer
from charrnn.nn.layers.quasi_recurrent import QuasiRecurrentLayer
from charrnn.nn.layers.quasi_recurrent_sources import GATES
from charrnn.nn.one_hot import gather_rows
from charrnn.nn.parameters import Parameters
from charrnn.randomness import Uniform

ELEMENTWISE = 150  # the time of a unit's pooling in one step, in multiplications of a product, about


class _Pooling(ctypes.Structure):
    """`pooling` in c/qrnn.h."""

    _fields_ = [(name, ctypes.c_int64) for name in ("T", "B", "H")] + [
        (name, ctypes.c_void_p)
        for name in (
            "ids", "ids_before", "fresh", "a", "before", "x", "mask", "zeros", "gates", "cells", "outputs", "d_outputs",
            "d_gates", "d_cells",
        )
    ]  # fmt: skip


class Workspace:
    """The arrays of one layer for a window of T steps, allocated once. It belongs to one caller at a time."""

    def __init__(self, layer: _CompiledLayer, T: int, B: int, dtype: npt.DTypeLike) -> None:
        H, G = layer.hidden_size, GATES * layer.hidden_size
        self.dtype = np.dtype(dtype)
        self.f = f = layer.kernels.functions(self.dtype)
        self.gates = np.empty((T, B, G), dtype)
        self.cells = np.empty((T + 1, B, H), dtype)  # [0] the initial state
        self.outputs = np.empty((T, B, H), dtype)
        self.dropout = Dropout(layer.dropout, (T, B, H), dtype)
        self.d_gates = np.empty((T, B, G), dtype)
        self.d_outputs = np.empty(0, self.dtype)
        self.zeros = np.zeros(H, dtype)
        self.zeros.flags.writeable = False
        self.fresh: Array | None = None  # (T, B) of the last forward pass
        self.left, self.right = Matrix(f, H, G, self.dtype), Matrix(f, H, G, self.dtype)
        self.final_state = np.empty((2, B, H), dtype)
        self.d_initial_state = np.empty((2, B, H), dtype)
        self.shown = self.cells[1:]  # a weighted mean of values of tanh
        self.pooling = _Pooling(
            T, B, H, zeros=pointer(self.zeros), gates=pointer(self.gates), cells=pointer(self.cells),
            outputs=pointer(self.outputs), d_gates=pointer(self.d_gates), d_cells=pointer(self.d_initial_state[0]),
        )  # fmt: skip


class StreamWorkspace(Workspace):
    """That of a layer which reads the outputs of the layer below."""

    def __init__(self, layer: _CompiledLayer, T: int, B: int, dtype: npt.DTypeLike) -> None:
        super().__init__(layer, T, B, dtype)
        H = layer.hidden_size
        self.x = np.empty(0, self.dtype)
        self.u = np.empty((T + 1, B, H), dtype)  # [0] of the step before the window
        self.r = np.empty(T * B, dtype)
        self.d_u = np.empty((T + 1, B, H), dtype)
        self.d_norm = np.empty((-(-T * B // ROWS), H), dtype)
        self.d_x = np.empty((T, B, H), dtype)
        self.pooling.a = pointer(self.gates)


class TableWorkspace(Workspace):
    """That of the lowest layer. The rows of u: B of the state, R of the window's characters, and 0 for boundaries."""

    def __init__(self, layer: _CompiledLayer, T: int, B: int, dtype: npt.DTypeLike) -> None:
        super().__init__(layer, T, B, dtype)
        H, G, V = layer.hidden_size, GATES * layer.hidden_size, layer.vocab_size
        R = min(V, T * B)
        self.whole_vocabulary = R == V
        self.ids = np.empty((T, B), np.int64)
        # Of each character's row, and of the row of the character before it.
        self.index = self.ids if self.whole_vocabulary else np.arange(T * B).reshape(T, B)
        self.index_before = np.empty((T, B), np.int64)
        self.rows = np.empty((R, H), dtype)
        self.u = np.empty((B + R + 1, H), dtype)
        self.r = np.empty(R, dtype)
        self.table, self.table_before = np.empty((R, G), dtype), np.empty((B + R + 1, G), dtype)
        self.d_table, self.d_table_before = np.empty((R, G), dtype), np.empty((B + R + 1, G), dtype)
        self.d_u = np.empty((B + R + 1, H), dtype)
        self.d_rows = np.empty((R, H), dtype)
        self.d_norm = np.empty((-(-R // ROWS), H), dtype)
        self.pooling.ids, self.pooling.ids_before = pointer(self.index), pointer(self.index_before)
        self.pooling.a, self.pooling.before = pointer(self.table), pointer(self.table_before)


class _CompiledLayer(QuasiRecurrentLayer):
    """What both kinds share: the pooling."""

    def __init__(self, index: int, config: ModelConfig, kernels: Kernels) -> None:
        super().__init__(index, config)
        self.kernels, self.vocab_size = kernels, config.vocab_size
        self.weight, self.bias, self.norm = self.source.pairs.weight, self.source.pairs.bias, self.source.norm.name

    def _pool(self, ws: Any, dropout_rng: Uniform | None) -> Array:
        """[qrnn.3] to [qrnn.5]: the outputs (T, B, H), and the final cell."""
        ws.pooling.mask = pointer(ws.dropout.mask) if ws.dropout.draw(dropout_rng) else None
        self._each_lane("pool_forward", ws)
        ws.final_state[0] = ws.cells[-1]
        return np.asarray(ws.outputs)

    def _pool_backward(self, ws: Any, d_outputs: Array) -> None:
        """[qrnn.6] to [qrnn.8]: from d_outputs (T, B, H) to d_gates."""
        ws.d_outputs = np.ascontiguousarray(d_outputs, ws.dtype)
        ws.pooling.d_outputs = pointer(ws.d_outputs)
        self._each_lane("pool_backward", ws)

    def _each_lane(self, name: str, ws: Any) -> None:
        pool, w = ws.f(name), ctypes.byref(ws.pooling)
        work = ELEMENTWISE * ws.outputs.size
        self.kernels.crew.over(ws.outputs.shape[1], lambda first, end: pool(w, first, end), work)

    def _normalise(self, params: Parameters, x: Array, u: Array, ws: Any) -> None:
        """[qrnn.1]: u of the rows x (…, H)."""
        H = self.hidden_size
        norm, n, scales = ws.f("norm_forward"), pointer(params[self.norm]), pointer(ws.r)
        x_at, u_at = pointer(x), pointer(u)

        def rows(first: int, end: int) -> None:
            norm(H, first, end, x_at, n, u_at, scales)

        self.kernels.crew.over(x.size // H, rows, 20 * x.size, ROWS)


class CompiledStreamLayer(_CompiledLayer):
    """A layer above the lowest."""

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> Any:
        return StreamWorkspace(self, seq_len, batch_size, dtype)

    def forward(
        self,
        params: Parameters,
        inputs: Array,
        state: Array,
        ws: Any,
        dropout_rng: Uniform | None = None,
        fresh: Array | None = None,
    ) -> Array:
        """Run a window, as in `QuasiRecurrentLayer`."""
        check_precision(params, ws.dtype)
        H, B, N, crew = self.hidden_size, ws.outputs.shape[1], ws.r.size, self.kernels.crew
        weight = params[self.weight].T
        ws.x = np.ascontiguousarray(inputs, ws.dtype)
        ws.fresh, ws.pooling.fresh = boundaries(fresh)
        ws.u[0] = state[1]
        if fresh is not None:
            ws.u[0, fresh[0]] = 0.0
        with crew.together():
            ws.left.pack_forward(crew, weight[:H])
            ws.right.pack_forward(crew, weight[H:])
            self._normalise(params, ws.x, ws.u[1:], ws)
        fresh_at = ws.pooling.fresh
        pairs, u, gates = ws.f("pairs_forward"), pointer(ws.u), pointer(ws.gates)
        left, right = pointer(ws.left.forward_panels), pointer(ws.right.forward_panels)

        def rows(first: int, end: int) -> None:
            pairs(B, H, first, end, u, left, right, fresh_at, gates)

        crew.over(N, rows, 6 * N * H * H, ROWS)
        ws.cells[0], ws.final_state[1] = state[0], ws.u[-1]
        ws.pooling.x, ws.pooling.before = pointer(ws.x), pointer(params[self.bias])
        return self._pool(ws, dropout_rng)

    def backward(self, params: Parameters, d_outputs: Array, ws: Any, grads: Parameters) -> Array | None:
        """Back through the window of the last forward pass, as in `QuasiRecurrentLayer`."""
        (T, B, H), crew = ws.outputs.shape, self.kernels.crew
        weight, d_weight = params[self.weight].T, grads[self.weight].T
        with crew.together():
            ws.left.pack_backward(crew, weight[:H])
            ws.right.pack_backward(crew, weight[H:])
            self._pool_backward(ws, d_outputs)
        pairs, norm, n, r = ws.f("pairs_backward"), ws.f("norm_backward"), params[self.norm], pointer(ws.r)
        fresh_at = ws.pooling.fresh
        d_gates, d_u, d_norm = pointer(ws.d_gates), pointer(ws.d_u), pointer(ws.d_norm)
        left, right = pointer(ws.left.backward_panels), pointer(ws.right.backward_panels)
        x, scale, d_u_own, d_y, d_x = map(pointer, (ws.x, n, ws.d_u[1:], ws.d_outputs, ws.d_x))

        def rows(first: int, end: int) -> None:  # of T·B: those of d_u stand B further
            begin = first + B if first else 0
            pairs(T, B, H, begin, end + B, d_gates, left, right, fresh_at, d_u)
            norm(H, first, end, x, scale, r, d_u_own, d_y, d_x, d_norm)

        with crew.together():
            crew.over(T * B, rows, 6 * T * B * H * H, ROWS)
            ws.left.gradient(crew, ws.u[:-1], ws.d_gates, d_weight[:H], ws.fresh)
            ws.right.gradient(crew, ws.u[1:], ws.d_gates, d_weight[H:])
            self.kernels.sum_rows(ws.d_gates, grads[self.bias])
        ws.d_initial_state[1] = ws.d_u[0]
        self.kernels.sum_rows(ws.d_norm, grads[self.norm])
        return np.asarray(ws.d_x)


class CompiledTableLayer(_CompiledLayer):
    """The lowest layer, which reads characters: see `Tables`."""

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> Any:
        return TableWorkspace(self, seq_len, batch_size, dtype)

    def forward(
        self,
        params: Parameters,
        inputs: Array,
        state: Array,
        ws: Any,
        dropout_rng: Uniform | None = None,
        fresh: Array | None = None,
    ) -> Array:
        """Run a window of ids (T, B), as in `QuasiRecurrentLayer`."""
        check_precision(params, ws.dtype)
        H, B, R, crew = self.hidden_size, ws.outputs.shape[1], len(ws.rows), self.kernels.crew
        weight, embedding = params[self.weight].T, params["recurrent.embedding"].T
        ids_of(inputs, self.vocab_size, out=ws.ids)
        if ws.whole_vocabulary:
            np.copyto(ws.rows, embedding)
        else:
            gather_rows(embedding, ws.ids.ravel(), out=ws.rows)
        ws.index_before[0] = np.arange(B)
        np.add(ws.index[:-1], B, out=ws.index_before[1:])
        ws.fresh, ws.pooling.fresh = boundaries(fresh)
        ws.u[:B], ws.u[-1] = state[1], 0.0
        if fresh is not None:
            ws.index_before[fresh], ws.u[:B][fresh[0]] = B + R, 0.0
        with crew.together():
            self._normalise(params, ws.rows, ws.u[B:-1], ws)
            ws.left.pack_forward(crew, weight[:H])
            ws.right.pack_forward(crew, weight[H:])
        ws.table[...] = params[self.bias]
        before = B if len(ws.index) == 1 and ws.fresh is None else B + R + 1  # a step needs what was before it only
        with crew.together():
            crew.over(before, ws.left.forward(ws.u, ws.table_before), before * 3 * H * H, ROWS)
            crew.over(R, ws.right.forward(ws.u[B:-1], ws.table, add=True), R * 3 * H * H, ROWS)
        ws.cells[0], ws.final_state[1] = state[0], ws.u[B + ws.index[-1]]
        ws.pooling.x = pointer(ws.rows)
        return self._pool(ws, dropout_rng)

    def backward(self, params: Parameters, d_outputs: Array, ws: Any, grads: Parameters) -> Array | None:
        """Back through the window of the last forward pass, as in `QuasiRecurrentLayer`."""
        H, B, crew, k = self.hidden_size, ws.outputs.shape[1], self.kernels.crew, self.kernels
        weight, d_weight, R = params[self.weight].T, grads[self.weight].T, len(ws.rows)
        self._pool_backward(ws, d_outputs)
        with crew.together():
            k.sum_rows_by_id(ws.d_gates, ws.index, ws.d_table)
            k.sum_rows_by_id(ws.d_gates, ws.index_before, ws.d_table_before)
            k.sum_rows_by_id(ws.d_outputs, ws.index, ws.d_rows)
            ws.left.pack_backward(crew, weight[:H])
            ws.right.pack_backward(crew, weight[H:])
        with crew.together():
            ws.left.gradient(crew, ws.u, ws.d_table_before, d_weight[:H])
            ws.right.gradient(crew, ws.u[B:-1], ws.d_table, d_weight[H:])
            k.sum_rows(ws.d_table, grads[self.bias])
            crew.over(B + R + 1, ws.left.backward(ws.d_table_before, ws.d_u), R * 3 * H * H, ROWS)
        crew.over(R, ws.right.backward(ws.d_table, ws.d_u[B:-1], add=True), R * 3 * H * H, ROWS)
        ws.d_initial_state[1] = ws.d_u[:B]
        x, d_u, d_y = map(pointer, (ws.rows, ws.d_u[B:-1], ws.d_rows))  # d_y becomes d_x in its place
        norm, n, r, d_norm = ws.f("norm_backward"), *map(pointer, (params[self.norm], ws.r, ws.d_norm))
        norm(H, 0, R, x, n, r, d_u, d_y, d_y, d_norm)
        k.sum_rows(ws.d_norm, grads[self.norm])
        if ws.whole_vocabulary:
            np.copyto(grads["recurrent.embedding"].T, ws.d_rows)
        else:
            k.sum_rows_by_id(ws.d_rows, ws.ids, grads["recurrent.embedding"].T)
        return None


def compiled_quasi_recurrent_layer(index: int, config: ModelConfig, kernels: Kernels) -> _CompiledLayer:
    """Layer number `index`: the lowest reads characters."""
    return (CompiledStreamLayer if index else CompiledTableLayer)(index, config, kernels)
