"""Losses in other units. Everything is computed and kept in nats per character.

Of documents, the mean is over symbols: the characters of a document, its end and, if it is predicted, its label.
"""

from __future__ import annotations

import math
from typing import Any


def bits(nats: Any) -> Any:
    """Bits per character: nats / ln 2, of a float or an array."""
    return nats / math.log(2)


CHARACTER, SYMBOL, SYMBOL_OF_LABELLED = "character", "symbol, end included", "symbol, label and end included"
UNITS = (CHARACTER, SYMBOL, SYMBOL_OF_LABELLED)


def unit_of(documents: bool, labels: bool = False) -> str:
    """Over what the mean is, in words that follow "per"."""
    return (SYMBOL_OF_LABELLED if labels else SYMBOL) if documents else CHARACTER


def with_units(nats: float, unit: str = CHARACTER) -> str:
    """A loss in words: "1.2345 nats (1.7810 bits) per character", or per another of UNITS."""
    return f"{nats:.4f} nats ({bits(nats):.4f} bits) per {unit}"


def perplexity(nats: float) -> float:
    """e to the loss: among how many equally likely characters the model is undecided."""
    return math.exp(min(nats, 700.0))  # beyond it, more than a float can hold


class InOtherUnits:
    """What follows from a loss in nats per character, for whatever has one."""

    nats_per_char: float

    @property
    def bits_per_char(self) -> float:
        return float(bits(self.nats_per_char))

    @property
    def perplexity(self) -> float:
        return perplexity(self.nats_per_char)
