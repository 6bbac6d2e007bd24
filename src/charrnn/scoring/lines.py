"""The surprise at each of many documents, or lines, in memory that does not grow with their number.

Blocks of documents are dealt to lanes, one after the other in each, and every document is read from a zero state: its
score is the same alone and among any others.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array, places_of
from charrnn.config import BOUNDARY_ID
from charrnn.ngrams import Experts, OnText
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.scoring.evaluation import surprises
from charrnn.threads import blas_threads
from charrnn.units import InOtherUnits

LANES = 64
WINDOW = 64  # time steps read at a time; scores do not depend on it
BLOCK = 1 << 16  # symbols whose scores are computed together, at least


class Reading(NamedTuple):
    """The ids (n,) that are read of a document, and the ids (n,) that are to be predicted after each."""

    inputs: Array
    targets: Array


@dataclass(frozen=True, eq=False)
class DocumentScore(InOtherUnits):
    """The surprise of a model at a document, its end included."""

    per_char: Array  # (n,) float64, nats: of each character, and of the end
    percentile: float | None = None  # of held-out documents with no more nats per character; None if it is not known

    @property
    def nats(self) -> float:
        """The surprise at the whole document."""
        return float(self.per_char.sum())

    @property
    def nats_per_char(self) -> float:  # type: ignore[override]  # derived here, a field elsewhere
        """The mean over the document's characters and its end."""
        return self.nats / len(self.per_char)


def score_documents(
    model: CharModel,
    params: Parameters,
    documents: Iterable[Reading],
    experts: Experts | None = None,
    also: int | None = None,
) -> Iterator[Array]:
    """The surprise at each target of each document, (n,) float64 in nats, in order.

    Parameters
    ----------
    experts : Experts, optional
        The experts of a network that has any. Without boundaries their contexts do not stop between documents, which
        are then read one by one.
    also : int, optional
        The number of an expert of documents whose surprise is asked for, too: it follows that of the network, (2, n).
    """
    if experts is not None and not experts.documents:
        for reading in documents:
            ids = np.append(reading.inputs, reading.targets[-1:])
            with blas_threads(1, unless_set=True):
                nats = np.concatenate(list(surprises(model, params, ids, OnText(experts, ids))))
            yield nats
        return
    for block in _blocks(documents):
        with blas_threads(1, unless_set=True):
            scored = _scored(model, params, block, experts, also)
        yield from scored


def _blocks(documents: Iterable[Reading]) -> Iterator[list[Reading]]:
    """Documents in groups of BLOCK symbols or more."""
    block: list[Reading] = []
    symbols = 0
    for document in documents:
        block.append(document)
        symbols += len(document.inputs)
        if symbols >= BLOCK:
            yield block
            block, symbols = [], 0
    if block:
        yield block


def _scored(
    model: CharModel, params: Parameters, block: Sequence[Reading], experts: Experts | None, also: int | None
) -> list[Array]:
    """The surprises at the documents of a block."""
    lengths = [len(document.inputs) for document in block]
    lanes = deal(lengths, min(LANES, len(block)))
    steps = -(-max(sum(lengths[k] for k in lane) for lane in lanes) // WINDOW) * WINDOW
    inputs, targets = (np.zeros((steps, len(lanes)), np.intp) for _ in range(2))
    fresh = np.zeros(inputs.shape, bool)
    places: list[tuple[int, int]] = [(0, 0)] * len(block)
    for b, lane in enumerate(lanes):
        start = 0
        for k in lane:
            places[k], end = (start, b), start + lengths[k]
            inputs[start:end, b], targets[start:end, b] = block[k]
            fresh[start, b] = True
            start = end
    dtype = params.vector.dtype
    said = None if experts is None else _said(experts, inputs, dtype)
    state, ws, nats = model.zero_state(len(lanes), dtype), model.workspace(WINDOW, len(lanes), dtype), []
    for start in range(0, steps, WINDOW):
        part = slice(start, start + WINDOW)
        log_q = said and said(start)
        found, state = model.nats(params, inputs[part], targets[part], state, ws, None, log_q, fresh[part])
        if also is not None and log_q is not None:
            own = np.take_along_axis(log_q[also], targets[part][:, :, None], axis=2)[:, :, 0]
            found = np.stack([found, -own.astype(np.float64)])
        nats.append(found)
    whole = np.concatenate(nats, axis=-2)  # (steps, B), or (2, steps, B)
    return [whole[..., start : start + n, b].copy() for (start, b), n in zip(places, lengths, strict=True)]


def _said(experts: Experts, inputs: Array, dtype: npt.DTypeLike) -> Callable[[int], Array]:
    """Return a function from a window's start to what the experts say along it, (S, WINDOW, B, V).

    The lanes of inputs (steps, B) are one text: no context looks beyond the boundary that its document begins with.
    """
    on_text, begins = OnText(experts, inputs.T.ravel()), np.arange(inputs.shape[1]) * len(inputs)
    return lambda start: on_text.log_q(begins + start, WINDOW, dtype)


def deal(lengths: Sequence[int], lanes: int) -> list[list[int]]:
    """Deal documents to lanes so that all become about equally long: the longest first, to the shortest lane."""
    loads = [(0, lane) for lane in range(lanes)]
    dealt: list[list[int]] = [[] for _ in range(lanes)]
    for k in sorted(range(len(lengths)), key=lambda k: -lengths[k]):
        load, lane = heapq.heappop(loads)
        dealt[lane].append(k)
        heapq.heappush(loads, (load + lengths[k], lane))
    return dealt


MOST_KEPT = 10_000


@dataclass(frozen=True)
class HeldOut:
    """The nats per character of a model's held-out documents: what is usual, and what is not."""

    documents: int
    quantiles: tuple[float, ...]  # sorted

    @classmethod
    def of(cls, scores: Iterable[Array]) -> HeldOut | None:
        """From the surprises at the documents; None if there are none."""
        values = np.sort([float(nats.mean()) for nats in scores])
        if not len(values):
            return None
        count = min(len(values), MOST_KEPT)
        kept = values if count == len(values) else np.quantile(values, np.arange(1, count + 1) / count)
        return cls(len(values), tuple(np.round(kept, 5).tolist()))

    def percentile(self, nats_per_char: float) -> float:
        """The share, in percent, of held-out documents that are no more surprising."""
        return 100.0 * float(np.searchsorted(self.quantiles, nats_per_char, side="right")) / len(self.quantiles)

    def threshold(self, false_alarms: float) -> float | None:
        """The nats per character that this share of held-out documents exceeds; None if they are too few to tell."""
        above = int(false_alarms * len(self.quantiles) + 1e-9)
        return self.quantiles[-above - 1] if 0 < above < len(self.quantiles) else None


def documents_of(ids: Array) -> Iterator[Reading]:
    """The documents of ids (N,), each from its boundary to the next."""
    for start, stop in itertools.pairwise(places_of(BOUNDARY_ID, ids).tolist()):
        yield Reading(np.asarray(ids[start:stop]), np.asarray(ids[start + 1 : stop + 1]))
