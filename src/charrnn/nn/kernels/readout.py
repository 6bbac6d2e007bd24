"""The readout and the experts' place above the lowest layer, compiled: `Readout` and `ExpertInputs` in C.

N = T·B characters, V vocab_size, H hidden_size, S experts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.nn.kernels.kernels import ROWS, Kernels, Matrix, check_precision, ids_of
from charrnn.nn.kernels.library import pointer
from charrnn.nn.mixture import ExpertInputs
from charrnn.nn.numerics import flat
from charrnn.nn.parameters import Parameters
from charrnn.nn.readout import Readout


class _Gates:
    """What `ExpertGatesWorkspace` shows of the last forward pass."""

    def __init__(self, N: int, S: int, dtype: npt.DTypeLike) -> None:
        self.log_q = np.empty(0, np.empty(0, dtype).real.dtype)  # (S, N, V)
        self.gates, self.d_gates = np.empty((N, S), dtype), np.empty((N, S), dtype)
        self.weight = np.empty(0, dtype)  # G (S, H), in C order


class Workspace:
    """The arrays of the readout for N = T·B characters, allocated once."""

    def __init__(self, readout: CompiledReadout, T: int, B: int, dtype: npt.DTypeLike) -> None:
        H, V, N = readout.hidden_size, readout.vocab_size, T * B
        self.dtype = np.dtype(dtype)
        self.f = readout.kernels.functions(self.dtype)
        self.x = np.empty(0, self.dtype)  # the outputs of the last layer
        self.h = np.empty((N, H), dtype)
        self.r = np.empty(N, dtype)
        self.logits = np.empty((T, B, V), dtype)  # becomes d_logits in backward
        self.flat_logits = flat(self.logits)
        self.targets = np.empty((T, B), np.int64)
        self.norm_sum = np.empty(N, dtype)  # Σ_j exp(o_j − max o)
        self.nats = np.empty(N, np.result_type(self.dtype, np.float64))
        self.matrix = Matrix(self.f, H, V, self.dtype)
        self.d_outputs = np.empty((T, B, H), dtype)
        self.d_norm = np.empty((-(-N // ROWS), H), dtype)
        self.gates = _Gates(N, readout.num_experts, dtype) if readout.gates else None


class CompiledReadout(Readout):
    """The output layer and its loss."""

    def __init__(self, hidden_size: int, vocab_size: int, normalise: bool, num_experts: int, kernels: Kernels) -> None:
        super().__init__(hidden_size, vocab_size, normalise, num_experts)
        self.num_experts, self.kernels = num_experts, kernels

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> Any:
        return Workspace(self, seq_len, batch_size, dtype)

    def forward(self, params: Parameters, outputs: Array, ws: Any, log_q: Array | None = None) -> Array:
        """outputs (T, B, H) to logits (T, B, V), a view, as in `Readout`."""
        check_precision(params, ws.dtype)
        N, H, V, S = len(ws.r), self.hidden_size, self.vocab_size, self.num_experts
        ws.x = np.ascontiguousarray(outputs, ws.dtype)
        ws.matrix.pack_forward(self.kernels.crew, params["readout.weight"].T)
        if self.norm is None:
            ws.h = flat(ws.x)
        n = None if self.norm is None else pointer(params[self.norm.name])
        norm, finish, product = ws.f("norm_forward"), ws.f("logits_forward"), ws.matrix.forward(ws.h, ws.logits)
        x, h, r, logits, bias = map(pointer, (ws.x, ws.h, ws.r, ws.logits, params["readout.bias"]))
        trust: tuple[Any, ...] = (None, None, None, None)
        if ws.gates is not None and log_q is not None:
            ws.gates.log_q = np.ascontiguousarray(log_q.reshape(S, N, V), ws.r.real.dtype)
            ws.gates.weight = np.ascontiguousarray(params["mixture.gate_weight"])
            arrays = ws.gates.log_q, ws.gates.weight, params["mixture.gate_bias"], ws.gates.gates
            trust = tuple(map(pointer, arrays))
        sizes = N, V, H, S

        def rows(first: int, end: int) -> None:
            part = first, end
            if n is not None:
                norm(sizes[2], *part, x, n, h, r)
            product(first, end)
            finish(*sizes, *part, bias, h, *trust, logits)

        self.kernels.crew.over(N, rows, N * V * (H + 20), ROWS)
        return np.asarray(ws.logits)

    def nats(self, targets: Array, ws: Any) -> Array:
        """−log p of every target, (T·B,): after `forward`, whose logits it overwrites."""
        V, surprises = self.vocab_size, ws.f("surprises")
        ids_of(targets, V, out=ws.targets)
        arrays = tuple(map(pointer, (ws.logits, ws.targets, ws.norm_sum, ws.nats)))
        N = len(ws.r)
        self.kernels.crew.over(N, lambda first, end: surprises(V, first, end, *arrays), 80 * N * V, ROWS)
        return np.array(ws.nats)

    def backward(self, params: Parameters, targets: Array, ws: Any, grads: Parameters) -> Array:
        """After `nats`: gradients of the mean loss into `grads`; returns d_outputs (T, B, H), a view."""
        N, H, V, S = len(ws.r), self.hidden_size, self.vocab_size, self.num_experts
        crew, f = self.kernels.crew, ws.f
        ws.matrix.pack_backward(crew, params["readout.weight"].T)
        loss, product = f("surprises_backward"), ws.matrix.backward(ws.logits, ws.d_outputs)
        norm, trust = f("norm_backward"), f("logits_backward")
        logits, ids, sums, d_outputs = map(pointer, (ws.logits, ws.targets, ws.norm_sum, ws.d_outputs))
        x, r, d_norm = pointer(ws.x), pointer(ws.r), pointer(ws.d_norm)
        n = None if self.norm is None else pointer(params[self.norm.name])
        g = None if ws.gates is None else tuple(map(pointer, (ws.gates.log_q, ws.gates.weight, ws.gates.d_gates)))
        sizes = N, V, H, S

        def rows(first: int, end: int) -> None:
            part = first, end
            loss(sizes[0], sizes[1], *part, logits, ids, sums)
            product(first, end)  # [readout.5]
            if g is not None:
                trust(*sizes, *part, logits, *g, d_outputs)
            if n is not None:
                norm(sizes[2], *part, x, n, r, d_outputs, None, d_outputs, d_norm)

        crew.over(N, rows, N * V * (H + 20), ROWS)
        with crew.together():
            ws.matrix.gradient(crew, ws.h, ws.logits, grads["readout.weight"].T)
            self.kernels.sum_rows(ws.logits, grads["readout.bias"])
            if self.norm is not None:
                self.kernels.sum_rows(ws.d_norm, grads[self.norm.name])
        if ws.gates is not None:
            np.matmul(ws.h.T, ws.gates.d_gates, out=grads["mixture.gate_weight"].T)
            np.sum(ws.gates.d_gates, axis=0, out=grads["mixture.gate_bias"])
            ws.gates.log_q = ws.gates.log_q[:, :0].copy()  # the next one is made before it would replace this one
        return np.asarray(ws.d_outputs)


class InputsWorkspace:
    """The arrays of [src.4] for N = T·B characters, allocated once."""

    def __init__(self, inputs: CompiledExpertInputs, T: int, B: int, dtype: npt.DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        f, width = inputs.kernels.functions(self.dtype), inputs.num_experts * inputs.vocab_size
        self.f = f
        self.phi = np.empty((T * B, width), dtype)  # (N, S·V)
        self.matrix = Matrix(f, width, inputs.hidden_size, self.dtype)
        self.x = np.empty((T, B, inputs.hidden_size), dtype)


class CompiledExpertInputs(ExpertInputs):
    """What the experts say, added to the outputs of the lowest layer."""

    def __init__(self, num_experts: int, vocab_size: int, hidden_size: int, kernels: Kernels) -> None:
        super().__init__(num_experts, vocab_size, hidden_size)
        self.kernels = kernels

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> Any:
        return InputsWorkspace(self, seq_len, batch_size, dtype)

    def forward(self, params: Parameters, outputs: Array, log_q: Array, ws: Any) -> Array:
        """y⁰ (T, B, H) and log q (S, T, B, V) to x¹ (T, B, H), a view."""
        check_precision(params, ws.dtype)
        S, N, V = self.num_experts, len(ws.phi), self.vocab_size
        log_q = np.ascontiguousarray(log_q.reshape(S, N, V), ws.phi.real.dtype)
        ws.matrix.pack_forward(self.kernels.crew, params["mixture.input_weight"].T)
        ws.x[...] = outputs
        roots, product = ws.f("roots"), ws.matrix.forward(ws.phi, ws.x, add=True)
        sizes, arrays = (N, V, S), (pointer(log_q), pointer(ws.phi))

        def rows(first: int, end: int) -> None:
            roots(*sizes, first, end, *arrays)
            product(first, end)  # [src.4]

        self.kernels.crew.over(N, rows, ws.phi.size * (self.hidden_size + 50), ROWS)
        return np.asarray(ws.x)

    def backward(self, d_x: Array, ws: Any, grads: Parameters) -> None:
        """From dL/dx¹ (T, B, H), which is also dL/dy⁰."""
        d_x = np.ascontiguousarray(d_x, ws.dtype)
        ws.matrix.gradient(self.kernels.crew, ws.phi, d_x, grads["mixture.input_weight"].T)  # [src.8]
