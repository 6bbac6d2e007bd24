"""Every combination of the values; the last setting of the specification changes first."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.sweeps.methods.method import Method
from charrnn.sweeps.space import Range

if TYPE_CHECKING:
    from charrnn.sweeps.spec import Settings, Spec


class Grid(Method):
    """All of a grid."""

    by_trials = False

    def __init__(self, spec: Spec, folder: Path) -> None:
        values = [d.values() if isinstance(d, Range) else list(d) for d in spec.search.values()]
        self.all: list[Settings] = [dict(zip(spec.search, each, strict=True)) for each in itertools.product(*values)]
        self.count = len(self.all)

    def settings(self, number: int) -> Settings:
        return self.all[number]
