"""Thirty steps of training beside PyTorch: batches, carried state, clipping and Adam, not just one gradient.

The one difference that is known, and left in: PyTorch's clip_grad_norm_ divides by norm + 1e-6, ours by the norm. Here
PyTorch's gradients are therefore clipped by the formula itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.batching import make_batcher
from charrnn.config import ModelConfig, make_config
from charrnn.gradcheck.case import random_log_q, relative_error
from charrnn.gradcheck.twins import TWINS
from charrnn.nn.kernels import Kernels
from charrnn.nn.model import CharModel
from charrnn.randomness import stream
from charrnn.training.trainer import Trainer

STEPS = 30
TRAJECTORY_TOLERANCE = 1e-10
VOCAB_SIZE = 80
BATCH_SIZE = 12
LEARNING_RATE = 0.001


class TrajectoryResult(NamedTuple):
    losses: float  # largest relative error of a step's loss
    parameters: float  # relative error of all parameters after the last step
    clipped_steps: int  # in how many steps the gradient was clipped


class RandomExperts:
    """Experts that say something random at every step, and remember what."""

    experts = None

    def __init__(self, rng: np.random.Generator, num_experts: int) -> None:
        self.rng, self.num_experts = rng, num_experts
        self.last = np.empty(0)  # (num_experts, T, B, V)

    def log_q(self, starts: Array, seq_len: int, dtype: npt.DTypeLike = np.float64) -> Array:
        self.last = random_log_q(self.rng, self.num_experts, seq_len, len(starts), VOCAB_SIZE)
        return self.last


def follow_torch(
    cell: str,
    num_layers: int = 1,
    *,
    hidden_size: int = 200,
    seq_len: int = 25,
    num_experts: int = 0,
    seed: int = 0,
    kernels: str = "auto",
) -> TrajectoryResult:
    """Train in float64 on random text, and PyTorch beside it, from the same parameters on the same batches."""
    config = make_config(
        {"cell": cell, "num_layers": num_layers, "hidden_size": hidden_size, "seq_len": seq_len, "seed": seed,
         "batch_size": BATCH_SIZE, "dtype": "float64", "learning_rate": LEARNING_RATE, "schedule": "constant",
         "warmup_steps": 0, "grad_clip": 0.05}
    )  # fmt: skip
    # Enough text for three epochs, so that the state is carried, rolled and zeroed on the way.
    ids = stream(seed, "batching").integers(0, VOCAB_SIZE, BATCH_SIZE * seq_len * STEPS // 3 + 1).astype(np.uint8)
    network = ModelConfig(VOCAB_SIZE, cell, hidden_size, num_layers, num_experts=num_experts)
    model = CharModel(network, Kernels(kernels))
    params = model.init_parameters(stream(seed, "initialisation"), np.float64)
    said = RandomExperts(np.random.default_rng(seed), num_experts) if num_experts else None
    trainer = Trainer(model, params, make_batcher(ids, config), config, said=said)
    twin = TWINS[cell](model, params)
    torch = twin.torch
    theirs = twin.parameters()
    optimizer = torch.optim.Adam(theirs.values(), lr=LEARNING_RATE)
    states = [
        torch.zeros(num_layers, BATCH_SIZE, hidden_size, dtype=torch.float64) for _ in range(model.state_shape[1])
    ]
    worst, clipped = 0.0, 0
    for step in range(STEPS):
        batch = trainer.batcher[step]
        record = trainer.step(progress=0.0)
        for state in states:
            state[:, torch.from_numpy(batch.fresh)] = 0.0
        loss, states = twin.loss(batch.inputs, batch.targets, states, said.last if said else None)
        states = [state.detach() for state in states]
        optimizer.zero_grad()
        loss.backward()
        norm = torch.sqrt(sum((p.grad**2).sum() for p in theirs.values()))
        if norm > config.grad_clip:
            clipped += 1
            for p in theirs.values():
                p.grad *= config.grad_clip / norm
        optimizer.step()
        worst = float(np.maximum(worst, relative_error(np.array(record.loss), np.array(loss.item()))))  # NaN stays
    expected = np.concatenate([p.detach().numpy().ravel() for p in theirs.values()])
    found = np.concatenate([params[name].ravel() for name in theirs])
    return TrajectoryResult(worst, relative_error(found, expected), clipped)
