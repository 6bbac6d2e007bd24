"""What a finished run gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from charrnn.arrays import Array
from charrnn.config import TrainConfig
from charrnn.language_model import LanguageModel
from charrnn.runs.records import Record
from charrnn.scoring import Evaluation, longest_copy

LONGEST_SEARCHED = 5_000_000  # characters: a second or two


@dataclass(frozen=True)
class Run:
    """A finished run. `model` has the parameters of the best validation loss."""

    path: Path
    config: TrainConfig
    model: LanguageModel
    metrics: list[Record]
    ended: str  # "budget" or "patience"
    step: int
    epoch: float
    seconds: float  # of training alone
    best_step: int
    val: Evaluation | None  # of the whole validation split, with the best parameters
    test: Evaluation | None  # of the whole test split, with the best parameters
    train_ids: Array = field(repr=False)
    parent_val: tuple[Evaluation, Evaluation] | None = None  # of the first model's validation split: before, after
    warning: str | None = None  # the loss at the end is worse than that of guessing

    def longest_copy(self, text: str) -> str | None:
        """The longest piece of a text that occurs in the training split; None if the split is too long to search."""
        if len(self.train_ids) > LONGEST_SEARCHED:
            return None
        return longest_copy(text, self.model.vocabulary.decode(np.asarray(self.train_ids)))
