"""How a language model scores texts, one or many at once."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.errors import ConfigError, TextError
from charrnn.ngrams import Experts, OnText
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.scoring.evaluation import Evaluation, evaluate
from charrnn.scoring.labels import LABELS, Classification, LabelEvaluation, by_both, evaluate_labels, without_label
from charrnn.scoring.lines import DocumentScore, HeldOut, Reading, documents_of, score_documents
from charrnn.scoring.score import Score, score
from charrnn.settings import check_texts
from charrnn.text.documents import written_out
from charrnn.text.labels import LabelledDocument
from charrnn.text.vocabulary import Vocabulary
from charrnn.threads import blas_threads

LINE_END = "\n"
MOST_READINGS = 200_000  # of held-out documents, each of which is read once with every label


class ScoresTexts:
    """The part of a `LanguageModel` that scores and evaluates texts."""

    network: CharModel
    params: Parameters
    vocabulary: Vocabulary
    experts: Experts | None
    provenance: dict[str, Any]

    def score(self, text: str, on_unknown: str = "error") -> Score:
        """The surprise at each character of a text after the first, in nats; the state starts at zero.

        For a model of documents, the text is a document: its first character and its end are also scored.
        """
        with blas_threads(1):
            ids = self._encode(text, on_unknown)
            if self.labels:
                return Score(self.score_many([text], on_unknown)[0].per_char)
            return score(self.network, self.params, ids, self.on_text(ids))

    def evaluate(self, text: str, on_unknown: str = "error") -> Evaluation:
        """The mean surprise over a text of any length, with the state carried through it.

        Raises
        ------
        TextError
            The text is the name of a file, whose contents were meant: as `charrnn.evaluate` takes them.
        """
        if isinstance(text, str) and os.path.splitext(text)[1] and os.path.isfile(text):
            raise TextError(
                f"text '{text}' is the name of a file: pass the text in it, as in Path({text!r}).read_text()"
            )
        with blas_threads(1):
            ids = self._encode(text, on_unknown)
            if self.labels:
                found = self.score(text, on_unknown)
                return Evaluation(found.characters, found.nats_per_char)
            return self.evaluate_ids(ids)

    def evaluate_ids(self, ids: Array) -> Evaluation:
        """As `evaluate`, for a text that is already encoded, ids (N,)."""
        return evaluate(self.network, self.params, ids, self.on_text(ids))

    def on_text(self, ids: Array) -> OnText | None:
        """What the network's experts say along a text, (N,); None if it has no experts."""
        return None if self.experts is None else OnText(self.experts, ids)

    def score_many(self, texts: Iterable[str], on_unknown: str = "error") -> list[DocumentScore]:
        """The score of each of many documents, in order: each as if it were the only one.

        A model of one long text reads each as a line: after a line end, and to the next, if it knows line ends. A model
        of labelled documents weighs its labels, at each character by those before it.
        """
        return list(self.score_stream(texts, on_unknown))

    def score_stream(self, texts: Iterable[str], on_unknown: str = "error") -> Iterator[DocumentScore]:
        """As `score_many`, for any number of documents, in memory that does not grow with their number."""
        held_out, surprises = self.held_out, self._surprises(check_texts("texts", texts), on_unknown)
        return (
            DocumentScore(nats, held_out.percentile(float(nats.mean())) if held_out else None) for nats in surprises
        )

    def _surprises(self, texts: Iterable[str], on_unknown: str) -> Iterator[Array]:
        """The surprise at each symbol of each text, the end included."""
        if self.labels:
            return map(without_label, self.nats_by_label(texts, on_unknown))
        readings = (self._reading(text, on_unknown) for text in texts)
        return score_documents(self.network, self.params, readings, self.experts)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the model knows, sorted; none unless it was trained with labels."""
        return tuple(self.provenance.get("labels", ())) if len(self.vocabulary.label_ids) else ()

    def classify(self, texts: Iterable[str], on_unknown: str = "error") -> list[Classification]:
        """The likeliest label of each of many documents, in order, and how likely each label is.

        Raises
        ------
        ConfigError
            The model was trained without labels.
        """
        return list(self.classify_stream(texts, on_unknown))

    def classify_stream(self, texts: Iterable[str], on_unknown: str = "error") -> Iterator[Classification]:
        """As `classify`, for any number of documents, in memory that does not grow with their number."""
        if not self.labels:
            raise ConfigError("this model knows no labels: train it with --documents and --label")
        classified = self._classified(check_texts("texts", texts), on_unknown)
        return (Classification.of(totals, self.labels) for _, totals in classified)

    def _classified(self, texts: Iterable[str], on_unknown: str) -> Iterator[tuple[Array, Array]]:
        """The surprise (L, n) at the label and at each symbol of each text, and the totals (L,) that classify it."""
        names = () if self.experts is None else tuple(self.experts.names)
        if LABELS not in names:
            return ((nats, nats.sum(axis=1)) for nats in self.nats_by_label(texts, on_unknown))
        both = self._by_label(texts, on_unknown, True, names.index(LABELS))
        return ((nats[:, 0], by_both(nats)) for nats in both)

    def nats_by_label(self, texts: Iterable[str], on_unknown: str = "error", ended: bool = True) -> Iterator[Array]:
        """The surprise (L, n) at the label, and at each symbol of each text, under each label.

        Parameters
        ----------
        ended : bool
            The texts are whole documents, whose ends are also scored.
        """
        return self._by_label(texts, on_unknown, ended, None)

    def _by_label(self, texts: Iterable[str], on_unknown: str, ended: bool, also: int | None) -> Iterator[Array]:
        """As `nats_by_label`; (L, 2, n) with an expert's surprise after the network's."""

        def readings() -> Iterator[Reading]:
            boundary = self.vocabulary.encode_documents([])
            for text in texts:
                ids = self.vocabulary.encode(text, on_unknown)
                for label in self.vocabulary.label_ids.astype(ids.dtype):
                    whole = np.concatenate([boundary, [label], ids, boundary if ended else boundary[:0]])
                    yield Reading(whole[:-1], whole[1:])

        scores = score_documents(self.network, self.params, readings(), self.experts, also)
        while of_text := list(itertools.islice(scores, len(self.vocabulary.label_ids))):
            yield np.stack(of_text)

    def evaluate_labels(self, documents: Sequence[tuple[str, str]]) -> LabelEvaluation:
        """How well the model finds the labels of documents, given as pairs of a label and a text."""
        texts = (text for _, text in documents)
        return evaluate_labels(self._classified(texts, "error"), [label for label, _ in documents], self.labels)

    @property
    def held_out(self) -> HeldOut | None:
        """The model's surprise at the held-out documents of its training, if it is known."""
        known = self.provenance.get("held_out")
        return HeldOut(known["documents"], tuple(known["nats_per_char"])) if known else None

    def remember_held_out(self, ids: Array) -> None:
        """Keep, in the provenance, the surprise at each document of ids (N,), which the model was not trained on."""
        if self.labels:
            texts = [LabelledDocument.of(each).text for each in written_out(ids, self.vocabulary, self.labels)]
            held_out = HeldOut.of(
                self._surprises(texts[:: 1 + len(texts) * len(self.labels) // MOST_READINGS], "error")
            )
        else:
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
        ids = self.vocabulary.encode(text, on_unknown)
        if self.vocabulary.documents:
            return self.vocabulary.encode_documents([text], on_unknown)
        if len(ids) < 2:
            raise TextError(f"a text of {len(ids)} known characters cannot be scored: it takes at least 2")
        return ids
