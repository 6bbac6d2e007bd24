"""Dynamic evaluation (Mikolov et al. 2010; Krause et al. 2018): the parameters keep learning on the text just scored.

A text's own names, spellings and habits are learned as it is read. Each window is scored before it is learned from, so
that the model never predicts a text that it has learned from. The result is the loss of another, adapting, predictor:
it is always given beside the static loss, never instead of it.
"""

from __future__ import annotations

import math

import numpy as np

from charrnn.arrays import Array
from charrnn.errors import DivergenceError
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.scoring import Evaluation
from charrnn.threads import blas_threads
from charrnn.training.gradients import clip_by_global_norm_
from charrnn.training.optimizers import Adam

LEARNING_RATE = 3e-4
WINDOW = 64  # characters between updates
GRAD_CLIP = 1.0
BETA2 = 0.99  # a long memory of past gradients would be too slow for an update every 64 characters


@blas_threads(1, unless_set=True)
@np.errstate(over="ignore", invalid="ignore")  # an overflow shows in the loss
def evaluate_dynamic(
    model: CharModel, params: Parameters, ids: Array, learning_rate: float = LEARNING_RATE
) -> Evaluation:
    """The mean surprise at ids (N,), N ≥ 2, after the first, while learning from them with Adam.

    Parameters
    ----------
    params : Parameters
        The parameters to start from. A copy learns; these do not change.
    learning_rate : float
        The learning rate of Adam; 0 gives the static evaluation.

    Raises
    ------
    DivergenceError
        The learning rate is too large: the loss is no longer a finite number.
    """
    params, dtype = params.astype(params.vector.dtype), params.vector.dtype
    grads, optimizer = params.zeros_like(), Adam(len(params.vector), dtype, own={"beta2": BETA2})
    state, ws = model.zero_state(1, dtype), model.workspace(WINDOW, 1, dtype)
    total = 0.0
    for start in range(0, len(ids) - 1, WINDOW):
        window = ids[start : start + WINDOW + 1]
        inputs, targets = window[:-1, None], window[1:, None]
        if len(inputs) < WINDOW:
            ws = model.workspace(len(inputs), 1, dtype)
        loss, state = model.loss_and_grads(params, inputs, targets, state, ws, grads)
        clip_by_global_norm_(grads.vector, GRAD_CLIP)
        optimizer.step(params.vector, grads.vector, learning_rate)
        if not math.isfinite(loss):
            raise DivergenceError(f"dynamic evaluation diverged: try a learning rate below {learning_rate:g}")
        total += loss * len(inputs)
    return Evaluation(len(ids) - 1, total / (len(ids) - 1))
