"""Sweeps: many training runs that differ in their settings, and what they show."""

from __future__ import annotations

from charrnn.sweeps.methods import METHODS
from charrnn.sweeps.run import Sweep, sweep
from charrnn.sweeps.spec import Spec, make_spec, read_spec

__all__ = ["METHODS", "Spec", "Sweep", "make_spec", "read_spec", "sweep"]
