"""One training step, and everything that one step changes."""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np

from charrnn.arrays import Array, give_freed_memory_back
from charrnn.batching import Batch, Batcher, check_length, make_batcher
from charrnn.config import ModelConfig, TrainConfig
from charrnn.errors import DivergenceError
from charrnn.ngrams import RARE, Experts, KeptLogQ, Said, choose_experts, held_out
from charrnn.nn.kernels import Kernels
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.parallel.team import ALONE, Team
from charrnn.randomness import Uniform, some_rows, stream
from charrnn.training.compiled_optimizers import make_optimizer
from charrnn.training.gradients import clip_by_global_norm_
from charrnn.training.memory import check_memory
from charrnn.training.schedules import learning_rate_at


class StepRecord(NamedTuple):
    step: int  # steps done, including this one
    loss: float  # of the step's batch, before its update: mean nats per character
    grad_norm: float  # before clipping
    learning_rate: float


class Trainer:
    """The values that training changes: parameters, optimiser, recurrent state and step.

    In a team of several processes each has a trainer, with the same parameters and its own lanes of the batch.

    Parameters
    ----------
    said : Said, optional
        What the experts say at each place of the text, in a network that has any.
    """

    def __init__(
        self,
        model: CharModel,
        params: Parameters,
        batcher: Batcher,
        config: TrainConfig,
        team: Team = ALONE,
        said: Said | None = None,
    ) -> None:
        self.model, self.params, self.batcher, self.config, self.team = model, params, batcher, config, team
        self.said = said
        dtype = params.vector.dtype
        self.lanes = team.lanes(config.batch_size)
        width = self.lanes.stop - self.lanes.start
        self.share = width / config.batch_size
        self.message = np.zeros(len(params.vector) + 1, dtype)  # the gradient, and room for the loss
        self.grads = Parameters(params.layout, self.message[:-1])
        self.optimizer = make_optimizer(config, len(params.vector), dtype, model.kernels)
        self.workspace = model.workspace(config.seq_len, width, dtype)
        self.state = model.zero_state(config.batch_size, dtype)  # of all lanes, until `broadcast` scatters them
        self.step_count = 0
        # (P,) by what the learning rate of each parameter is multiplied, in a run that starts from a model; 0: frozen.
        self.rates = np.ones_like(params.vector) if config.init_from else None

    @property
    def experts(self) -> Experts | None:
        """The experts with the counts of the whole text, which a trained model keeps."""
        return None if self.said is None else self.said.experts

    @np.errstate(over="ignore", invalid="ignore")  # an overflow shows in the loss or the norm, of this step or the next
    def step(self, progress: float) -> StepRecord:
        """Read the next batch and update the parameters. progress is the share of the budget used up, 0 to 1.

        Raises
        ------
        DivergenceError
            The loss or the gradient is not finite; parameters and optimiser are as they were before the step.
        """
        step, config = self.step_count, self.config
        batch = self.team.share(self.batcher[step], progress)
        loss, state = self._loss_and_grads(batch)
        loss = self.team.reduce_(self.message, loss, self.share)
        if self.rates is not None:
            self.grads.vector[self.rates == 0] = 0.0
            before = self.params.vector[self._scaled]
        grad_norm = clip_by_global_norm_(self.grads.vector, config.grad_clip)
        _refuse_divergence(step, loss, grad_norm)
        rate = learning_rate_at(config.learning_rate, config.schedule, config.warmup_steps, step, progress)
        self.optimizer.step(self.params.vector, self.grads.vector, rate)
        if self.rates is not None:  # afterwards, since weight decay moves what no gradient does
            scaled = self._scaled
            self.params.vector[scaled] = before + self.rates[scaled] * (self.params.vector[scaled] - before)
        self.state, self.step_count = state, step + 1
        return StepRecord(step + 1, loss, grad_norm, rate)

    def broadcast(self) -> None:
        """Before the first step: give the whole team the values of its rank 0, and each rank its lanes."""
        arrays = [self.params.vector, *self.optimizer.memory.values()]
        arrays += [] if self.rates is None else [self.rates]
        self.step_count = self.optimizer.t = self.team.broadcast(arrays, self.step_count)
        self.state = self.team.scatter(self.state)

    @cached_property
    def _scaled(self) -> Array:
        """Where the rates are not 1, once they are set."""
        assert self.rates is not None
        return np.flatnonzero(self.rates != 1)

    def whole_state(self) -> Array:
        """The state of the whole team's lanes, (L, S, B, H)."""
        return self.team.gather(self.state, self.params.vector, self.config.batch_size)

    def _loss_and_grads(self, batch: Batch) -> tuple[float, Array]:
        """The loss of this process's lanes and the state after them; `grads` is overwritten."""
        if batch.fresh.any():
            self.state[..., batch.fresh, :] = 0.0
        log_q = None
        if self.said is not None:
            log_q = self.said.log_q(batch.starts, len(batch.inputs), self.params.vector.dtype)
        return self.model.loss_and_grads(
            self.params, batch.inputs, batch.targets, self.state, self.workspace, self.grads, self._dropout_rng(), log_q
        )

    def _dropout_rng(self) -> Uniform | None:
        """The generator of the step's dropout masks: a lane's numbers do not depend on the process that reads it."""
        if not self.config.dropout:
            return None
        return some_rows(stream(self.config.seed, "dropout", self.step_count), self.lanes, self.config.batch_size)


def _refuse_divergence(step: int, loss: float, grad_norm: float) -> None:
    for what, value in (("the loss is", loss), ("the gradient's norm is", grad_norm)):
        if not math.isfinite(value):
            raise DivergenceError(f"training diverged at step {step + 1:,}: {what} {value}")


def new_trainer(
    config: TrainConfig,
    characters: str,
    ids: Array,
    team: Team = ALONE,
    kernels: Kernels | None = None,
    old: int = 0,
    counted: Experts | None = None,
) -> Trainer:
    """A trainer at the beginning of training on ids (N,): the network, its initial parameters and its batches.

    Parameters
    ----------
    characters : str
        The vocabulary: the character of each id, in order.
    kernels : Kernels, optional
        The code that computes the network, and its workers; by default what the configuration says, and one worker.
    old : int
        How many of the ids, the last, are those of an old text, with mix_old.
    counted : Experts, optional
        The experts with the counts of earlier texts, for a run that takes them along; by default they have none.
    """
    V, names = len(characters), counted.names if counted else choose_experts(config.ngrams, characters, ids)
    network = ModelConfig(
        V, config.cell, config.hidden_size, config.num_layers, config.dropout, len(names), config.documents is not None
    )
    model = CharModel(network, kernels or Kernels(config.kernels))
    if not old:
        check_length(len(ids), config)
    lanes = team.lanes(config.batch_size)
    check_memory(model, config, lanes.stop - lanes.start)
    params = model.init_parameters(stream(config.seed, "initialisation"), config.dtype)
    said = None
    if names:
        prune = config.own.get("prune", RARE)
        said = KeptLogQ(held_out(counted or Experts.of_no_text(names, characters), ids), prune)
        give_freed_memory_back()
    return Trainer(model, params, make_batcher(ids, config, old), config, team, said)
