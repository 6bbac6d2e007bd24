"""`checkpoint.safetensors`: everything that training needs to resume as if it had never stopped.

Batches and random streams are functions of the seed and the step, so that the step stands for both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.errors import RunError
from charrnn.runs.files import FORMAT, FORMATS, DamagedError, header_value, read_arrays, write_arrays
from charrnn.settings import shown

MOST_STEPS = 1 << 53  # more than any run has: the header is wrong


@dataclass
class Progress:
    """The progress of a run, apart from its arrays."""

    step: int = 0
    seconds: float = 0.0  # of training alone, by the clock on the wall
    cpu_seconds: float = 0.0  # the same, of all processors together
    loss_sum: float = 0.0  # over the steps since the last record at a multiple of log_every …
    grad_norm_sum: float = 0.0  # … of their gradients' norms
    count: int = 0  # … their number
    best_step: int | None = None
    best_val_loss: float | None = None  # nats per character
    evaluations_since_best: int = 0


@dataclass(frozen=True)
class TrainingState:
    """Arrays by name (parameters, moments, recurrent state, best parameters) and the run's progress."""

    arrays: Mapping[str, Array]
    progress: Progress
    text_sha256: str
    counts_sha256: str | None = (
        None  # of what the network's experts have counted; they are made from the text each time
    )


def write_state(path: Path, state: TrainingState, previous: Path | None = None) -> None:
    """Write a checkpoint; the one that was there becomes `previous`, if given."""
    header = {"format": FORMAT, "progress": asdict(state.progress), "text_sha256": state.text_sha256}
    if state.counts_sha256:
        header["counts_sha256"] = state.counts_sha256
    write_arrays(path, state.arrays, header, previous)


def read_state(path: Path, expected: Mapping[str, Array]) -> TrainingState:
    """Read a checkpoint whose arrays must have the names, shapes and types of `expected`.

    Raises
    ------
    RunError
        The file is missing or damaged (as a DamagedError), or does not fit.
    """
    arrays, header = read_arrays(path)
    if header.get("format") not in FORMATS:
        raise RunError(
            f"'{path}' has checkpoint format {shown(header.get('format'))}; this version reads 1 and {FORMAT}"
        )
    for name in sorted(arrays.keys() ^ expected.keys()):
        raise DamagedError(f"'{path}' is damaged: array '{name}' is {'missing' if name in expected else 'unknown'}")
    for name, like in expected.items():
        found = arrays[name]
        if (found.shape, found.dtype) != (like.shape, like.dtype):
            raise RunError(
                f"'{path}' does not fit the run: array '{name}' is {found.dtype} {found.shape}, "
                f"expected {like.dtype} {like.shape}"
            )
        if not np.isfinite(found).all():
            raise DamagedError(f"'{path}' is damaged: array '{name}' holds numbers that are not finite")
    try:
        progress = _progress(header["progress"])
        return TrainingState(arrays, progress, str(header["text_sha256"]), header.get("counts_sha256"))
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"'{path}' is damaged: {error}") from None


def read_latest_state(path: Path, previous: Path, expected: Mapping[str, Array]) -> tuple[TrainingState, str | None]:
    """Read a checkpoint, or the one before it if the later one is damaged, with the damage; it then takes its place."""
    try:
        return read_state(path, expected), None
    except DamagedError as damage:
        try:
            state = read_state(previous, expected)
        except RunError:
            raise damage from None
        os.replace(previous, path)
        return state, str(damage)


def _progress(values: dict[str, Any]) -> Progress:
    progress = Progress(**values)
    for field in fields(Progress):
        kind = str(field.type)
        limits = {"least": 0, "below": MOST_STEPS} if kind.startswith("int") else {}
        header_value(field.name, getattr(progress, field.name), kind, "is not a number or is out of range", **limits)
    return progress
