"""Interpolated character n-grams: each order is discounted, and the mass that this frees goes to the order below.

For a context u of n − 1 characters, with u' its last n − 2:

    P(c | u) = (discounted count of u c + mass(u) P(c | u')) / total(u)

and P = 1 / V below the unigram. For a context that never occurred, P(c | u) = P(c | u').

Witten–Bell (Witten & Bell 1991; Chen & Goodman 1998, eq. 16): counts C are not discounted, mass(u) is the number T(u)
of distinct characters seen after u, total(u) = C(u) + T(u).

Modified Kneser–Ney (Chen & Goodman 1998, section 3): a count of 1, 2 or more loses D₁, D₂ or D₃, where
D_k = k − (k + 1) Y n_{k+1} / n_k, Y = n₁ / (n₁ + 2 n₂), n_k the number of n-grams with count k; mass(u) is the sum of
what u's n-grams lose, total(u) = C(u). Below the highest order, the count of an n-gram is the number of distinct
characters seen before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from charrnn.arrays import Array
from charrnn.config import BOUNDARY_ID
from charrnn.ngrams.tables import discounts

HIGHEST_ORDER = 9


class _Table(NamedTuple):
    """The n-grams of one order. A code has the characters' ids as its digits in base V; codes are sorted."""

    grams: Array  # codes of the n-grams
    contexts: Array  # codes of their first n − 1 characters
    discounted: Array  # the counts of the n-grams, minus the discount
    mass: Array  # of each context
    total: Array


def witten_bell(counts: Array, first: Array) -> tuple[Array, Array, Array]:
    """Return the discounted counts (K,), and the mass and total of each context, whose n-grams begin at `first`."""
    kinds = np.diff(np.append(first, len(counts)))
    return counts, kinds, np.add.reduceat(counts, first) + kinds


def kneser_ney(counts: Array, first: Array) -> tuple[Array, Array, Array]:
    """Return the discounted counts, mass and total as `witten_bell` does, by modified Kneser–Ney."""
    lost = discounts(counts)[np.minimum(counts, 3)]
    return counts - lost, np.add.reduceat(lost, first), np.add.reduceat(counts, first)


SMOOTHINGS: dict[str, Callable[[Array, Array], tuple[Array, Array, Array]]] = {
    "Witten–Bell": witten_bell,
    "Kneser–Ney": kneser_ney,
}


class NGram:
    """An n-gram model of ids (N,) over V characters; order n predicts from the n − 1 characters before.

    Parameters
    ----------
    documents : bool
        Whether the ids are documents between boundaries: everything before a boundary then counts as boundaries.
    """

    def __init__(
        self, ids: Array, vocab_size: int, order: int, smoothing: str = "Witten–Bell", documents: bool = False
    ) -> None:
        if order < 1 or order > highest_order(vocab_size):
            raise ValueError(f"order {order} is not between 1 and {highest_order(vocab_size)}")
        self.vocab_size, self.order, self.smoothing, self.documents = vocab_size, order, smoothing, documents
        self._tables: list[_Table] = []
        codes = self._codes(ids, order)
        for n in range(order, 0, -1):
            grams, counts = np.unique(codes, return_counts=True)
            contexts, first = np.unique(grams // vocab_size, return_index=True)
            self._tables.insert(0, _Table(grams, contexts, *SMOOTHINGS[smoothing](counts, first)))
            # Kneser–Ney counts the distinct characters before each shorter n-gram.
            codes = grams % vocab_size ** (n - 1) if smoothing == "Kneser–Ney" else self._codes(ids, n - 1)

    def nats(self, ids: Array) -> Array:
        """Return −log P of each of ids (N,), given the ids before it; (N,) float64."""
        probs = np.full(len(ids), 1.0 / self.vocab_size)
        for n, table in enumerate(self._tables, 1):
            codes = self._codes(ids, n)
            lower = probs[n - 1 :]
            seen, context = find(table.contexts, codes // self.vocab_size)
            known, gram = find(table.grams, codes)
            discounted = np.where(known, table.discounted[gram], 0)
            higher = (discounted + table.mass[context] * lower) / table.total[context]
            probs[n - 1 :] = np.where(seen, higher, lower)
        return np.asarray(-np.log(probs))

    def _codes(self, ids: Array, n: int) -> Array:
        """Return the code of the n-gram that ends at each position from n − 1 on."""
        codes = np.zeros(max(0, len(ids) - n + 1), np.int64)
        for k in range(n):
            digits = ids[k : k + len(codes)]
            codes = codes * self.vocab_size + digits
            if self.documents and k < n - 1:
                codes[digits == BOUNDARY_ID] = BOUNDARY_ID  # so are all digits before it: the id of a boundary is 0
        return codes


def find(table: Array, codes: Array) -> tuple[Array, Array]:
    """Return which codes are in a sorted table, and their places (0 for codes that are not in it)."""
    places = np.minimum(np.searchsorted(table, codes), len(table) - 1)
    found = table[places] == codes
    return found, np.where(found, places, 0)


def highest_order(vocab_size: int) -> int:
    """Return the highest order whose codes fit into 63 bits."""
    return max(1, min(HIGHEST_ORDER, int(63 / max(1.0, math.log2(vocab_size)))))


def best_ngram(
    train_ids: Array, val_ids: Array, vocab_size: int, smoothing: str = "Witten–Bell", documents: bool = False
) -> tuple[NGram, float]:
    """Return the model of the order that is best on validation, and its loss in nats per character after the first."""
    models = [NGram(train_ids, vocab_size, n, smoothing, documents) for n in range(1, highest_order(vocab_size) + 1)]
    losses = [float(model.nats(val_ids)[1:].mean()) for model in models]
    best = int(np.argmin(losses))
    return models[best], losses[best]


def uniform_nats(vocab_size: int) -> float:
    """Return the loss of guessing: ln V."""
    return math.log(vocab_size)
