"""The hidden units of a model along a text, and the features of the text that they follow.

The view of Karpathy, Johnson & Fei-Fei, “Visualizing and Understanding Recurrent Networks” (2015): a text coloured by
one unit's activation, and units that turn out to follow quotation marks or the position in a line. Units are found by
their correlation with simple features of the text. The first half of the text chooses the feature of a unit, the second
half measures the correlation, so that the best of many features is not just the luckiest.

N characters of the text, V vocab_size, L num_layers, H hidden_size, K features.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.config import BOUNDARY, BOUNDARY_ID
from charrnn.errors import TextError
from charrnn.inspection.features import FEATURES, feature_matrix
from charrnn.inspection.reading import known_ids
from charrnn.language_model import LanguageModel
from charrnn.nn.model import ModelWorkspace
from charrnn.scoring import Classification
from charrnn.scoring.evaluation import WINDOW, windows
from charrnn.settings import check_texts, check_value
from charrnn.threads import blas_threads

LEAST = 200  # the number of characters that a search for units needs
LEAST_CHANGES = 8  # of a feature in each half: with fewer, a correlation means nothing


@dataclass(frozen=True)
class Unit:
    """A hidden unit, and the feature of the text that it follows best."""

    layer: int
    unit: int
    feature: str  # in words
    correlation: float  # with the feature, on the half of the text that did not choose it


def activations(model: LanguageModel, text: str, on_unknown: str = "error") -> Array:
    """Return every hidden unit after each character of a text, (N, L, H) float32, between −1 and 1.

    Each layer declares what it shows: its outputs (a vanilla network, a GRU), or the memory that it keeps elsewhere
    (an LSTM, tanh of its cell; a quasi-recurrent layer, its cell). A document is read from its boundary on, with the
    label that suits it.
    """
    with blas_threads(1):
        ids, own = _read(model, text, on_unknown, least=1)
        read = windows(model.network, model.params, ids, model.on_text(ids))
        return np.concatenate([_activations(ws) for _, ws in read])[own]


def activation(model: LanguageModel, text: str, layer: int, unit: int, on_unknown: str = "error") -> Array:
    """Return one hidden unit after each character of a text, (N,) float32, between −1 and 1."""
    config = model.network.config
    check_value("layer", layer, "int", least=0, below=config.num_layers)
    check_value("unit", unit, "int", least=0, below=config.hidden_size)
    with blas_threads(1):
        ids, own = _read(model, text, on_unknown, least=1)
        read = windows(model.network, model.params, ids, model.on_text(ids))
        return np.concatenate([_activations(ws)[:, layer, unit].copy() for _, ws in read])[own]


def find_units(model: LanguageModel, text: str | Sequence[str], on_unknown: str = "error") -> list[Unit]:
    """Return every hidden unit with the feature that it follows best, ordered by absolute correlation.

    The correlation is Pearson's; with a yes-or-no feature this is the point-biserial correlation.

    Parameters
    ----------
    text : str or sequence of str
        Of a model of documents, one or several; to the features each is a line.
    """
    with blas_threads(1):
        ids, own = _read(model, text, on_unknown, least=LEAST)
        shown = np.isin(ids, model.vocabulary.label_ids, invert=True)
        lines = model.vocabulary.decode(ids[shown])
        features = feature_matrix(lines.replace(BOUNDARY, "\n") if model.vocabulary.documents else lines)[own[shown]]
        half, done = len(features) // 2, 0
        choosing, measuring = _Correlation(features[:half]), _Correlation(features[half:])
        for start, ws in windows(model.network, model.params, ids, model.on_text(ids)):
            values = _activations(ws)[own[start : start + WINDOW]]
            cut = min(max(half - done, 0), len(values))
            choosing.add(values[:cut])
            measuring.add(values[cut:])
            done += len(values)
    chosen, measured = choosing.result(), measuring.result()  # (L, H, K)
    best = np.abs(chosen).argmax(axis=2)
    names = list(FEATURES)
    units = [
        Unit(layer, unit, names[k], _agreed(chosen[layer, unit, k].item(), measured[layer, unit, k].item()))
        for (layer, unit), k in np.ndenumerate(best)
    ]
    return sorted(units, key=lambda u: -abs(u.correlation))


def _read(model: LanguageModel, text: Any, on_unknown: str, least: int) -> tuple[Array, Array]:
    """The ids that are read of a text, or of documents from each boundary on; and which are of characters, of bool."""
    vocabulary = model.vocabulary
    if not vocabulary.documents:
        ids = known_ids(model, text, on_unknown, least)
        return ids, np.ones(len(ids), bool)
    parts = [text] if isinstance(text, str) else check_texts("text", text)
    known = [vocabulary.decode(vocabulary.encode(part, on_unknown)) for part in parts]
    if (characters := sum(map(len, known))) < least:
        raise TextError(f"documents of {characters} known characters are too short: it takes at least {least}")
    labels: Iterable[str | None] = itertools.repeat(None)
    if model.labels:
        labels = (
            Classification.of(nats.sum(axis=1), model.labels).label for nats in model.nats_by_label(known, ended=False)
        )
    ids = np.concatenate([model.prompt_ids(each, label=label) for each, label in zip(known, labels, strict=False)])
    return ids, (ids != BOUNDARY_ID) & np.isin(ids, vocabulary.label_ids, invert=True)


class _Correlation:
    """Pearson's correlation of every unit with every feature, from sums: only one window is in memory."""

    def __init__(self, features: Array) -> None:
        changes = (np.diff(features, axis=0) != 0).sum(axis=0)
        self.usable = (changes >= LEAST_CHANGES) & (features.std(axis=0) > 0)
        wide = features.astype(np.float64)
        self.features = (wide - wide.mean(axis=0)) / np.where(self.usable, wide.std(axis=0), 1.0)
        self.count = 0
        # Over the characters so far: of the activations (L, H), of their squares, and of their products (L, H, K).
        self.sums: Any = 0.0
        self.squares: Any = 0.0
        self.products: Any = 0.0

    def add(self, values: Array) -> None:
        """Add the activations (n, L, H) of the next n characters."""
        values = values.astype(np.float64)
        features = self.features[self.count : self.count + len(values)]
        self.sums = self.sums + values.sum(axis=0)
        self.squares = self.squares + np.square(values).sum(axis=0)
        self.products = self.products + np.tensordot(values, features, (0, 0))
        self.count += len(values)

    def result(self) -> Array:
        """Return (L, H, K); 0 for a feature that hardly changes or a unit that does not."""
        mean = self.sums / self.count
        std = np.sqrt(np.maximum(self.squares / self.count - mean**2, 0.0))
        alive = std > 1e-6
        # The features have mean 0, so that the mean of the products is the covariance.
        r = self.products / self.count / np.where(alive, std, 1.0)[..., None]
        return np.asarray(np.where(alive[..., None] & self.usable, np.clip(r, -1.0, 1.0), 0.0))


def _agreed(chosen: float, measured: float) -> float:
    """Return the measured correlation, or 0 if the halves of the text disagree on its sign."""
    return measured if chosen * measured > 0 else 0.0


def _activations(ws: ModelWorkspace) -> Array:
    """The activations (n, L, H) that a window's workspace holds."""
    return np.stack([layer.shown[:, 0] for layer in ws.layers], axis=1).astype(np.float32)
