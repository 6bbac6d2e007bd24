"""Sweeps: many training runs with different settings, and a comparison of their results."""

from __future__ import annotations

from charrnn.sweeps.samplers import METHODS
from charrnn.sweeps.spec import Spec, make_spec, read_spec
from charrnn.sweeps.sweep import Sweep, sweep

__all__ = ["METHODS", "Spec", "Sweep", "make_spec", "read_spec", "sweep"]
