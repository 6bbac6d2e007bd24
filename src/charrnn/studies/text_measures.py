"""Numbers behind the impression that a text makes."""

from __future__ import annotations

import re


def words(text: str) -> list[str]:
    """Runs of at least two letters, with inner apostrophes, in lower case. (Single letters would pass too easily.)"""
    return re.findall(r"[^\W\d_]{2,}(?:['’][^\W\d_]+)*", text.lower())


def share_of_words(text: str, known: set[str]) -> float:
    """How many of the text's words are in a set."""
    found = words(text)
    return sum(word in known for word in found) / len(found) if found else 0.0


def distinct_ngrams(text: str, n: int = 8) -> float:
    """The share of the n-grams of characters that differ: 1 if nothing is repeated."""
    grams = [text[k : k + n] for k in range(len(text) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0
