"""The numbers in what a learner's function returned, whatever holds them."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

ENTRIES, NUMBERS = 1000, 20_000  # of a list, and of a result: far more than a case has
BOXES = (
    ("v", "d"),
    ("value", "grad"),
    ("data", "grad"),
    ("val", "grad"),
    ("w", "dw"),
    ("value", "gradient"),
    ("W", "dW"),
)  # objects that hold an array and its gradient


def flattened(value: Any, path: str = "", depth: int = 0) -> dict[str, Any]:
    """The numbers of a result, by their path: what is no number is left out."""
    found: dict[str, Any] = {}
    if isinstance(value, dict) or (hasattr(value, "__dict__") and not isinstance(value, np.ndarray)):
        items = value.items() if isinstance(value, dict) else vars(value).items()
        for key, each in items if depth < 4 else ():
            box = next((g for v, g in BOXES if hasattr(each, v) and hasattr(each, g)), "")
            if box and not isinstance(each, np.ndarray):
                found |= flattened(getattr(each, box), f"{path}/d{key}", depth + 1)
            else:
                found |= flattened(each, f"{path}/{key}", depth + 1)
    elif isinstance(value, (tuple, list)) and depth < 4:
        with contextlib.suppress(Exception):
            if isinstance(value, list) and 0 < len(value) <= ENTRIES and np.asarray(value).dtype.kind in "fiu" and path:
                return {path: np.asarray(value, float)}
        for key, each in enumerate(value[:ENTRIES]):
            found |= flattened(each, f"{path}/{key}", depth + 1)
    else:
        with contextlib.suppress(Exception):
            array = np.asarray(value)
            if array.dtype.kind in "fiu" and array.size <= 10_000:
                found[path or "/0"] = array.astype(float)
    return found


def limited(found: dict[str, Any]) -> dict[str, Any]:
    """Without the largest arrays, if a result has far more numbers than a case."""
    kept, total = set(), 0
    for path in sorted(found, key=lambda path: found[path].size):
        total += found[path].size
        if total <= NUMBERS:
            kept.add(path)
    return {path: array for path, array in found.items() if path in kept}
