"""A text that grows a step at a time: what keyboards, games and typing aids ask a model for."""

from __future__ import annotations

import copy

import numpy as np

from charrnn.arrays import Array
from charrnn.generation.sample import Writer
from charrnn.ngrams import Reader
from charrnn.nn.model import ModelWorkspace
from charrnn.text.vocabulary import BOUNDARY, Vocabulary

END = ""  # the name of a document's end, which is no character


class TextState:
    """The place that a text has reached: what may follow it, and where to go on from. Get one with `model.start`.

    A copy costs as much as the state itself, some thousand numbers, and goes on by itself.
    """

    def __init__(self, writer: Writer, vocabulary: Vocabulary) -> None:
        self.vocabulary, self._writer = vocabulary, writer
        self._logits, self._state = writer.logits, writer.state  # (1, V), (L, S, 1, H); replaced, never written to
        self._history: list[int] = [] if writer.reader is None else writer.reader.history(0)
        self._reader: Reader | None = writer.reader
        self._workspace: ModelWorkspace | None = None

    def probs(self) -> Array:
        """The probability of each id that may follow, (V,) float64."""
        logits = self._logits[0].astype(np.float64)
        weights = np.exp(logits - logits.max())
        return np.asarray(weights / weights.sum())

    def next_probs(self) -> dict[str, float]:
        """The probability of each character that may follow; of the document's end under the name "" (`END`)."""
        names = (END if c == BOUNDARY and self.vocabulary.documents else c for c in self.vocabulary.characters)
        return dict(zip(names, self.probs().tolist(), strict=True))

    def feed(self, text: str, on_unknown: str = "error") -> TextState:
        """Read on: the text has been typed or chosen. Returns this state.

        Raises
        ------
        UnknownCharacterError
            The text holds a character that the vocabulary lacks; the state is as it was.
        """
        writer, ids = self._writer, self.vocabulary.encode(text, on_unknown)
        if len(ids) and self._workspace is None:
            self._workspace = writer.model.workspace(1, 1, writer.dtype)
        if len(ids) and self._reader is None and writer.experts is not None:
            self._reader = Reader(writer.experts, 1, writer.dtype)
            self._reader.begin(0, self._history)
        for each in ids:
            log_q = None if self._reader is None else self._reader.read(np.array([each]))
            assert self._workspace is not None
            logits, self._state = writer.model.forward(
                writer.params, np.array([[each]]), self._state, self._workspace, log_q=log_q
            )
            self._logits = logits[0].copy()
        if self._reader is not None:
            self._history = self._reader.history(0)
        return self

    def copy(self) -> TextState:
        """A state of its own at the same place."""
        other = copy.copy(self)
        other._reader = other._workspace = None  # made again when they are needed
        return other
