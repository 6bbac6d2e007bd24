"""The lowest quasi-recurrent layer: it reads characters, and its stream begins with their embeddings.

    x_t = E x                                                             [qrnn.12]   column x of E
    dE = Σ_t d_x_t, in the column of the step's character                 [qrnn.13]

u_t depends on the character alone, hence so does what it adds to a gate. Both halves of every product are therefore
tabulated, once for each character of the vocabulary (or of the window, where that is shorter), and gathered; gradients
are summed by character, and the products of the way back are as small as the tables.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.config import ModelConfig
from charrnn.nn.initializers import normal_
from charrnn.nn.layers.quasi_recurrent import QuasiRecurrentLayer, StreamLayer, Workspace
from charrnn.nn.numerics import flat
from charrnn.nn.one_hot import gather_rows, sum_rows_by_id
from charrnn.nn.parameters import Parameters

EMBEDDING_STD = 0.1


class CharacterWorkspace(Workspace):
    """Adds what the lowest layer needs: tables of R rows, one for each character that can occur in the window."""

    def __init__(self, layer: CharacterLayer, T: int, B: int, dtype: npt.DTypeLike) -> None:
        H, R = layer.hidden_size, min(layer.vocab_size, T * B)
        super().__init__(T, B, H, layer.dropout, dtype)
        self.whole_vocabulary = layer.vocab_size == R
        self.inputs = np.empty((T, B), np.intp)
        self.index = np.arange(T * B).reshape(T, B)  # of each character's row
        self.index_before = np.arange(T * B).reshape(T, B)  # of the row of the character before, after B rows of state
        self.rows = np.empty((R, H), dtype)  # the embedding of each row's character
        self.u_rows = np.empty((B + R, H), dtype)  # u of the state, then of each row
        self.table = np.empty((R, H), dtype)  # what u_t adds to a gate
        self.table_before = np.empty((B + R, H), dtype)  # what u_{t−1} adds
        self.x = np.empty((T, B, H), dtype)
        self.d_u_rows = np.empty((B + R, H), dtype)
        self.norm = layer.norm.workspace(R, dtype)


class CharacterLayer(QuasiRecurrentLayer):
    """Reads characters."""

    def __init__(self, index: int, hidden_size: int, dropout: float, vocab_size: int) -> None:
        super().__init__(index, hidden_size, dropout)
        self.vocab_size = vocab_size
        self.embedding = "recurrent.embedding"
        self.layout = {self.embedding: (hidden_size, vocab_size), **self.layout}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        normal_(params[self.embedding], rng, EMBEDDING_STD)
        super().initialize(params, rng)

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> CharacterWorkspace:
        return CharacterWorkspace(self, seq_len, batch_size, dtype)

    def project(self, params: Parameters, inputs: Array, u_before: Array, ws: Workspace) -> Array:
        """Tables, then gathers."""
        assert isinstance(ws, CharacterWorkspace)
        H, B, u = self.hidden_size, len(u_before), ws.u_rows
        ws.inputs[...] = inputs
        if ws.whole_vocabulary:
            ws.index[...] = inputs
            np.copyto(ws.rows, params[self.embedding].T)
        else:
            gather_rows(params[self.embedding].T, ws.inputs.ravel(), out=ws.rows)
        ws.index_before[0] = np.arange(B)
        np.add(ws.index[:-1], B, out=ws.index_before[1:])
        u[:B] = u_before
        self.norm.forward(params, ws.rows, ws.norm, out=u[B:])  # [qrnn.1]
        ws.final_state[1] = u[B + ws.index[-1]]
        before = B if B > 1 and len(ws.index) == 1 else len(u)  # a single step asks for what was before it only
        for gate, (weight, bias) in zip(ws.gates, self.blocks(params), strict=True):
            np.matmul(u[:before], weight.T[:H], out=ws.table_before[:before])
            np.matmul(u[B:], weight.T[H:], out=ws.table)
            ws.table += bias
            gather_rows(ws.table, ws.index.ravel(), out=flat(gate))
            gather_rows(ws.table_before, ws.index_before.ravel(), out=flat(ws.scratch))
            gate += ws.scratch  # [qrnn.2]
        gather_rows(ws.rows, ws.index.ravel(), out=flat(ws.x))  # [qrnn.12]
        return ws.x

    def project_back(self, params: Parameters, d_outputs: Array, ws: Workspace, grads: Parameters) -> None:
        """Sums by row, then products as small as the tables."""
        assert isinstance(ws, CharacterWorkspace)
        H, u, d_u = self.hidden_size, ws.u_rows, ws.d_u_rows
        B = len(u) - len(ws.rows)
        d_u[...] = 0.0
        for d_gate, (weight, _), (d_weight, d_bias) in zip(
            ws.d_gates, self.blocks(params), self.blocks(grads), strict=True
        ):
            sum_rows_by_id(flat(d_gate), ws.index_before.ravel(), out=ws.table_before)
            sum_rows_by_id(flat(d_gate), ws.index.ravel(), out=ws.table)
            np.matmul(u.T, ws.table_before, out=d_weight.T[:H])
            np.matmul(u[B:].T, ws.table, out=d_weight.T[H:])
            np.sum(ws.table, axis=0, out=d_bias)  # [qrnn.9]
            d_u += ws.table_before @ weight[:, :H]
            d_u[B:] += ws.table @ weight[:, H:]  # [qrnn.10]
        ws.d_initial_state[1] = d_u[:B]
        self.norm.backward_(params, d_u[B:], ws.norm, grads)
        sum_rows_by_id(flat(d_outputs), ws.index.ravel(), out=ws.table)
        d_u[B:] += ws.table  # [qrnn.11]; now d_x, summed by row
        if ws.whole_vocabulary:
            np.copyto(grads[self.embedding].T, d_u[B:])  # [qrnn.13]
        else:
            sum_rows_by_id(d_u[B:], ws.inputs.ravel(), out=grads[self.embedding].T)


def quasi_recurrent_layer(index: int, config: ModelConfig) -> QuasiRecurrentLayer:
    """Layer number `index` of a network of quasi-recurrent layers."""
    if index == 0:
        return CharacterLayer(index, config.hidden_size, config.dropout, config.vocab_size)
    return StreamLayer(index, config.hidden_size, config.dropout)
