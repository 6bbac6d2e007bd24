"""A text under a model of labelled documents: its surprise under each label, and its likeliest label.

    log P(label, text) = log P(label) + log P(text | label)

The network predicts the label as the first symbol of a document, so P(label) also comes from the network. Of P(text |
label) two models speak: the network, and the counts of labels that it knows. Each errs in its own way, so a text is
classified by the mean of both logarithms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.randomness import stream
from charrnn.units import SYMBOL

CONFUSED = 8  # pairs of labels that are named in words


@dataclass(frozen=True)
class Classification:
    """The likeliest label of a text, and how likely each is."""

    label: str
    probabilities: Mapping[str, float]  # by label, the likeliest first

    @classmethod
    def of(cls, totals: Array, labels: Sequence[str]) -> Classification:
        """From the surprise (L,) at each label and the text under it."""
        probs = np.exp(totals.min() - totals)
        probs /= probs.sum()
        order = np.argsort(-probs, kind="stable").tolist()
        return cls(labels[order[0]], {labels[k]: float(probs[k]) for k in order})


LABELS = "labels"  # the chain of the counts that know the label


def by_both(nats: Array) -> Array:
    """The totals (L,) by which a text is classified, from the network's surprise and that of the counts, (L, 2, n)."""
    return np.asarray(nats[:, 0, 0] + nats[:, :, 1:].sum(axis=2).mean(axis=1))


def without_label(nats: Array) -> Array:
    """The surprise (n − 1,) at each symbol of a text whose label is not known, from that under each label (L, n).

    At every symbol the labels are weighed by what came before: the sum is −log Σ P(label) P(text | label).
    """
    log_p = -nats.cumsum(axis=1)
    highest = log_p.max(axis=0)
    total = highest + np.log(np.exp(log_p - highest).sum(axis=0))  # (n,)
    return np.asarray(total[:-1] - total[1:])


@dataclass(frozen=True, eq=False)
class LabelEvaluation:
    """How well a model finds the labels of documents, and what it gains from them."""

    labels: tuple[str, ...]
    confusion: Array  # (L, L) documents of each label (row) that were classified as each (column)
    nats_per_symbol: float  # of the texts given their labels; the ends are counted, the labels are not
    shuffled_nats_per_symbol: float  # the same, with the labels shuffled among the documents

    @property
    def accuracy(self) -> float:
        return float(np.trace(self.confusion) / self.confusion.sum())

    def as_dict(self) -> dict[str, Any]:
        return {
            "accuracy": self.accuracy, "labels": list(self.labels), "confusion": self.confusion.tolist(),
            "label_nats_per_symbol": self.nats_per_symbol,
            "shuffled_label_nats_per_symbol": self.shuffled_nats_per_symbol,
        }  # fmt: skip

    def words(self) -> Iterator[str]:
        """Lines for a reader."""
        documents, usual = int(self.confusion.sum()), float(self.confusion.sum(axis=1).max() / self.confusion.sum())
        yield (
            f"labels of {documents:,} documents: {self.accuracy:.1%} are right, {usual:.1%} if the most frequent "
            f"one is always taken; the texts cost {self.nats_per_symbol:.4f} nats per {SYMBOL}, given their labels, "
            f"and {self.shuffled_nats_per_symbol:.4f} given shuffled ones"
        )
        wrong = self.confusion - np.diag(np.diag(self.confusion))
        pairs = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSED]
        rows, columns = np.unravel_index(pairs, wrong.shape)
        named = [
            f"{self.labels[a]} taken for {self.labels[b]} {wrong[a, b]:,}"
            for a, b in zip(rows, columns, strict=True)
            if wrong[a, b]
        ]
        if named:
            yield f"most often confused: {', '.join(named)}"


def evaluate_labels(
    found: Iterator[tuple[Array, Array]], own: Sequence[str], labels: tuple[str, ...]
) -> LabelEvaluation:
    """Compare the labels of documents with those that a model finds.

    Parameters
    ----------
    found : iterator of arrays (L, n) and (L,)
        For each document, the surprise at the label and at each symbol, under each label; and the totals by which it is
        classified.
    own : sequence of str
        The label of each document.
    """
    right = np.array([labels.index(label) for label in own])
    others = stream(0, "labels").permutation(right)
    confusion, totals, symbols = np.zeros((len(labels), len(labels)), np.int64), np.zeros(2), 0
    for (nats, by_label), label, other in zip(found, right.tolist(), others.tolist(), strict=True):
        confusion[label, int(by_label.argmin())] += 1
        totals += nats[[label, other], 1:].sum(axis=1)
        symbols += nats.shape[1] - 1
    return LabelEvaluation(labels, confusion, *(totals / symbols).tolist())
