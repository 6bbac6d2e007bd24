"""A quasi-recurrent layer (Bradbury et al. 2016, fo-pooling) on a residual stream.

Only elementwise maths runs over time:

    u_t = RMSNorm(x_t)                                                    [qrnn.1]
    a_k = W_k [u_{t−1}; u_t] + b_k   for k in z, f, o                     [qrnn.2]
    z, f, o = tanh(a_z), σ(a_f), σ(a_o)                                   [qrnn.3]
    c_t = f · c_{t−1} + (1 − f) · z                                       [qrnn.4]
    y_t = x_t + o · c_t                                                   [qrnn.5]

    d_o = d_y · c;   d_c_t = d_y · o + f_{t+1} · d_c_{t+1}                [qrnn.6]
    d_z = d_c · (1 − f);   d_f = d_c · (c_{t−1} − z)                      [qrnn.7]
    d_a_z = d_z · (1 − z²);   d_a_f = d_f · f · (1 − f);   d_a_o likewise [qrnn.8]
    dW_k = Σ_t d_a_k [u_{t−1}; u_t]ᵀ;   db_k = Σ_t d_a_k                  [qrnn.9]
    d_u_t = Σ_k (W_k's right half)ᵀ d_a_k,t + (its left half)ᵀ d_a_k,t+1  [qrnn.10]
    d_x = d_y + RMSNorm's d_u                                             [qrnn.11]

No product waits for the step before it, so that every product covers the whole window. The state is c and u of the last
step. The lowest layer's x_t is column x_t of an embedding E. Derived line by line in docs/derivations/qrnn.md.

T seq_len, B batch_size, H hidden_size, N = T·B. Gates are gate-major, (3, T, B, H).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.nn.dropout import Dropout
from charrnn.nn.initializers import uniform_
from charrnn.nn.numerics import flat, sigmoid_, sigmoid_backward_, tanh_backward_
from charrnn.nn.parameters import Parameters
from charrnn.nn.rms_norm import RMSNorm
from charrnn.randomness import Uniform

GATES = 3  # z, f, o
LONGEST_MEMORY = 3.5  # the largest bias of f at the start: σ(3.5) = 0.97, a memory of about 33 characters


class Workspace:
    """The arrays of the pooling for a window, allocated once. It belongs to one caller at a time."""

    def __init__(self, T: int, B: int, H: int, dropout: float, dtype: npt.DTypeLike) -> None:
        self.gates = np.empty((GATES, T, B, H), dtype)
        self.cells = np.empty((T + 1, B, H), dtype)  # [0] the initial state
        self.outputs = np.empty((T, B, H), dtype)
        self.dropout = Dropout(dropout, (T, B, H), dtype) if dropout else None
        self.dropped = False  # whether the last forward pass dropped anything
        self.d_gates = np.empty((GATES, T, B, H), dtype)
        self.d_cells = np.empty((T, B, H), dtype)
        self.d_branch = np.empty((T, B, H), dtype)
        self.scratch = np.empty((T, B, H), dtype)
        self.final_state = np.empty((2, B, H), dtype)
        self.d_initial_state = np.empty((2, B, H), dtype)
        _, f, _ = self.gates
        self.steps = [(f[t], self.cells[t], self.cells[t + 1], self.scratch[t]) for t in range(T)]
        self.back_steps = [(f[t], self.d_cells[t], self.d_cells[t - 1], self.scratch[t]) for t in range(T - 1, 0, -1)]


class QuasiRecurrentLayer(ABC):
    """The pooling over time; where its inputs come from is the business of the two kinds below."""

    states: tuple[str, ...] = ("cell", "normalised input")
    parallel_in_time = True
    residual = True

    def __init__(self, index: int, hidden_size: int, dropout: float) -> None:
        self.index, self.hidden_size, self.dropout = index, hidden_size, dropout
        rows = GATES * hidden_size
        self.weight, self.bias = f"recurrent.weight_l{index}", f"recurrent.bias_l{index}"
        self.norm = RMSNorm(f"recurrent.norm_l{index}", hidden_size)
        self.layout = {self.weight: (rows, 2 * hidden_size), self.bias: (rows,), **self.norm.layout}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        uniform_(params[self.weight], rng, (3.0 / (2 * self.hidden_size)) ** 0.5)
        # A range of time scales from the beginning: memories of two characters to about thirty.
        params[self.bias][self.hidden_size : 2 * self.hidden_size] = np.linspace(0.0, LONGEST_MEMORY, self.hidden_size)
        self.norm.initialize(params)

    def forward(
        self,
        params: Parameters,
        inputs: Array,
        state: Array,
        ws: Workspace,
        dropout_rng: Uniform | None = None,
    ) -> Array:
        """Run a window. inputs (T, B) ids or (T, B, H); state (2, B, H) is read; returns outputs (T, B, H), a view."""
        x = self.project(params, inputs, state[1], ws)  # [qrnn.1], [qrnn.2]
        z, f, o = ws.gates
        np.tanh(z, out=z)
        sigmoid_(ws.gates[1:])  # [qrnn.3]
        ws.cells[0] = state[0]
        np.multiply(f, z, out=ws.scratch)
        np.subtract(z, ws.scratch, out=ws.scratch)  # (1 − f) z
        for f_t, c_prev, c, new in ws.steps:
            np.multiply(f_t, c_prev, out=c)
            np.add(c, new, out=c)  # [qrnn.4]
        ws.final_state[0] = ws.cells[-1]
        np.multiply(o, ws.cells[1:], out=ws.outputs)
        ws.dropped = dropout_rng is not None and ws.dropout is not None
        if dropout_rng is not None and ws.dropout is not None:
            np.add(x, ws.dropout.forward(ws.outputs, dropout_rng), out=ws.outputs)
        else:
            ws.outputs += x  # [qrnn.5]
        return ws.outputs

    def backward(self, params: Parameters, d_outputs: Array, ws: Workspace, grads: Parameters) -> Array | None:
        """Back through the window; d_outputs (T, B, H) is read; returns d_inputs (T, B, H), a view, or None."""
        (z, f, o), (d_z, d_f, d_o), d_c, scratch = ws.gates, ws.d_gates, ws.d_cells, ws.scratch
        d_y = d_outputs
        if ws.dropped and ws.dropout is not None:
            d_y = ws.d_branch
            np.copyto(d_y, d_outputs)
            ws.dropout.backward_(d_y)
        np.multiply(d_y, ws.cells[1:], out=d_o)
        np.multiply(d_y, o, out=d_c)
        for f_t, d_c_t, d_c_before, part in ws.back_steps:
            np.multiply(f_t, d_c_t, out=part)
            np.add(d_c_before, part, out=d_c_before)  # [qrnn.6]
        np.multiply(f[0], d_c[0], out=ws.d_initial_state[0])
        np.subtract(1.0, f, out=d_z)
        d_z *= d_c
        np.subtract(ws.cells[:-1], z, out=d_f)  # [qrnn.7]; the factor d_c (1 − f) of d_a_f is what d_z holds now
        d_f *= f
        d_f *= d_z
        tanh_backward_(d_z, z, scratch)
        sigmoid_backward_(d_o, o, scratch)  # [qrnn.8]
        return self.project_back(params, d_outputs, ws, grads)

    @abstractmethod
    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> Workspace:
        """A new workspace for a window."""

    @abstractmethod
    def project(self, params: Parameters, inputs: Array, u_before: Array, ws: Workspace) -> Array:
        """Write a_k to the gates and the last u to the final state; return the stream x (T, B, H)."""

    @abstractmethod
    def project_back(self, params: Parameters, d_outputs: Array, ws: Workspace, grads: Parameters) -> Array | None:
        """From d_a_k in d_gates: this layer's gradients, d_u of the initial state, and the gradient of the inputs."""

    def blocks(self, arrays: Parameters) -> list[tuple[Array, Array]]:
        """Weight (H, 2H) and bias (H,) of each gate, as views."""
        H = self.hidden_size
        return [(arrays[self.weight][k : k + H], arrays[self.bias][k : k + H]) for k in range(0, GATES * H, H)]


class StreamWorkspace(Workspace):
    """Adds what a layer needs that reads the stream."""

    def __init__(self, layer: StreamLayer, T: int, B: int, dtype: npt.DTypeLike) -> None:
        H = layer.hidden_size
        super().__init__(T, B, H, layer.dropout, dtype)
        self.pairs = np.empty((T, B, 2 * H), dtype)  # [u_{t−1}; u_t]
        self.d_pairs = np.empty((T, B, 2 * H), dtype)
        self.d_part = np.empty((T, B, 2 * H), dtype)
        self.d_u = np.empty((T, B, H), dtype)
        self.norm = layer.norm.workspace(T * B, dtype)


class StreamLayer(QuasiRecurrentLayer):
    """Reads the outputs of the layer below."""

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> StreamWorkspace:
        return StreamWorkspace(self, seq_len, batch_size, dtype)

    def project(self, params: Parameters, inputs: Array, u_before: Array, ws: Workspace) -> Array:
        """Two matrices side by side, [u_{t−1}; u_t], so that one product for each gate does."""
        assert isinstance(ws, StreamWorkspace)
        H, pairs = self.hidden_size, ws.pairs
        self.norm.forward(params, flat(inputs), ws.norm, out=flat(pairs)[:, H:])  # [qrnn.1]
        pairs[0, :, :H] = u_before
        pairs[1:, :, :H] = pairs[:-1, :, H:]
        ws.final_state[1] = pairs[-1, :, H:]
        for gate, (weight, bias) in zip(ws.gates, self.blocks(params), strict=True):
            np.matmul(flat(pairs), weight.T, out=flat(gate))
            gate += bias  # [qrnn.2]
        return inputs

    def project_back(self, params: Parameters, d_outputs: Array, ws: Workspace, grads: Parameters) -> Array:
        """All products over the whole window."""
        assert isinstance(ws, StreamWorkspace)
        H, d_pairs, d_u = self.hidden_size, ws.d_pairs, ws.d_u
        d_pairs[...] = 0.0
        for d_gate, (weight, _), (d_weight, d_bias) in zip(
            ws.d_gates, self.blocks(params), self.blocks(grads), strict=True
        ):
            np.matmul(flat(ws.pairs).T, flat(d_gate), out=d_weight.T)
            np.sum(flat(d_gate), axis=0, out=d_bias)  # [qrnn.9]
            np.matmul(flat(d_gate), weight, out=flat(ws.d_part))
            d_pairs += ws.d_part
        np.copyto(d_u, d_pairs[:, :, H:])
        d_u[:-1] += d_pairs[1:, :, :H]  # [qrnn.10]
        ws.d_initial_state[1] = d_pairs[0, :, :H]
        self.norm.backward_(params, flat(d_u), ws.norm, grads)
        d_u += d_outputs  # [qrnn.11]
        return d_u
