"""A text as a model reads it: the surprise at each character, its alternatives, and whom the network trusted.

A network with S experts (equations in docs/derivations/mixture.md) adds what they say to its own logits:

    p = softmax(V ĥ + c + Σ_s λ_s ℓ_s)

The gate λ_s [src.5] says how far expert s is trusted. Without the network's own logits, V ĥ + c, the counts alone give
softmax(Σ_s λ_s ℓ_s). What p gives a character beyond that is the network's own correction.

N characters of the text, V vocab_size, S experts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.config import BOUNDARY_ID
from charrnn.errors import TextError
from charrnn.generation import END
from charrnn.generation.filters import probabilities
from charrnn.language_model import LanguageModel
from charrnn.nn.mixture import ExpertGatesWorkspace
from charrnn.nn.numerics import log_softmax
from charrnn.scoring import Score
from charrnn.scoring.evaluation import windows
from charrnn.settings import check_value
from charrnn.threads import blas_threads


@dataclass(frozen=True)
class Alternative:
    character: str  # "" is the end of a document
    probability: float


@dataclass(frozen=True)
class Inspection:
    """A text as a model reads it. Nothing predicts the first character: what belongs to it is None or an empty list.

    Of a document the first character is predicted, too: it follows the boundary, or the label that suits the text.

    The last three lists are empty for a network without experts.
    """

    text: str  # without the characters that were left out
    nats: list[float | None]  # the surprise at each character
    ranks: list[int | None]  # 1 for the likeliest of all characters
    alternatives: list[list[Alternative]]  # the likeliest characters at each position, best first
    experts: tuple[str, ...] = ()  # the names of the network's experts
    expert_probabilities: list[list[float]] = field(default_factory=list)  # of each character, by each expert
    gates: list[list[float]] = field(default_factory=list)  # how far each expert was trusted there
    counts_probabilities: list[float | None] = field(default_factory=list)  # of each character, by the experts alone

    @property
    def score(self) -> Score:
        """The surprise at all characters that are predicted."""
        return Score(np.array([nats for nats in self.nats if nats is not None], np.float64))

    @property
    def probabilities(self) -> list[float | None]:
        """The probability that the network as a whole gave to each character."""
        return [None if nats is None else math.exp(-nats) for nats in self.nats]


def inspect_text(model: LanguageModel, text: str, top: int = 5, on_unknown: str = "error") -> Inspection:
    """Return the surprise at each character of a text, the likeliest characters there, and what each expert said.

    Parameters
    ----------
    top : int
        The number of alternatives at each position.
    on_unknown : {"error", "skip"}
        What to do with characters that the vocabulary lacks.
    """
    check_value("top", top, "int", least=0)
    ids = known_ids(model, text, on_unknown, least=1)
    characters = list(model.vocabulary.characters)
    top = min(top, len(characters))
    documents = model.vocabulary.documents
    nothing: list[None] = [] if documents else [None]  # of the first character, unless it follows a boundary
    empty: list[list[Any]] = [[] for _ in nothing]
    seen = Inspection(model.vocabulary.decode(ids), [*nothing], [*nothing], [*empty])
    if model.experts is not None:
        names = model.experts.names
        seen = Inspection(seen.text, [*nothing], [*nothing], [*empty], names, [*empty], [*empty], [*nothing])
    if documents:
        ids, characters = np.append(np.array([BOUNDARY_ID], ids.dtype), ids), [END, *characters[1:]]
    hidden = model.vocabulary.label_ids  # which are no characters
    if len(hidden):
        ids = model.prompt_ids(seen.text)  # with the label that suits the text
    with blas_threads(1):
        for start, ws in windows(model.network, model.params, ids[:-1], model.on_text(ids)):
            rows = ws.readout.flat_logits.astype(np.float64)
            came = ids[start + 1 : start + 1 + len(rows)]
            own = np.arange(len(rows)), came
            probs = probabilities(rows)
            seen.nats.extend((-log_softmax(rows)[own]).tolist())
            rows[:, hidden] = -np.inf
            order = np.argsort(-rows, axis=1, kind="stable")
            seen.ranks.extend((1 + (probs > probs[own][:, None]).sum(axis=1)).tolist())
            for p, best in zip(probs, order[:, :top], strict=True):
                seen.alternatives.append([Alternative(characters[k], float(p[k])) for k in best])
            if ws.readout.gates is not None:
                _add_experts(seen, ws.readout.gates, came)
    if len(hidden):
        for of_label in (seen.nats, seen.ranks, seen.alternatives, seen.expert_probabilities, seen.gates,
                         seen.counts_probabilities):  # fmt: skip
            del of_label[:1]
    return seen


def _add_experts(seen: Inspection, ws: ExpertGatesWorkspace, came: Array) -> None:
    """Add what the experts said of the n characters that came, (n,), from the workspace that has read them."""
    gates = ws.gates.astype(np.float64)  # (n, S)
    rows = np.arange(len(came))
    seen.expert_probabilities.extend(np.exp(ws.log_q[:, rows, came].T.astype(np.float64)).tolist())
    seen.gates.extend(gates.tolist())
    together = np.einsum("ns,snv->nv", gates, ws.log_q)  # Σ_s λ_s ℓ_s
    seen.counts_probabilities.extend(probabilities(together)[rows, came].tolist())


def known_ids(model: LanguageModel, text: str, on_unknown: str, least: int) -> Array:
    """The ids (N,) of a text in a model's vocabulary; TextError if fewer than `least` are left."""
    ids = model.vocabulary.encode(text, on_unknown)
    if len(ids) < least:
        raise TextError(f"a text of {len(ids)} known characters is too short: it takes at least {least}")
    return ids
