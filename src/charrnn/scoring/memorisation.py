"""Memorisation: the longest piece of a text that occurs verbatim in the training text."""

from __future__ import annotations


def longest_copy(text: str, source: str) -> str:
    """The longest piece of the text that occurs verbatim in the source."""
    best, start, end = "", 0, 1
    while end <= len(text):
        if text[start:end] in source:
            if end - start > len(best):
                best = text[start:end]
            end += 1
        else:
            start += 1
            end = max(end, start + 1)
    return best
