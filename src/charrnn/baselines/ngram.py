"""The interpolated character n-gram with Witten–Bell smoothing (Witten & Bell 1991; Chen & Goodman 1998, eq. 16).

For a context u of n − 1 characters, with u' its last n − 2, C(·) a count in the training text and T(u) the number of
different characters seen after u:

    P(c | u) = (C(u c) + T(u) P(c | u')) / (C(u) + T(u))

and P = 1 / V below the unigram. A context that was never seen leaves P(c | u') as it is.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from charrnn.arrays import Array

HIGHEST_ORDER = 9


class _Counts(NamedTuple):
    """Counts of one order. Codes are the characters' ids as digits in base V, and sorted."""

    grams: Array  # codes of the n-grams
    gram_counts: Array
    contexts: Array  # codes of their first n − 1 characters
    context_counts: Array
    kinds: Array  # T(u)


class NGram:
    """An n-gram model of ids (N,) over V characters; order n looks at n − 1 characters before."""

    def __init__(self, ids: Array, vocab_size: int, order: int) -> None:
        if order < 1 or order > highest_order(vocab_size):
            raise ValueError(f"order {order} is not between 1 and {highest_order(vocab_size)}")
        self.vocab_size, self.order = vocab_size, order
        self._counts = []
        for n in range(1, order + 1):
            grams, counts = np.unique(self._codes(ids, n), return_counts=True)
            contexts, first, kinds = np.unique(grams // vocab_size, return_index=True, return_counts=True)
            context_counts = np.add.reduceat(counts, first) if len(counts) else counts
            self._counts.append(_Counts(grams, counts, contexts, context_counts, kinds))

    def nats(self, ids: Array) -> Array:
        """−log P of each of ids (N,), given those before it; (N,) float64."""
        probs = np.full(len(ids), 1.0 / self.vocab_size)
        for n, table in enumerate(self._counts, 1):
            codes = self._codes(ids, n)
            lower = probs[n - 1 :]
            seen, context = _find(table.contexts, codes // self.vocab_size)
            known, gram = _find(table.grams, codes)
            count = np.where(known, table.gram_counts[gram], 0)
            kinds = table.kinds[context]
            higher = (count + kinds * lower) / (table.context_counts[context] + kinds)
            probs[n - 1 :] = np.where(seen, higher, lower)
        return np.asarray(-np.log(probs))

    def _codes(self, ids: Array, n: int) -> Array:
        """The code of the n-gram that ends at each position from n − 1 on."""
        codes = np.zeros(max(0, len(ids) - n + 1), np.int64)
        for k in range(n):
            codes = codes * self.vocab_size + ids[k : k + len(codes)]
        return codes


def _find(table: Array, codes: Array) -> tuple[Array, Array]:
    """Which codes are in a sorted table, and where (0 for those that are not)."""
    places = np.minimum(np.searchsorted(table, codes), len(table) - 1)
    found = table[places] == codes
    return found, np.where(found, places, 0)


def highest_order(vocab_size: int) -> int:
    """The highest order whose codes fit into 63 bits."""
    return max(1, min(HIGHEST_ORDER, int(63 / max(1.0, math.log2(vocab_size)))))


def best_ngram(train_ids: Array, val_ids: Array, vocab_size: int) -> tuple[NGram, float]:
    """The order with the lowest validation loss, and that loss in nats per character after the first."""
    models = [NGram(train_ids, vocab_size, n) for n in range(1, highest_order(vocab_size) + 1)]
    losses = [float(model.nats(val_ids)[1:].mean()) for model in models]
    best = int(np.argmin(losses))
    return models[best], losses[best]


def uniform_nats(vocab_size: int) -> float:
    """The loss of guessing: ln V."""
    return math.log(vocab_size)
