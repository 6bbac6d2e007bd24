"""Which settings are tried: all of a grid, some at random, or those that seem most promising (in `tpe`)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from charrnn.randomness import stream
from charrnn.sweeps.space import Range
from charrnn.sweeps.spec import Settings, Spec
from charrnn.sweeps.tpe import Tpe

MISSES = 1000  # draws in a row of settings that were drawn before: there are no others, or hardly any


class Grid:
    """Every combination; the last setting of the specification changes first."""

    patient = False

    def __init__(self, spec: Spec, folder: Path) -> None:
        values = [d.values() if isinstance(d, Range) else list(d) for d in spec.search.values()]
        self.all: list[Settings] = [dict(zip(spec.search, each, strict=True)) for each in itertools.product(*values)]

    @property
    def count(self) -> int:
        """How many settings will be tried."""
        return len(self.all)

    def settings(self, number: int) -> Settings:
        """The settings of a number; asked again, the same."""
        return self.all[number]

    def tell(self, number: int, state: str, loss: float | None) -> None:
        """What became of them."""


class Random(Grid):
    """Draws by the specification's seed, each setting once."""

    def __init__(self, spec: Spec, folder: Path) -> None:
        assert spec.trials is not None
        self.all = []
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


def _draw(values: Any, rng: Any) -> Any:
    return values.draw(rng) if isinstance(values, Range) else values[rng.integers(len(values))]


Method = Grid | Tpe
METHODS: dict[str, Callable[[Spec, Path], Method]] = {"grid": Grid, "random": Random, "tpe": Tpe}
