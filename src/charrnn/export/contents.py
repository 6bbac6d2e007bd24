"""What an export holds, whatever its format: a model's arrays and header, and what each change to them cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from charrnn.arrays import Array
from charrnn.export.losses import Loss
from charrnn.language_model import LanguageModel


@dataclass(frozen=True)
class Contents:
    """A model that is ready to be written."""

    name: str  # of the run
    model: LanguageModel  # as someone has it who reads the export
    arrays: dict[str, Array]  # of the network, quantised if that was asked for
    header: dict[str, Any]  # as in a model file
    quantise: str
    losses: tuple[Loss, ...]  # on the validation split; empty where its text is not at hand
    training_text: str = ""  # "" where it is not at hand

    @property
    def counts(self) -> dict[str, Array]:
        """The arrays of the experts, as in a model file."""
        return self.model.experts.packed if self.model.experts else {}
