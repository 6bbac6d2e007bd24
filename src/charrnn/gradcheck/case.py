"""A network with data on which a gradient can go wrong in every way we know of.

Distinct sizes, so that a wrong axis cannot fit by accident; repeated characters; biases and the gates of experts away
from zero; a recurrent state that is not zero; float64.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.config import ModelConfig
from charrnn.nn.kernels import Kernels
from charrnn.nn.model import CharModel, ModelWorkspace
from charrnn.nn.parameters import Parameters

INITIAL_STATE = "initial_state"
DROPOUT_SEED = 9


class Gradients(NamedTuple):
    """What one call of `loss_and_grads` gives, as copies."""

    loss: float
    grads: Parameters
    final_state: Array  # (L, S, B, H)
    initial_state_grad: Array  # (L, S, B, H)


class Case(NamedTuple):
    """A network, its parameters, one batch, and the state before it."""

    model: CharModel
    params: Parameters
    inputs: Array  # (T, B)
    targets: Array  # (T, B)
    state: Array  # (L, S, B, H)
    log_q: Array | None = None  # (num_experts, T, B, V), in a network with experts
    fresh: Array | None = None  # (T, B): where a state begins at zero

    def workspace(self, dtype: npt.DTypeLike | None = None) -> ModelWorkspace:
        seq_len, batch_size = self.inputs.shape
        return self.model.workspace(seq_len, batch_size, dtype or self.params.vector.dtype)

    def gradients(self, ws: ModelWorkspace | None = None, grads: Parameters | None = None) -> Gradients:
        """Loss and gradients by back-propagation, in new buffers unless some are given."""
        ws = ws or self.workspace()
        grads = grads or self.params.zeros_like()
        rng = np.random.default_rng(DROPOUT_SEED)
        loss, state = self.model.loss_and_grads(
            self.params, self.inputs, self.targets, self.state, ws, grads, rng, self.log_q, self.fresh
        )
        return Gradients(loss, Parameters(grads.layout, grads.vector.copy()), state, self.model.initial_state_grad(ws))

    def loss_at(self, params: Array, state: Array, ws: ModelWorkspace) -> complex:
        """The loss with other parameters (P,) and another state, in any precision, complex included."""
        shifted = Parameters(self.model.layout, params)
        rng = np.random.default_rng(DROPOUT_SEED)
        nats, _ = self.model.nats(shifted, self.inputs, self.targets, state, ws, rng, self.log_q, self.fresh)
        return complex(nats.mean())


def make_case(
    cell: str,
    num_layers: int,
    *,
    hidden_size: int = 200,
    seq_len: int = 25,
    batch_size: int = 12,
    vocab_size: int = 80,
    dropout: float = 0.0,
    num_experts: int = 0,
    boundaries: bool = False,
    dtype: npt.DTypeLike = np.float64,
    seed: int = 0,
    kernels: str = "auto",
) -> Case:
    """A case of the given size; the defaults are the reference setting."""
    rng = np.random.default_rng(seed)
    model = CharModel(ModelConfig(vocab_size, cell, hidden_size, num_layers, dropout, num_experts), Kernels(kernels))
    params = model.init_parameters(rng, dtype)
    for name in params:
        if "bias" in name or "norm" in name:
            params[name][...] += rng.normal(0.0, 0.3, params[name].shape)
        if "embedding" in name:
            params[name][...] *= 10.0  # about as large as training makes it
        if "gate_weight" in name:  # zero at the start
            params[name][...] += rng.normal(0.0, 0.5 * hidden_size**-0.5, params[name].shape)
    ids = rng.integers(0, vocab_size, (seq_len + 1, batch_size))
    ids[1] = ids[0]  # at least one character is repeated in every lane
    state = rng.normal(0.0, 0.5, (*model.state_shape, batch_size, hidden_size)).astype(dtype)
    log_q = random_log_q(rng, num_experts, seq_len, batch_size, vocab_size).astype(dtype) if num_experts else None
    fresh = random_boundaries(rng, seq_len, batch_size) if boundaries else None
    return Case(model, params, ids[:-1], ids[1:], state, log_q, fresh)


def random_log_q(rng: np.random.Generator, num_experts: int, seq_len: int, batch_size: int, vocab_size: int) -> Array:
    """What experts could say, (num_experts, T, B, V): the logarithms of random distributions."""
    return np.log(rng.dirichlet(np.ones(vocab_size), (num_experts, seq_len, batch_size)))


def random_boundaries(rng: np.random.Generator, seq_len: int, batch_size: int) -> Array:
    """Where a state begins at zero, (T, B): at a quarter of the steps, two in a row and the first and last among them.

    A lane or a step without any is among them, too, where there are several.
    """
    fresh = rng.random((seq_len, batch_size)) < 0.25
    fresh[:, 0] = False
    fresh[0, batch_size // 2] = fresh[-1, -1] = fresh[seq_len // 2 : seq_len // 2 + 2, -1] = True
    return fresh


def relative_error(a: Array, b: Array) -> float:
    """‖a − b‖ / (‖a‖ + ‖b‖), and 0 where both vanish."""
    scale = float(np.linalg.norm(a) + np.linalg.norm(b))
    return float(np.linalg.norm(a - b)) / scale if scale else 0.0
