"""Executable specifications: the equations as naive loops in float64, slow and easy to read.

Every registered cell and optimiser has one here, in a function and a module of its name. A cell's takes its arrays, by
the names they have in the layer, inputs (T, B, I), one-hot vectors where they are characters, and a state (S, B, H); it
returns outputs (T, B, H) and the state after them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def specification(name: str) -> Callable[..., Any]:
    """The specification of a registered cell or optimiser."""
    try:
        return getattr(import_module(f"tests.reference.{name}"), name)
    except (ImportError, AttributeError):
        raise AssertionError(f"'{name}' has no specification: write {name}() in tests/reference/{name}.py") from None
