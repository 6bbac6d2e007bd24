"""Whom a network trusts where: its gates, and what predicts best, by position in the word.

A position is that of the character which is predicted. A word is a run of letters, marks and apostrophes, as the chain
of words has it. N characters, S experts, V vocab_size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from charrnn.arrays import Array
from charrnn.figures.style import COLOURS, MARKERS, STYLES, finish, new_figure
from charrnn.language_model import LanguageModel
from charrnn.ngrams.chains import ALONE, IN_WORD, Words
from charrnn.nn.numerics import log_softmax
from charrnn.reports import Captioned
from charrnn.scoring.evaluation import windows
from charrnn.studies.measures import Row
from charrnn.threads import blas_threads

LAST = 8  # letters of a word that are told apart
POSITIONS = ("between words", "first letter", *(f"letter {k}" for k in range(2, LAST)), f"letter {LAST} or later")
SHORT = ("between\nwords", *map(str, range(1, LAST)), f"{LAST}+")


class Reading(NamedTuple):
    """What a network does along a text: at every character after the first, N of them."""

    log_probs: Array  # (N, V) float32
    gates: Array  # (N, S); S = 0 without experts


@blas_threads(1, unless_set=True)
def read(model: LanguageModel, ids: Array) -> Reading:
    """Read a text, ids (N + 1,), with the state carried and static counts."""
    log_probs, gates = [], []
    for _, ws in windows(model.network, model.params, ids[:-1], model.on_text(ids)):
        logits, trusted = ws.readout.flat_logits, ws.readout.gates
        log_probs.append(log_softmax(logits).astype(np.float32))
        gates.append(np.empty((len(logits), 0)) if trusted is None else trusted.gates.copy())
    return Reading(np.concatenate(log_probs), np.concatenate(gates))


def positions_in_word(characters: str, ids: Array) -> Array:
    """Where each of ids (N,) stands: 0 between words, 1 for the first letter of a word, at most LAST; (N,)."""
    kinds = np.array(Words(characters).kinds)[np.asarray(ids, np.intp) + 1]
    places = np.arange(len(ids))
    outside = np.maximum.accumulate(np.where(kinds == IN_WORD, -1, places))  # the last place that is in no word
    return np.where(kinds == ALONE, 1, np.minimum(places - outside, LAST))


def by_position(values: Array, positions: Array) -> dict[int, Array]:
    """The mean of values (N, …) at each position that occurs."""
    return {int(p): values[positions == p].mean(axis=0) for p in np.unique(positions)}


def trust_rows(
    chains: Sequence[str], gates: Sequence[Array], nats: Mapping[str, Array], positions: Array
) -> dict[int, Row]:
    """A row for each position that occurs: its share of the text, the gates, and the losses of several predictors.

    Parameters
    ----------
    gates : sequence of (N, S) arrays
        Those of networks that differ by their seed.
    nats : mapping of name to (N,) array
        The surprise of each predictor.
    """
    means = [by_position(of_seed, positions) for of_seed in gates]
    losses = {name: by_position(values, positions) for name, values in nats.items()}
    rows: dict[int, Row] = {}
    for p in means[0]:
        at = np.array([of_seed[p] for of_seed in means])  # (seeds, S)
        rows[p] = {"position": POSITIONS[p], "share": float((positions == p).mean())}
        for chain, of_seeds in zip(chains, at.T, strict=True):
            rows[p] |= {f"gate_{chain}": float(of_seeds.mean()), f"gate_{chain}_spread": float(np.ptp(of_seeds)) / 2}
        rows[p] |= {f"loss: {name}": float(of_name[p]) for name, of_name in losses.items()}
    return rows


def draw_trust(rows: Mapping[int, Row], chains: Sequence[str], predictors: Sequence[str]) -> Captioned:
    """The gates by position in the word, and beside them the loss of each predictor there."""
    at = [*(p for p in rows if p), *(p for p in rows if not p)]  # between words comes last: after the word
    left, right = (figure := new_figure(11, 4.0)).subplots(1, 2)
    for number, chain in enumerate(chains):
        gates, spreads = ([rows[p][f"gate_{chain}{end}"] for p in at] for end in ("", "_spread"))
        style = {"color": COLOURS[number], "marker": MARKERS[number], "linestyle": STYLES[number], "capsize": 3}
        left.errorbar(range(len(at)), gates, spreads, label=f"counts of {chain}", **style)
    for number, name in enumerate(predictors):
        losses = [rows[p][f"loss: {name}"] for p in at]
        style = {"color": COLOURS[number], "marker": MARKERS[number], "linestyle": STYLES[number % len(STYLES)]}
        right.plot(range(len(at)), losses, label=name, **style)
    for axes, what in ((left, "mean gate"), (right, "validation loss (nats per character)")):
        finish(axes, xlabel="letter of the word that is predicted", ylabel=what, ylim=(0, None))
        axes.set_xticks(range(len(at)), [SHORT[p] for p in at])
    return Captioned(
        figure,
        "Which expert the network trusts, and where. Left: the mean gate of each expert by the position in the word of "
        "the character that is predicted, mean and range over seeds; 0 ignores an expert, 1 believes it. Right: the "
        "loss of each predictor at the same characters. Validation split, static counts.",
    )
