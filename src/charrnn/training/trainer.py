"""One training step, and everything that one step changes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from charrnn.arrays import Array
from charrnn.batching import Batcher, make_batcher
from charrnn.config import ModelConfig, TrainConfig
from charrnn.errors import DivergenceError
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.parallel.team import ALONE, Team
from charrnn.randomness import some_rows, stream
from charrnn.text.mapped import release
from charrnn.training.gradients import clip_by_global_norm_
from charrnn.training.optimizers import OPTIMIZERS
from charrnn.training.schedules import learning_rate_at


class StepRecord(NamedTuple):
    step: int  # steps done, this one included
    loss: float  # of the step's batch, before its update: mean nats per character
    grad_norm: float  # before clipping
    learning_rate: float


class Trainer:
    """The values that training moves: parameters, optimiser, recurrent state and step.

    In a team of several processes each has a trainer, with the same parameters and its own lanes of the batch.
    """

    def __init__(
        self, model: CharModel, params: Parameters, batcher: Batcher, config: TrainConfig, team: Team = ALONE
    ) -> None:
        self.model, self.params, self.batcher, self.config, self.team = model, params, batcher, config, team
        dtype = params.vector.dtype
        self.lanes = team.lanes(config.batch_size)
        self.message = np.zeros(len(params.vector) + 1, dtype)  # the gradient, and room for the loss
        self.grads = Parameters(params.layout, self.message[:-1])
        self.optimizer = OPTIMIZERS[config.optimizer](len(params.vector), dtype, config.weight_decay, config.own)
        self.workspace = model.workspace(config.seq_len, self.lanes.stop - self.lanes.start, dtype)
        self.state = model.zero_state(config.batch_size, dtype)  # of all lanes, until `broadcast` deals them
        self.step_count = 0

    def broadcast(self) -> None:
        """Before the first step: the whole team takes the values of its rank 0, and each rank its lanes."""
        arrays = [self.params.vector, *self.optimizer.memory.values()]
        self.step_count = self.optimizer.t = self.team.broadcast(arrays, self.step_count)
        self.state = self.team.scatter(self.state)

    def whole_state(self) -> Array:
        """The state of the whole team's lanes, (L, S, B, H)."""
        return self.team.gather(self.state, self.params.vector, self.config.batch_size)

    def step(self, progress: float) -> StepRecord:
        """Read the next batch and update the parameters. progress is the share of the budget used up, 0 to 1.

        Raises
        ------
        DivergenceError
            The loss or the gradient is not finite; parameters and optimiser are as they were before the step.
        """
        config, step, lanes = self.config, self.step_count, self.lanes
        self.team.begin_step(progress)
        inputs, targets, fresh = self.batcher[step]
        if fresh.any():
            self.state[..., fresh[lanes], :] = 0.0
        dropout_rng = None
        if config.dropout:
            dropout_rng = some_rows(stream(config.seed, "dropout", step), lanes, config.batch_size)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows shows in the loss or the norm
            loss, state = self.model.loss_and_grads(
                self.params, inputs[:, lanes], targets[:, lanes], self.state, self.workspace, self.grads, dropout_rng
            )
            loss = self.team.reduce_(self.message, loss, (lanes.stop - lanes.start) / config.batch_size)
            grad_norm = clip_by_global_norm_(self.grads.vector, config.grad_clip)
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            what = f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient's norm is {grad_norm}"
            raise DivergenceError(f"training diverged at step {step + 1:,}: {what}")
        rate = learning_rate_at(config.learning_rate, config.schedule, config.warmup_steps, step, progress)
        with np.errstate(over="ignore", invalid="ignore"):  # an update that overflows shows in the next loss
            self.optimizer.step(self.params.vector, self.grads.vector, rate)
        self.state = state
        self.step_count = step + 1
        release(self.batcher.ids)
        return StepRecord(step + 1, loss, grad_norm, rate)


def new_trainer(config: TrainConfig, vocab_size: int, ids: Array, team: Team = ALONE) -> Trainer:
    """A trainer at the beginning of training on ids (N,): the network and its first parameters, and their batches."""
    model = CharModel(ModelConfig(vocab_size, config.cell, config.hidden_size, config.num_layers, config.dropout))
    params = model.init_parameters(stream(config.seed, "initialisation"), config.dtype)
    return Trainer(model, params, make_batcher(ids, config), config, team)
