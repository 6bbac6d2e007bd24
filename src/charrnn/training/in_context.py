"""Evaluation with in-context counts: the parameters stay as they were trained, and counts take in what has been read.

The experts of a network add the text so far to the counts of the training text. The counts of the text alone know best
what is its own, its names above all: they are mixed in with a small weight. Where they have seen nothing, they say the
same of every character, and little changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from charrnn.arrays import Array
from charrnn.ngrams import Experts, in_context
from charrnn.nn.model import CharModel
from charrnn.nn.numerics import log_softmax
from charrnn.nn.parameters import Parameters
from charrnn.scoring import Evaluation
from charrnn.scoring.evaluation import WINDOW, windows
from charrnn.threads import blas_threads
from charrnn.training.online_mixture import OnlineMixture

SHARE_OF_TEXT = 0.1  # the weight of what the counts of the text alone say, shared by their chains


class TextAlone:
    """The counts of nothing but a text, ids (N,), as they grow along it, mixed with what networks say.

    Parameters
    ----------
    networks : int
        How many of them share the rest of the weight.
    rate : float
        The learning rate of the weights; with 0 they stay.
    share : float
        The weight of the counts at the beginning.
    """

    def __init__(
        self, experts: Experts, ids: Array, networks: int = 1, rate: float = 0.0, share: float = SHARE_OF_TEXT
    ) -> None:
        chains = len(experts.names)
        self.counts = in_context(experts.without_counts(), ids)
        weights = [(1 - share) / networks] * networks + [share / chains] * chains
        self.mixture = OnlineMixture(weights, rate)

    def mixed_nats(self, log_probs: Sequence[Array], start: int, targets: Array) -> Array:
        """The surprise (T,) at targets (T,), which follow the id at `start`; log_probs of each network, (T, V)."""
        of_counts = self.counts.log_q(np.array([start]), len(targets))[:, :, 0]
        return self.mixture.nats(np.array([*log_probs, *of_counts], np.float64), targets)


@blas_threads(1, unless_set=True)
def evaluate_in_context(
    model: CharModel, params: Parameters, ids: Array, experts: Experts, share: float = SHARE_OF_TEXT
) -> Evaluation:
    """The mean surprise at ids (N,), N ≥ 2, after the first, while the counts take in what was read.

    Parameters
    ----------
    experts : Experts
        The experts of the network, with the counts of its training text.
    share : float
        The weight of the counts of the text alone.
    """
    alone, total = TextAlone(experts, ids, share=share), 0.0
    for start, ws in windows(model, params, ids[:-1], in_context(experts, ids)):
        log_probs = log_softmax(ws.readout.flat_logits)
        total += float(alone.mixed_nats([log_probs], start, ids[start + 1 : start + 1 + WINDOW]).sum())
    return Evaluation(len(ids) - 1, total / (len(ids) - 1))
