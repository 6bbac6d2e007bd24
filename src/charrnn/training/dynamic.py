"""Dynamic evaluation (Mikolov et al. 2010; Krause et al. 2018): the parameters keep learning on the text just scored.

A text's own names, spellings and habits are learned as it is read. Each window is scored before it is learned from, so
that the model never predicts a text that it has learned from. The result is the loss of another, adapting, predictor:
it is always given beside the static loss, never instead of it.

The experts of a network adapt, too: they count what has been read. Their network learns more slowly, is drawn back to
the trained parameters, and is mixed with the parameters as they were trained and with the counts of this text alone.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.errors import DivergenceError
from charrnn.ngrams import Experts, in_context
from charrnn.nn.model import CharModel, ModelWorkspace
from charrnn.nn.numerics import log_softmax
from charrnn.nn.parameters import Parameters
from charrnn.scoring import Evaluation
from charrnn.threads import blas_threads
from charrnn.training.gradients import clip_by_global_norm_
from charrnn.training.guessing import is_far_beyond
from charrnn.training.in_context import TextAlone
from charrnn.training.optimizers import Adam

GRAD_CLIP = 1.0
MIXTURE_RATE = 0.0005  # η of [src.11], for each character


class Adapting(NamedTuple):
    """How a network learns as it reads."""

    learning_rate: float
    window: int  # characters between updates
    beta2: float
    decay: float  # the share of the way back to the trained parameters that each update goes


ALONE = Adapting(3e-4, 64, 0.99, 0.0)  # a long memory of past gradients is too slow where only the network adapts
WITH_EXPERTS = Adapting(2e-4, 32, 0.999, 0.002)


@blas_threads(1, unless_set=True)
@np.errstate(over="ignore", invalid="ignore")  # an overflow shows in the loss
def evaluate_dynamic(
    model: CharModel,
    params: Parameters,
    ids: Array,
    learning_rate: float | None = None,
    experts: Experts | None = None,
) -> Evaluation:
    """The mean surprise at ids (N,), N ≥ 2, after the first, while learning from them with Adam.

    Parameters
    ----------
    params : Parameters
        The parameters to start from. A copy learns; these do not change.
    learning_rate : float, optional
        The learning rate of Adam; 0 gives the static evaluation of a network without experts.
    experts : Experts, optional
        The experts of a network that has any.

    Raises
    ------
    DivergenceError
        The learning rate is too large: the loss is no finite number, or far worse than guessing.
    """
    how = WITH_EXPERTS if experts else ALONE
    rate = how.learning_rate if learning_rate is None else learning_rate
    trained, params, dtype = params, params.astype(params.vector.dtype), params.vector.dtype
    grads, optimizer = params.zeros_like(), Adam(len(params.vector), dtype, own={"beta2": how.beta2})
    state, ws = model.zero_state(1, dtype), model.workspace(how.window, 1, dtype)
    companions = None if experts is None else _Companions(model, trained, ids, experts)
    total = 0.0
    for start in range(0, len(ids) - 1, how.window):
        window = ids[start : start + how.window + 1]
        inputs, targets = window[:-1, None], window[1:, None]
        if len(inputs) < how.window:
            ws = model.workspace(len(inputs), 1, dtype)
        log_q, nats = None, None
        if companions is not None:
            log_q = companions.log_q(start, len(inputs), dtype)
            nats = companions.mixed_nats(params, window, start, state, ws, log_q)
        loss, state = model.loss_and_grads(params, inputs, targets, state, ws, grads, log_q=log_q)
        clip_by_global_norm_(grads.vector, GRAD_CLIP)
        optimizer.step(params.vector, grads.vector, rate)
        if how.decay:
            params.vector += how.decay * (trained.vector - params.vector)
        total += loss * len(inputs) if nats is None else float(nats.sum())
        if not math.isfinite(loss) or is_far_beyond(total / (start + len(inputs)), model.config.vocab_size):
            raise DivergenceError(f"dynamic evaluation diverged: try a learning rate below {rate:g}")
    return Evaluation(len(ids) - 1, total / (len(ids) - 1))


class _Companions:
    """What a network with experts is mixed with: itself as it was trained, and counts of nothing but the text."""

    def __init__(self, model: CharModel, trained: Parameters, ids: Array, experts: Experts) -> None:
        self.model, self.trained = model, trained
        self.on_text = in_context(experts, ids)
        self.state = model.zero_state(1, trained.vector.dtype)
        self.alone = TextAlone(experts, ids, networks=2, rate=MIXTURE_RATE)

    def log_q(self, start: int, seq_len: int, dtype: npt.DTypeLike) -> Array:
        """What the experts say in a window, with the counts of all that was read before, (S, T, 1, V)."""
        return self.on_text.log_q(np.array([start]), seq_len, dtype)

    def mixed_nats(
        self, params: Parameters, window: Array, start: int, state: Array, ws: ModelWorkspace, log_q: Array
    ) -> Array:
        """The surprise (T,) of the mixture at a window (T + 1,) after its first character."""
        inputs = window[:-1, None]
        now, _ = self.model.forward(params, inputs, state, ws, log_q=log_q)
        log_probs = [log_softmax(now[:, 0])]
        before, self.state = self.model.forward(self.trained, inputs, self.state, ws, log_q=log_q)
        return self.alone.mixed_nats([*log_probs, log_softmax(before[:, 0])], start, window[1:])
