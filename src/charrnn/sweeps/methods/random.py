"""Draws by the specification's seed, each setting once."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.randomness import stream
from charrnn.sweeps.methods.method import Method
from charrnn.sweeps.space import Range

if TYPE_CHECKING:
    from charrnn.sweeps.spec import Settings, Spec

MISSES = 1000  # draws in a row of settings that were drawn before: there are no others, or hardly any


class Random(Method):
    """Settings at random."""

    def __init__(self, spec: Spec, folder: Path) -> None:
        assert spec.trials is not None
        self.all: list[Settings] = []
        seen: set[tuple[Any, ...]] = set()
        misses = 0
        for position in itertools.count():
            if len(self.all) == spec.trials or misses > MISSES:
                break
            rng = stream(spec.seed, "search", position)
            drawn = tuple(_draw(each, rng) for each in spec.search.values())
            misses = misses + 1 if drawn in seen else 0
            if not misses:
                seen.add(drawn)
                self.all.append(dict(zip(spec.search, drawn, strict=True)))
        self.count = len(self.all)

    def settings(self, number: int) -> Settings:
        return self.all[number]


def _draw(values: Any, rng: Any) -> Any:
    return values.draw(rng) if isinstance(values, Range) else values[rng.integers(len(values))]
