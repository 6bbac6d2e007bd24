"""Brackets and quotes: what their end costs, by the distance from their beginning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from charrnn.arrays import Array
from charrnn.figures.style import COLOURS, STYLES, finish, new_figure
from charrnn.reports import Captioned
from charrnn.studies.findings import listed, ranked

PAIRS = {"(": ")", "[": "]", "{": "}", "“": "”", "«": "»", '"': '"'}
BINS = (10, 20, 40, 80)  # the longest distance of each bin but the last
FEWEST = 10  # pairs in a bin that is shown
Losses = Mapping[str, Array]  # predictor → the mean loss of each bin, NaN where there are too few


def pairs(text: str) -> Iterator[tuple[int, int]]:
    """Places where a bracket or quote opens and closes. A paragraph ends what is open; the same quote does not nest."""
    waiting: list[tuple[str, int]] = []
    for place, character in enumerate(text):
        if waiting and character == waiting[-1][0]:
            yield waiting.pop()[1], place
        elif character in PAIRS:
            waiting.append((PAIRS[character], place))
        elif character == "\n" and text[place - 1 : place] == "\n":
            waiting.clear()


def by_distance(nats: Array, closed: Sequence[tuple[int, int]]) -> Array:
    """The mean loss of closing characters, (bins,).

    Parameters
    ----------
    nats : (N,) array
        The loss of each character of the text.
    closed : sequence of (int, int)
        The pairs of the text.
    """
    found = np.full(len(BINS) + 1, np.nan)
    places = np.searchsorted(BINS, [end - start for start, end in closed])
    for k in range(len(found)):
        here = [nats[end] for (_, end), place in zip(closed, places, strict=True) if place == k]
        if len(here) >= FEWEST:
            found[k] = np.mean(here)
    return found


def names() -> list[str]:
    """The bins in words."""
    first = [1, *(most + 1 for most in BINS)]
    return [*(f"{a}–{b}" for a, b in zip(first, BINS, strict=False)), f"over {BINS[-1]}"]


def closing_finding(losses: Losses, closed: Sequence[tuple[int, int]]) -> str:
    """What closing costs near and far."""
    shown = np.flatnonzero(np.isfinite(next(iter(losses.values()))))
    if len(shown) < 2:
        return f"The validation split closes {len(closed)} brackets and quotes: too few to say what distance does."
    near, far = shown[0], shown[-1]
    parts = [f"{names()[k]} characters after the opening: {listed(ranked({n: x[k] for n, x in losses.items()}), 2)}"
             for k in (near, far)]  # fmt: skip
    return (
        f"A bracket or quote that closes ({len(closed):,} in the validation split) costs, in nats, {parts[0]}; "
        f"{parts[1]}."
    )


def draw_closing(losses: Losses) -> Captioned:
    """The loss of closing characters against the distance."""
    figure = new_figure(7, 4)
    axes = figure.subplots()
    for number, (name, values) in enumerate(losses.items()):
        style = STYLES[number % len(STYLES)]
        axes.plot(names(), values, style, marker="o", color=COLOURS[number % len(COLOURS)], label=name)
    finish(axes, xlabel="characters since it was opened", ylabel="nats at the closing character")
    return Captioned(
        figure,
        "The loss at the character that closes a bracket or a quote, against the distance from the character that "
        f"opened it (validation split, the state carried through it; a bin has at least {FEWEST} pairs). An n-gram "
        "does not see the opening once it is further away than its context.",
    )
