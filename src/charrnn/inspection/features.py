"""Simple features of a text, which a hidden unit may turn out to follow.

A feature is a number for each character that has just been read: 1 or 0 for a yes-or-no question, else a count on a
logarithmic scale, since distant characters matter less. A new feature is one line in FEATURES.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from charrnn.arrays import Array

VOWELS = frozenset("aeiouyаеёиоуыэюяαεηιουω")

Feature = Callable[[str], Array]  # of N characters: (N,) float32


def _flags(states: Callable[[str], Iterable[bool]]) -> Feature:
    return lambda text: np.fromiter(states(text), np.float32, len(text))


def _flag(is_so: Callable[[str], bool]) -> Feature:
    return _flags(lambda text: map(is_so, text))


def _counts(counts: Callable[[str], Iterable[int]]) -> Feature:
    return lambda text: np.log1p(np.fromiter(counts(text), np.float32, len(text)))


def _since(restarts: Callable[[str], bool]) -> Feature:
    """log(1 + the number of characters since the last that restarts the count)."""

    def counts(text: str) -> Iterator[int]:
        count = 0
        for c in text:
            count = 0 if restarts(c) else count + 1
            yield count

    return _counts(counts)


def inside_quotes(text: str) -> Iterator[bool]:
    """True from an opening quotation mark to the character before the closing one; a blank line ends any quotation."""
    inside, before = False, ""
    for c in text:
        if c == '"':
            inside = not inside
        elif c in "“«":
            inside = True
        elif c in "”»" or (c == before == "\n"):
            inside = False
        yield inside
        before = c


def inside_brackets(text: str) -> Iterator[bool]:
    depth = 0
    for c in text:
        depth = max(0, depth + (c in "([{") - (c in ")]}"))
        yield depth > 0


def inside_capitalised_word(text: str) -> Iterator[bool]:
    """True in a word whose first letter is a capital."""
    capital = False
    for first, c in zip(first_letters(text), text, strict=True):
        if first:
            capital = c.isupper()
        yield capital and c.isalpha()


def indentation(text: str) -> Iterator[int]:
    """The white space at the beginning of the line so far."""
    depth, at_start = 0, True
    for c in text:
        if c == "\n":
            depth, at_start = 0, True
        elif at_start and c in " \t":
            depth += 1
        else:
            at_start = False
        yield depth


def first_letters(text: str) -> Iterator[bool]:
    """True at the first letter of a word."""
    return (c.isalpha() and not before.isalpha() for before, c in zip(" " + text, text, strict=False))


# The words of a feature complete “this unit follows …”.
FEATURES: dict[str, Feature] = {
    "inside quotation marks": _flags(inside_quotes),
    "inside brackets": _flags(inside_brackets),
    "inside a capitalised word": _flags(inside_capitalised_word),
    "position in the line": _since(lambda c: c == "\n"),
    "position in the sentence": _since(lambda c: c in ".!?\n"),
    "position in the word": _since(lambda c: not c.isalpha()),
    "since the last comma or stop": _since(lambda c: c in ",;:.!?"),
    "since the last capital": _since(str.isupper),
    "indentation of the line": _counts(indentation),
    "first letter of a word": _flags(first_letters),
    "a letter": _flag(str.isalpha),
    "a vowel": _flag(lambda c: unicodedata.normalize("NFD", c)[0].lower() in VOWELS),
    "a capital": _flag(str.isupper),
    "a digit": _flag(str.isdigit),
    "a space": _flag(lambda c: c == " "),
    "a line end": _flag(lambda c: c == "\n"),
    "punctuation": _flag(lambda c: unicodedata.category(c)[0] in "PS"),
}


def feature_matrix(text: str, names: Iterable[str] = FEATURES) -> Array:
    """Return the features at every character, (N, K) float32."""
    return np.stack([FEATURES[name](text) for name in names], axis=1)
