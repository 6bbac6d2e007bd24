"""Losses in other units. Everything is computed and kept in nats per character."""

from __future__ import annotations

import math
from typing import Any


def bits(nats: Any) -> Any:
    """Bits per character: nats / ln 2, of a float or an array."""
    return nats / math.log(2)


def with_units(nats: float, documents: bool = False) -> str:
    """A loss in words: "1.2345 nats (1.7810 bits) per character"; of documents, with their ends, "per symbol"."""
    return f"{nats:.4f} nats ({bits(nats):.4f} bits) per {'symbol' if documents else 'character'}"


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
