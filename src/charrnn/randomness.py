"""One seed, many independent streams: the numbers that one part of the program draws never change another's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

STREAMS = ("initialisation", "batching", "dropout", "sampling", "search", "labels")


def stream(seed: int, name: str, *position: int) -> np.random.Generator:
    """The generator that belongs to a seed, a purpose, and a position such as an epoch or a step.

    Equal arguments give equal numbers, and different ones independent numbers (NumPy's SeedSequence).
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAMS.index(name), *position)))


class Uniform(Protocol):
    """The part of `numpy.random.Generator` that dropout needs: uniform numbers from 0 to 1."""

    def random(self, size: tuple[int, int], dtype: type[np.float32], /) -> Any: ...


def some_rows(rng: np.random.Generator, rows: slice, of: int) -> Uniform:
    """A generator that draws some of the `of` rows that rng would draw, and skips the others."""
    return rng if rows == slice(0, of) else _SomeRows(rng, rows, of)


class _SomeRows:
    """Draws float32 in rows of even length: two numbers take one step of the bit generator, which can skip steps."""

    def __init__(self, rng: np.random.Generator, rows: slice, of: int) -> None:
        self.rng, self.rows, self.of = rng, rows, of
        self.skip: Callable[[int], Any] = rng.bit_generator.advance  # type: ignore[attr-defined]  # PCG64's

    def random(self, size: tuple[int, int], dtype: type[np.float32], /) -> Any:
        rows, length = size
        if rows != self.rows.stop - self.rows.start or length % 2 or dtype != np.float32:
            raise ValueError(f"cannot draw {dtype} {size} for rows {self.rows}")
        self.skip(self.rows.start * length // 2)
        drawn = self.rng.random(size, dtype)
        self.skip((self.of - self.rows.stop) * length // 2)
        return drawn
