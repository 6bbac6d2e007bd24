"""One training step, and everything that one step changes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from charrnn.batching import Batcher
from charrnn.config import TrainConfig, nearest
from charrnn.errors import ConfigError, DivergenceError
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.randomness import stream
from charrnn.training.gradients import clip_by_global_norm_
from charrnn.training.optimizers import OPTIMIZERS
from charrnn.training.schedules import SCHEDULES, learning_rate_at


class StepRecord(NamedTuple):
    step: int  # steps done, this one included
    loss: float  # of the step's batch, before its update: mean nats per character
    grad_norm: float  # before clipping
    learning_rate: float


class Trainer:
    """The values that training moves: parameters, optimiser, recurrent state and step."""

    def __init__(self, model: CharModel, params: Parameters, batcher: Batcher, config: TrainConfig) -> None:
        if config.schedule not in SCHEDULES:
            raise ConfigError(f"schedule '{config.schedule}' is not known{nearest(config.schedule, SCHEDULES)}")
        if config.optimizer not in OPTIMIZERS:
            raise ConfigError(f"optimizer '{config.optimizer}' is not known{nearest(config.optimizer, OPTIMIZERS)}")
        if config.beta2 is not None and OPTIMIZERS[config.optimizer].beta2 is None:
            raise ConfigError(f"beta2 {config.beta2:g} has no effect with optimizer '{config.optimizer}': leave it out")
        self.model, self.params, self.batcher, self.config = model, params, batcher, config
        dtype = params.vector.dtype
        self.grads = params.zeros_like()
        self.optimizer = OPTIMIZERS[config.optimizer](len(params.vector), dtype, config.weight_decay, config.beta2)
        self.workspace = model.workspace(config.seq_len, config.batch_size, dtype)
        self.state = model.zero_state(config.batch_size, dtype)
        self.step_count = 0

    def step(self, progress: float) -> StepRecord:
        """Read the next batch and update the parameters. progress is the share of the budget used up, 0 to 1.

        Raises
        ------
        DivergenceError
            The loss or the gradient is not finite; parameters and optimiser are as they were before the step.
        """
        config, step = self.config, self.step_count
        batch = self.batcher[step]
        if batch.fresh.any():
            self.state[..., batch.fresh, :] = 0.0
        dropout_rng = stream(config.seed, "dropout", step) if config.dropout else None
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows shows in the loss or the norm
            loss, state = self.model.loss_and_grads(
                self.params, batch.inputs, batch.targets, self.state, self.workspace, self.grads, dropout_rng
            )
            grad_norm = clip_by_global_norm_(self.grads.vector, config.grad_clip)
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            what = f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient's norm is {grad_norm}"
            raise DivergenceError(f"training diverged at step {step + 1:,}: {what}")
        rate = learning_rate_at(config.learning_rate, config.schedule, config.warmup_steps, step, progress)
        with np.errstate(over="ignore", invalid="ignore"):  # an update that overflows shows in the next loss
            self.optimizer.step(self.params.vector, self.grads.vector, rate)
        self.state = state
        self.step_count = step + 1
        return StepRecord(step + 1, loss, grad_norm, rate)
