"""The input side of a quasi-recurrent layer: the stream x, and what it adds to the gates, [qrnn.1] and [qrnn.2].

Above the lowest layer the stream is what the layer below returns (`Stream`). The lowest layer begins it with the
embeddings of characters (`Tables`):

    x_t = E x                                                             [qrnn.12]   column x of E
    dE = Σ_t d_x_t, in the column of the step's character                 [qrnn.13]

T seq_len, B batch_size, H hidden_size. Gates are gate-major, (3, T, B, H).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.config import ModelConfig
from charrnn.nn.initializers import normal_, uniform_
from charrnn.nn.layers.inputs import Inputs
from charrnn.nn.numerics import flat
from charrnn.nn.one_hot import gather_rows, sum_rows_by_id
from charrnn.nn.parameters import Parameters
from charrnn.nn.rms_norm import RMSNorm

GATES = 3  # z, f, o
LONGEST_MEMORY = 3.5  # the largest bias of f at the start: σ(3.5) = 0.97, a memory of about 33 characters
EMBEDDING_STD = 0.1

W = TypeVar("W")


class Source(ABC, Generic[W]):
    """What both kinds have: the arrays W and b of the gates, and the norm."""

    def __init__(self, index: int, config: ModelConfig) -> None:
        self.hidden_size = H = config.hidden_size
        self.pairs = Inputs(f"recurrent.weight_l{index}", f"recurrent.bias_l{index}", GATES, H, 2 * H)
        self.norm = RMSNorm(f"recurrent.norm_l{index}", H)
        self.layout = {**self.pairs.layout, **self.norm.layout}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        H = self.hidden_size
        uniform_(params[self.pairs.weight], rng, (3.0 / (2 * H)) ** 0.5)
        # A range of time scales from the beginning: memories of two characters to about thirty.
        params[self.pairs.bias][H : 2 * H] = np.linspace(0.0, LONGEST_MEMORY, H)
        self.norm.initialize(params)

    @abstractmethod
    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> W:
        """Make a workspace."""

    @abstractmethod
    def forward(
        self, params: Parameters, inputs: Array, ws: W, u: Array, gates: Array, fresh: Array | None = None
    ) -> Array:
        """Write a_k to gates; replace u (B, H), that of the step before the window, by that of its last step.

        Returns the stream x (T, B, H), a view. u_{t−1} is zero where fresh (T, B) says so; for the first step, the
        caller sets it to zero.
        """

    @abstractmethod
    def backward(
        self, params: Parameters, d_y: Array, d_gates: Array, ws: W, d_u: Array, grads: Parameters
    ) -> Array | None:
        """From d_a_k in d_gates and d_y of the outputs, write this layer's gradients and d_u (B, H) of the state.

        Returns d_x (T, B, H), a view, or None if the inputs are characters.
        """


class StreamWorkspace:
    """The arrays of a `Stream` for a window, allocated once."""

    def __init__(self, stream: Stream, T: int, B: int, dtype: npt.DTypeLike) -> None:
        H = stream.hidden_size
        self.u_pairs = np.empty((T, B, 2 * H), dtype)  # [u_{t−1}; u_t]
        self.fresh: Array | None = None  # (T, B) of the last forward pass
        self.d_x = np.empty((T, B, H), dtype)
        self.pairs = stream.pairs.workspace(T, B, dtype)
        self.norm = stream.norm.workspace(T * B, dtype)


class Stream(Source[StreamWorkspace]):
    """Reads the outputs of the layer below. The pair [u_{t−1}; u_t] is the input of one product for each gate."""

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> StreamWorkspace:
        return StreamWorkspace(self, seq_len, batch_size, dtype)

    def forward(
        self, params: Parameters, inputs: Array, ws: StreamWorkspace, u: Array, gates: Array, fresh: Array | None = None
    ) -> Array:
        H, u_pairs = self.hidden_size, ws.u_pairs
        self.norm.forward(params, flat(inputs), ws.norm, out=flat(u_pairs)[:, H:])  # [qrnn.1]
        u_pairs[0, :, :H] = u
        u_pairs[1:, :, :H] = u_pairs[:-1, :, H:]
        ws.fresh = fresh
        if fresh is not None:
            u_pairs[..., :H][fresh] = 0.0
        u[...] = u_pairs[-1, :, H:]
        self.pairs.forward(params, u_pairs, ws.pairs, gates)  # [qrnn.2]
        return inputs

    def backward(
        self, params: Parameters, d_y: Array, d_gates: Array, ws: StreamWorkspace, d_u: Array, grads: Parameters
    ) -> Array:
        H, d_pairs, d_x = self.hidden_size, ws.pairs.d_x, ws.d_x
        self.pairs.backward(params, d_gates, ws.pairs, grads)  # [qrnn.9]
        if ws.fresh is not None:
            d_pairs[..., :H][ws.fresh] = 0.0
        np.copyto(d_x, d_pairs[:, :, H:])
        d_x[:-1] += d_pairs[1:, :, :H]  # [qrnn.10]; d_x holds d_u of every step until [qrnn.11]
        d_u[...] = d_pairs[0, :, :H]
        self.norm.backward_(params, flat(d_x), ws.norm, grads)
        d_x += d_y  # [qrnn.11]
        return d_x


class TableWorkspace:
    """The arrays of `Tables` for a window: R rows, one for each character that can occur in it."""

    def __init__(self, tables: Tables, T: int, B: int, dtype: npt.DTypeLike) -> None:
        H, R = tables.hidden_size, min(tables.vocab_size, T * B)
        self.whole_vocabulary = tables.vocab_size == R
        self.inputs = np.empty((T, B), np.intp)
        self.index = np.arange(T * B).reshape(T, B)  # of each character's row
        self.index_before = np.arange(T * B).reshape(T, B)  # of the row of the character before, after B rows of state
        self.rows = np.empty((R, H), dtype)  # the embedding of each row's character
        self.u_rows = np.empty((B + R + 1, H), dtype)  # u of the state, of each row, and 0, for steps after a boundary
        self.used = B + R  # rows of u in the last forward pass: without the last, unless there is such a step
        self.table = np.empty((R, H), dtype)  # what u_t adds to a gate
        self.table_before = np.empty((B + R + 1, H), dtype)  # what u_{t−1} adds
        self.x = np.empty((T, B, H), dtype)
        self.d_u_rows = np.empty((B + R + 1, H), dtype)
        self.norm = tables.norm.workspace(R, dtype)


class Tables(Source[TableWorkspace]):
    """Reads characters.

    u_t depends on the character alone, and so does what it adds to a gate. Both halves of every product are therefore
    tabulated, once for each character of the vocabulary (or of the window, if that is shorter), and gathered;
    gradients are summed by character, and the products of the backward pass are as small as the tables.
    """

    def __init__(self, index: int, config: ModelConfig) -> None:
        super().__init__(index, config)
        self.vocab_size, self.embedding = config.vocab_size, "recurrent.embedding"
        self.layout = {self.embedding: (config.hidden_size, config.vocab_size), **self.layout}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        normal_(params[self.embedding], rng, EMBEDDING_STD)
        super().initialize(params, rng)

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> TableWorkspace:
        return TableWorkspace(self, seq_len, batch_size, dtype)

    def forward(
        self, params: Parameters, inputs: Array, ws: TableWorkspace, u: Array, gates: Array, fresh: Array | None = None
    ) -> Array:
        H, B, zero = self.hidden_size, len(u), len(ws.u_rows) - 1
        inside = fresh is not None and bool(fresh[1:].any())
        ws.used = zero + inside
        u_rows, table_before = ws.u_rows[: ws.used], ws.table_before[: ws.used]
        ws.inputs[...] = inputs
        if ws.whole_vocabulary:
            ws.index[...] = inputs
            np.copyto(ws.rows, params[self.embedding].T)
        else:
            gather_rows(params[self.embedding].T, ws.inputs.ravel(), out=ws.rows)
        ws.index_before[0] = np.arange(B)
        np.add(ws.index[:-1], B, out=ws.index_before[1:])
        if fresh is not None and inside:
            ws.index_before[1:][fresh[1:]] = zero
            u_rows[zero] = 0.0
        u_rows[:B] = u
        self.norm.forward(params, ws.rows, ws.norm, out=u_rows[B:zero])  # [qrnn.1]
        u[...] = u_rows[B + ws.index[-1]]
        before = B if B > 1 and len(ws.index) == 1 else len(u_rows)  # a single step asks for what was before it only
        for gate, (weight, bias) in zip(gates, self.pairs.blocks(params), strict=True):
            np.matmul(u_rows[:before], weight.T[:H], out=table_before[:before])
            np.matmul(u_rows[B:zero], weight.T[H:], out=ws.table)
            ws.table += bias
            gather_rows(ws.table, ws.index.ravel(), out=flat(gate))
            gather_rows(table_before, ws.index_before.ravel(), out=flat(ws.x))
            gate += ws.x  # [qrnn.2]
        gather_rows(ws.rows, ws.index.ravel(), out=flat(ws.x))  # [qrnn.12]
        return ws.x

    def backward(
        self, params: Parameters, d_y: Array, d_gates: Array, ws: TableWorkspace, d_u: Array, grads: Parameters
    ) -> None:
        H, B, R = self.hidden_size, len(d_u), len(ws.rows)
        u_rows, d_u_rows, table_before = (rows[: ws.used] for rows in (ws.u_rows, ws.d_u_rows, ws.table_before))
        d_u_rows[...] = 0.0
        for d_gate, (weight, _), (d_weight, d_bias) in zip(
            d_gates, self.pairs.blocks(params), self.pairs.blocks(grads), strict=True
        ):
            sum_rows_by_id(flat(d_gate), ws.index_before.ravel(), out=table_before)
            sum_rows_by_id(flat(d_gate), ws.index.ravel(), out=ws.table)
            np.matmul(u_rows.T, table_before, out=d_weight.T[:H])
            np.matmul(u_rows[B : B + R].T, ws.table, out=d_weight.T[H:])
            np.sum(ws.table, axis=0, out=d_bias)  # [qrnn.9]
            d_u_rows += table_before @ weight[:, :H]
            d_u_rows[B : B + R] += ws.table @ weight[:, H:]  # [qrnn.10]
        d_u[...] = d_u_rows[:B]
        d_x = d_u_rows[B : B + R]  # summed by row
        self.norm.backward_(params, d_x, ws.norm, grads)
        sum_rows_by_id(flat(d_y), ws.index.ravel(), out=ws.table)
        d_x += ws.table  # [qrnn.11]
        if ws.whole_vocabulary:
            np.copyto(grads[self.embedding].T, d_x)  # [qrnn.13]
        else:
            sum_rows_by_id(d_x, ws.inputs.ravel(), out=grads[self.embedding].T)
