"""Errors that simple predictors would have saved: an n-gram, a cache, and a list of words.

An error is a character that gets less than half of the probability, and a predictor saves it if it gives it more than
half (after Karpathy, Johnson & Li 2015, section 4.4). That promises no gain: the same predictor is wrong elsewhere.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Mapping

import numpy as np

from charrnn.arrays import Array
from charrnn.figures.style import COLOURS, finish, new_figure
from charrnn.reports import Captioned

HALF = float(np.log(2))  # nats of a probability of one half
CONTEXT, REACH = 5, 2000  # of the cache: the characters that it compares, and how far it looks back
WORD = re.compile(r"[^\W\d_]+")
Saved = Mapping[str, float]  # predictor → the share of the errors that it saves; "errors" → that of the characters


def cache_hits(text: str) -> Array:
    """Where most of the last characters that followed the same context are the next character, (N,) of bool.

    The context is `CONTEXT` characters long, and the last `REACH` characters of the text count.
    """
    hits = np.zeros(len(text), bool)
    followed: dict[str, deque[tuple[int, str]]] = defaultdict(deque)
    for place in range(CONTEXT, len(text)):
        known = followed[text[place - CONTEXT : place]]
        while known and known[0][0] < place - REACH:
            known.popleft()
        hits[place] = sum(character == text[place] for _, character in known) * 2 > len(known)
        known.append((place, text[place]))
    return hits


def word_hits(train_text: str, text: str) -> Array:
    """Where most of the training text's words that begin so have the next character, (N,) of bool.

    After a whole word, what follows words in the training text counts in its proportion.
    """
    words = [(m[0], train_text[m.end() : m.end() + 1]) for m in WORD.finditer(train_text)]
    begun = Counter(word[:k] for word, _ in words for k in range(1, len(word) + 1))
    whole = Counter(word for word, _ in words)
    after = Counter(follows for _, follows in words)
    hits = np.zeros(len(text), bool)
    for match in WORD.finditer(text):
        word, start = match[0], match.start()
        for k in range(1, len(word)):
            hits[start + k] = begun[word[: k + 1]] * 2 > begun[word[:k]]
        if match.end() < len(text) and begun[word]:
            share = whole[word] / begun[word] * after[text[match.end()]] / len(words)
            hits[match.end()] = share > 0.5
    return hits


def saved(nats: Array, savers: Mapping[str, Array]) -> dict[str, float]:
    """The share of errors among the characters, and the share of the errors that each predictor saves.

    Parameters
    ----------
    nats : (N,) array
        The loss of a network at each character.
    savers : mapping of str to (N,) array of bool
        Where each predictor gives the character more than half.
    """
    errors = nats > HALF
    count = max(1, int(errors.sum()))
    found = {"errors": float(errors.mean())}
    found |= {name: float((errors & hits).sum() / count) for name, hits in savers.items()}
    return found | {"any of them": float((errors & np.logical_or.reduce(list(savers.values()))).sum() / count)}


def savings_finding(of_cell: Mapping[str, Saved]) -> str:
    """Which errors would have been saved, for each cell."""
    parts = []
    for cell, found in of_cell.items():
        first, *others = [(name, share) for name, share in found.items() if name != "errors"]
        parts.append(
            f"{cell}: {found['errors']:.0%} of the characters are errors; {first[0]} would save {first[1]:.0%} of "
            "them, " + ", ".join(f"{name} {share:.0%}" for name, share in others)
        )
    return (
        "An error is a character that gets less than half of the probability; what gives it more than half would save "
        f"it (validation). {'. '.join(parts)}."
    )


def draw_savings(of_cell: Mapping[str, Saved]) -> Captioned:
    """The share of errors that each predictor saves, by cell."""
    figure = new_figure(7, 4)
    axes = figure.subplots()
    predictors = [name for name in next(iter(of_cell.values())) if name != "errors"]
    width = 0.8 / len(predictors)
    for number, name in enumerate(predictors):
        places = np.arange(len(of_cell)) + (number - (len(predictors) - 1) / 2) * width
        shares = [100 * found[name] for found in of_cell.values()]
        axes.bar(places, shares, width, color=COLOURS[number % len(COLOURS)], label=name)
    axes.set_xticks(range(len(of_cell)), [f"{cell}\n({found['errors']:.0%} errors)" for cell, found in of_cell.items()])
    finish(axes, ylabel="errors saved (%)")
    return Captioned(
        figure,
        "The errors of each network (validation split, characters that get less than half of the probability) that "
        f"would have been saved by a Witten–Bell n-gram, by a cache of the last {REACH:,} characters that compares "
        f"{CONTEXT}, and by the list of the training text's words.",
    )
