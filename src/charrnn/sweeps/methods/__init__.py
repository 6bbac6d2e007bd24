"""Which settings are tried. A new method is a file here and a line below."""

from __future__ import annotations

from charrnn.sweeps.methods.grid import Grid
from charrnn.sweeps.methods.method import Method
from charrnn.sweeps.methods.random import Random
from charrnn.sweeps.methods.tpe import Tpe

METHODS: dict[str, type[Method]] = {"grid": Grid, "random": Random, "tpe": Tpe}

__all__ = ["METHODS", "Method"]
