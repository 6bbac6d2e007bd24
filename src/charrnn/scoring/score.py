"""The surprise of a model at each character of a text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from charrnn.arrays import Array
from charrnn.ngrams import OnText
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.scoring.evaluation import surprises
from charrnn.threads import blas_threads
from charrnn.units import InOtherUnits


@dataclass(frozen=True, eq=False)
class Score(InOtherUnits):
    """The surprise of a model at a text. The first character has nothing before it and is not scored."""

    per_char: Array  # (N − 1,) float64, nats: −log of the probability that the model gave to each character

    @property
    def characters(self) -> int:
        return len(self.per_char)

    @property
    def nats_per_char(self) -> float:  # type: ignore[override]  # derived here, a field elsewhere
        return float(self.per_char.mean())


@blas_threads(1, unless_set=True)
def score(model: CharModel, params: Parameters, ids: Array, on_text: OnText | None = None) -> Score:
    """The surprise at each of ids (N,), N ≥ 2, after the first, from the zero state on."""
    return Score(np.concatenate(list(surprises(model, params, ids, on_text))))
