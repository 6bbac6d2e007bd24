"""The experts in the network: count models whose guesses it reads, and may trust.

S experts; q_s,t (V,) is what expert s says about the character after position t, ℓ_s,t = log q_s,t, and
φ_t = [√q_1,t; …; √q_S,t] (S·V,). Above the lowest layer, whose outputs are y⁰, and at the logits:

    x¹_t = y⁰_t + W_φ φ_t                                      [src.4]   W_φ drawn from N(0, 0.1²)
    λ_t = G ĥ_t + g                                            [src.5]   G = 0 and g_s = 1 / S at the start
    o_t = V ĥ_t + c + Σ_s λ_s,t ℓ_s,t                          [src.6]   ĥ the h that the readout reads

    dλ_s,t = Σ_v d_o_t,v ℓ_s,t,v;   dG = Σ_t dλ_t ĥ_tᵀ;   dg = Σ_t dλ_t;   d_ĥ_t += Gᵀ dλ_t      [src.7]
    dW_φ = Σ_t d_x¹_t φ_tᵀ;   nothing flows to q                                                 [src.8]

λ_s is the *gate* of expert s. Training begins at the geometric mean of the experts. It learns what they do not know
and where to trust each. W_φ is `mixture.input_weight` (H, S·V), G is `mixture.gate_weight` (S, H), g is
`mixture.gate_bias` (S,). Derived line by line in docs/derivations/mixture.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.nn.numerics import flat
from charrnn.nn.parameters import Parameters

INPUT_STD = 0.1
BLOCK = 1 << 15  # numbers that [src.6] weighs at a time: they stay in the cache, however large the vocabulary is


class ExpertInputsWorkspace:
    """The arrays of [src.4] for N = T·B characters, allocated once."""

    def __init__(self, seq_len: int, batch_size: int, hidden_size: int, width: int, dtype: npt.DTypeLike) -> None:
        real = np.empty(0, dtype).real.dtype
        self.phi = np.empty((seq_len * batch_size, width), real)  # (T·B, S·V)
        self.x = np.empty((seq_len, batch_size, hidden_size), dtype)
        self.flat_x = flat(self.x)


class ExpertInputs:
    """What the experts say, added to the outputs of the lowest layer: [src.4] and [src.8]."""

    def __init__(self, num_experts: int, vocab_size: int, hidden_size: int) -> None:
        self.num_experts, self.vocab_size, self.hidden_size = num_experts, vocab_size, hidden_size
        self.layout: dict[str, tuple[int, ...]] = {"mixture.input_weight": (hidden_size, num_experts * vocab_size)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        weight = params["mixture.input_weight"]
        weight[...] = rng.normal(0.0, INPUT_STD, weight.shape)

    def workspace(self, seq_len: int, batch_size: int, dtype: npt.DTypeLike) -> ExpertInputsWorkspace:
        width = self.num_experts * self.vocab_size
        return ExpertInputsWorkspace(seq_len, batch_size, self.hidden_size, width, dtype)

    def forward(self, params: Parameters, outputs: Array, log_q: Array, ws: ExpertInputsWorkspace) -> Array:
        """y⁰ (T, B, H) and log q (S, T, B, V) to x¹ (T, B, H), a view."""
        V = self.vocab_size
        for s, of_expert in enumerate(log_q):
            part = ws.phi[:, s * V : (s + 1) * V]
            np.multiply(flat(of_expert), 0.5, out=part)
            np.exp(part, out=part)
        np.matmul(ws.phi, params["mixture.input_weight"].T, out=ws.flat_x)
        ws.x += outputs  # [src.4]
        return ws.x

    def backward(self, d_x: Array, ws: ExpertInputsWorkspace, grads: Parameters) -> None:
        """From dL/dx¹ (T, B, H), which is also dL/dy⁰."""
        np.matmul(ws.phi.T, flat(d_x), out=grads["mixture.input_weight"].T)  # [src.8]


class ExpertGatesWorkspace:
    """The arrays of [src.5] to [src.7] for N = T·B characters, allocated once."""

    def __init__(
        self, characters: int, num_experts: int, vocab_size: int, hidden_size: int, dtype: npt.DTypeLike
    ) -> None:
        self.log_q = np.empty((num_experts, 0, vocab_size), np.empty(0, dtype).real.dtype)  # of the last forward pass
        self.gates = np.empty((characters, num_experts), dtype)
        self.d_gates = np.empty((characters, num_experts), dtype)
        self.d_h = np.empty((characters, hidden_size), dtype)  # Gᵀ dλ
        self.weighted = np.empty((min(characters, max(1, BLOCK // vocab_size)), vocab_size), dtype)  # some rows of λ ℓ


class ExpertGates:
    """How far each expert is trusted, from what the readout reads: [src.5], [src.6] and [src.7]."""

    def __init__(self, num_experts: int, vocab_size: int, hidden_size: int) -> None:
        self.num_experts, self.vocab_size, self.hidden_size = num_experts, vocab_size, hidden_size
        self.layout: dict[str, tuple[int, ...]] = {
            "mixture.gate_weight": (num_experts, hidden_size), "mixture.gate_bias": (num_experts,),
        }  # fmt: skip

    def initialize(self, params: Parameters) -> None:
        params["mixture.gate_bias"][...] = 1 / self.num_experts

    def workspace(self, characters: int, dtype: npt.DTypeLike) -> ExpertGatesWorkspace:
        return ExpertGatesWorkspace(characters, self.num_experts, self.vocab_size, self.hidden_size, dtype)

    def forward_(self, logits: Array, params: Parameters, h: Array, log_q: Array, ws: ExpertGatesWorkspace) -> None:
        """Add to the logits (T·B, V) what the experts say, log q (S, T, B, V), as far as ĥ (T·B, H) trusts them."""
        ws.log_q = log_q.reshape(self.num_experts, -1, self.vocab_size)
        np.matmul(h, params["mixture.gate_weight"].T, out=ws.gates)
        ws.gates += params["mixture.gate_bias"]  # [src.5]
        for start in range(0, len(logits), len(ws.weighted)):
            rows = slice(start, start + len(ws.weighted))
            weighted = ws.weighted[: len(logits) - start]
            for s, of_expert in enumerate(ws.log_q):
                np.multiply(of_expert[rows], ws.gates[rows, s : s + 1], out=weighted)
                logits[rows] += weighted  # [src.6]

    def backward(
        self, params: Parameters, d_logits: Array, h: Array, d_h: Array, ws: ExpertGatesWorkspace, grads: Parameters
    ) -> None:
        """[src.7]: gradients of the gates' parameters into `grads`; d_ĥ (T·B, H) receives its part."""
        for s, of_expert in enumerate(ws.log_q):
            np.einsum("nv,nv->n", d_logits, of_expert, out=ws.d_gates[:, s])
        np.matmul(h.T, ws.d_gates, out=grads["mixture.gate_weight"].T)
        np.sum(ws.d_gates, axis=0, out=grads["mixture.gate_bias"])
        np.matmul(ws.d_gates, params["mixture.gate_weight"], out=ws.d_h)
        d_h += ws.d_h
        ws.log_q = ws.log_q[:, :0].copy()  # the next one is made before it would replace this one
