"""One seed, many independent streams: what one part of the program draws never changes what another will."""

from __future__ import annotations

import numpy as np

STREAMS = ("initialisation", "batching", "dropout", "sampling", "search")


def stream(seed: int, name: str, *position: int) -> np.random.Generator:
    """The generator that a seed gives to a purpose, at a position such as an epoch or a step.

    Equal arguments give equal numbers, and different ones independent numbers (NumPy's SeedSequence).
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAMS.index(name), *position)))
