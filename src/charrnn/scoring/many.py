"""What a language model says of texts, of one and of many at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.errors import TextError
from charrnn.ngrams import Experts, OnText
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.scoring.evaluation import Evaluation, evaluate
from charrnn.scoring.lines import DocumentScore, HeldOut, Reading, documents_of, score_documents
from charrnn.scoring.score import Score, score
from charrnn.text.vocabulary import Vocabulary
from charrnn.threads import blas_threads

LINE_END = "\n"


class ScoresTexts:
    """The part of a `LanguageModel` that scores and evaluates texts."""

    network: CharModel
    params: Parameters
    vocabulary: Vocabulary
    experts: Experts | None
    provenance: dict[str, Any]

    def score(self, text: str, on_unknown: str = "error") -> Score:
        """The surprise at each character of a text after the first, in nats; the state starts at zero.

        Where the model has learned documents, the text is one: its first character and its end are scored, too.
        """
        with blas_threads(1):
            ids = self._encode(text, on_unknown)
            return score(self.network, self.params, ids, self.on_text(ids))

    def evaluate(self, text: str, on_unknown: str = "error") -> Evaluation:
        """The mean surprise over a text of any length, with the state carried through it."""
        with blas_threads(1):
            return self.evaluate_ids(self._encode(text, on_unknown))

    def evaluate_ids(self, ids: Array) -> Evaluation:
        """As `evaluate`, of a text that is encoded already, (N,)."""
        return evaluate(self.network, self.params, ids, self.on_text(ids))

    def on_text(self, ids: Array) -> OnText | None:
        """What the network's experts say along a text, (N,); None if it has no experts."""
        return None if self.experts is None else OnText(self.experts, ids)

    def score_many(self, texts: Iterable[str], on_unknown: str = "error") -> list[DocumentScore]:
        """The score of each of many documents, in order: each as if it were the only one.

        A model of one long text reads each as a line: after a line end, and to the next, if it knows line ends.
        """
        return list(self.score_stream(texts, on_unknown))

    def score_stream(self, texts: Iterable[str], on_unknown: str = "error") -> Iterator[DocumentScore]:
        """As `score_many`, of any number of documents, in memory that does not grow with it."""
        held_out = self.held_out
        scores = score_documents(
            self.network, self.params, (self._reading(text, on_unknown) for text in texts), self.experts
        )
        for nats in scores:
            yield DocumentScore(nats, held_out.percentile(float(nats.mean())) if held_out else None)

    @property
    def held_out(self) -> HeldOut | None:
        """What is known of the model's surprise at the held-out documents of its training."""
        known = self.provenance.get("held_out")
        return HeldOut(known["documents"], tuple(known["nats_per_char"])) if known else None

    def remember_held_out(self, ids: Array) -> None:
        """Keep, in the provenance, the surprise at each document of ids (N,), which the model was not trained on."""
        held_out = HeldOut.of(score_documents(self.network, self.params, documents_of(ids), self.experts))
        if held_out is not None:
            self.provenance["held_out"] = {
                "documents": held_out.documents, "nats_per_char": list(held_out.quantiles)
            }  # fmt: skip

    def _reading(self, text: str, on_unknown: str) -> Reading:
        """A document as `score_documents` reads it."""
        if self.vocabulary.documents:
            ids = self.vocabulary.encode_documents([text], on_unknown)
        else:
            line_end = self.vocabulary.encode(LINE_END) if LINE_END in self.vocabulary else np.empty(0, np.uint8)
            ids = np.concatenate([line_end, self.vocabulary.encode(text, on_unknown), line_end])
        if len(ids) < 2:
            raise TextError(f"a line of {len(ids)} known characters cannot be scored: it takes at least 2")
        return Reading(ids[:-1], ids[1:])

    def _encode(self, text: str, on_unknown: str) -> Array:
        if isinstance(text, str) and os.path.splitext(text)[1] and os.path.isfile(text):
            raise TextError(
                f"text '{text}' is the name of a file: pass the text in it, as in Path({text!r}).read_text()"
            )
        ids = self.vocabulary.encode(text, on_unknown)
        if self.vocabulary.documents:
            return self.vocabulary.encode_documents([text], on_unknown)
        if len(ids) < 2:
            raise TextError(f"a text of {len(ids)} known characters cannot be scored: it takes at least 2")
        return ids
