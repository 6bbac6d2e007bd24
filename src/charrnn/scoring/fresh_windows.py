"""The mean loss over a text cut into windows, each read from the zero state: the loss of a network without a past."""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array
from charrnn.ngrams import OnText
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.scoring.evaluation import Evaluation
from charrnn.threads import blas_threads

MOST_LOGITS = 1 << 22  # computed at a time: fewer windows where the vocabulary is large


@blas_threads(1, unless_set=True)
def evaluate_fresh_windows(
    model: CharModel, params: Parameters, ids: Array, seq_len: int, on_text: OnText | None = None
) -> Evaluation:
    """Score ids (N,) in consecutive windows of seq_len predictions; an incomplete window at the end is left out.

    The state is fresh, but the experts of a network know the text before the window (`on_text`).
    """
    windows = (len(ids) - 1) // seq_len
    if not windows:
        raise ValueError(f"{len(ids)} characters hold no window of {seq_len}")
    most = max(1, MOST_LOGITS // (seq_len * model.config.vocab_size))
    starts = np.arange(windows) * seq_len
    steps = np.arange(seq_len)[:, None]
    dtype = params.vector.dtype
    total = 0.0
    for first in range(0, windows, most):
        at = starts[first : first + most] + steps  # (T, lanes)
        ws = model.workspace(seq_len, at.shape[1], dtype)
        log_q = None if on_text is None else on_text.log_q(at[0], seq_len, dtype)
        nats, _ = model.nats(params, ids[at], ids[at + 1], model.zero_state(at.shape[1], dtype), ws, log_q=log_q)
        total += float(nats.sum())
    return Evaluation(windows * seq_len, total / (windows * seq_len))
