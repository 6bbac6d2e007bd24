"""`checkpoint.safetensors`: all that training needs to go on as if it had never stopped.

Batches are a function of the step and every random stream of the seed, so that the step stands for both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.runs.files import read_arrays, write_arrays
from charrnn.errors import RunError

FORMAT = 1
MOST_STEPS = 1 << 53  # beyond any run: the header lies


@dataclass
class Progress:
    """Where a run stands, apart from its arrays."""

    step: int = 0
    seconds: float = 0.0  # of training alone
    loss_sum: float = 0.0  # over the steps since the last record at a multiple of log_every …
    grad_norm_sum: float = 0.0  # … likewise
    count: int = 0  # … how many they are
    best_step: int | None = None
    best_val_loss: float | None = None  # nats per character
    evaluations_since_best: int = 0


@dataclass(frozen=True)
class TrainingState:
    """Arrays by name (parameters, moments, recurrent state, best parameters) and the run's progress."""

    arrays: Mapping[str, Array]
    progress: Progress
    text_sha256: str


def write_state(path: Path, state: TrainingState) -> None:
    header = {"format": FORMAT, "progress": asdict(state.progress), "text_sha256": state.text_sha256}
    write_arrays(path, state.arrays, header)


def read_state(path: Path, expected: Mapping[str, Array]) -> TrainingState:
    """Read a checkpoint whose arrays must have the names, shapes and types of `expected`.

    Raises
    ------
    RunError
        The file is missing, damaged, or does not fit.
    """
    arrays, header = read_arrays(path)
    if header.get("format") != FORMAT:
        raise RunError(f"'{path}' has checkpoint format {header.get('format')!r}; this version reads {FORMAT}")
    for name in sorted(arrays.keys() ^ expected.keys()):
        raise RunError(f"'{path}' is damaged: array '{name}' is {'missing' if name in expected else 'unknown'}")
    for name, like in expected.items():
        found = arrays[name]
        if (found.shape, found.dtype) != (like.shape, like.dtype):
            raise RunError(
                f"'{path}' does not fit the run: array '{name}' is {found.dtype} {found.shape}, "
                f"expected {like.dtype} {like.shape}"
            )
        if not np.isfinite(found).all():
            raise RunError(f"'{path}' is damaged: array '{name}' holds numbers that are not finite")
    try:
        progress = _progress(header["progress"])
        return TrainingState(arrays, progress, str(header["text_sha256"]))
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"'{path}' is damaged: {error}") from None


def _progress(values: dict[str, Any]) -> Progress:
    progress = Progress(**values)
    for field in fields(Progress):
        value, kind = getattr(progress, field.name), str(field.type)
        if value is None and "None" in kind:
            continue
        whole = kind.startswith("int")
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise ValueError(f"{field.name} {value!r} is not a number")
        if not 0 <= value < MOST_STEPS if whole else not math.isfinite(value):
            raise ValueError(f"{field.name} {value!r} is out of range")
    return progress
