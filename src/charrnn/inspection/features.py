"""Simple features of a text, which a hidden unit may turn out to follow.

A feature is a number for each character that has just been read: 1 or 0 for a yes-or-no question, else a count on a
logarithmic scale, since distant characters matter less. A new feature is one line in FEATURES.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable

import numpy as np

from charrnn.arrays import Array

OPENING, CLOSING = "([{", ")]}"
VOWELS = frozenset("aeiouyаеёиоуыэюяαεηιουω")


def _flags(text: str, is_so: Callable[[str], bool]) -> Array:
    return np.fromiter((is_so(c) for c in text), np.float32, len(text))


def _counts(text: str, restarts: Callable[[str], bool]) -> Array:
    """log(1 + the number of characters since the last that restarts the count)."""
    counts, count = np.empty(len(text), np.float32), 0
    for i, c in enumerate(text):
        count = 0 if restarts(c) else count + 1
        counts[i] = count
    return np.log1p(counts)


def inside_quotes(text: str) -> Array:
    """1 from an opening quotation mark to the character before the closing one; a blank line ends any quotation."""
    inside, states, before = False, np.empty(len(text), np.float32), ""
    for i, c in enumerate(text):
        if c == '"':
            inside = not inside
        elif c in "“«":
            inside = True
        elif c in "”»" or (c == before == "\n"):
            inside = False
        states[i] = inside
        before = c
    return states


def inside_brackets(text: str) -> Array:
    depth, states = 0, np.empty(len(text), np.float32)
    for i, c in enumerate(text):
        depth = max(0, depth + (c in OPENING) - (c in CLOSING))
        states[i] = depth > 0
    return states


def inside_capitalised_word(text: str) -> Array:
    """1 in a word whose first letter is a capital."""
    capital, before, states = False, " ", np.empty(len(text), np.float32)
    for i, c in enumerate(text):
        if c.isalpha() and not before.isalpha():
            capital = c.isupper()
        states[i] = capital and c.isalpha()
        before = c
    return states


def indentation(text: str) -> Array:
    """log(1 + the white space at the beginning of the line so far)."""
    states, depth, at_start = np.empty(len(text), np.float32), 0, True
    for i, c in enumerate(text):
        if c == "\n":
            depth, at_start = 0, True
        elif at_start and c in " \t":
            depth += 1
        else:
            at_start = False
        states[i] = depth
    return np.log1p(states)


def after_blank(text: str) -> Array:
    """1 at the first letter of a word."""
    return np.fromiter(
        (c.isalpha() and not before.isalpha() for before, c in zip(" " + text, text, strict=False)),
        np.float32,
        len(text),
    )


def _is_punctuation(c: str) -> bool:
    return unicodedata.category(c)[0] in "PS"


# The words of a feature complete “this unit follows …”.
FEATURES: dict[str, Callable[[str], Array]] = {
    "inside quotation marks": inside_quotes,
    "inside brackets": inside_brackets,
    "inside a capitalised word": inside_capitalised_word,
    "position in the line": lambda text: _counts(text, lambda c: c == "\n"),
    "position in the sentence": lambda text: _counts(text, lambda c: c in ".!?\n"),
    "position in the word": lambda text: _counts(text, lambda c: not c.isalpha()),
    "since the last comma or stop": lambda text: _counts(text, lambda c: c in ",;:.!?"),
    "since the last capital": lambda text: _counts(text, str.isupper),
    "indentation of the line": indentation,
    "first letter of a word": after_blank,
    "a letter": lambda text: _flags(text, str.isalpha),
    "a vowel": lambda text: _flags(text, lambda c: unicodedata.normalize("NFD", c)[0].lower() in VOWELS),
    "a capital": lambda text: _flags(text, str.isupper),
    "a digit": lambda text: _flags(text, str.isdigit),
    "a space": lambda text: _flags(text, lambda c: c == " "),
    "a line end": lambda text: _flags(text, lambda c: c == "\n"),
    "punctuation": lambda text: _flags(text, _is_punctuation),
}


def feature_matrix(text: str, names: Iterable[str] = FEATURES) -> Array:
    """Return the features at every character, (N, K) float32."""
    return np.stack([FEATURES[name](text) for name in names], axis=1)
