"""Training and validation loss by epoch, for one run or several in one figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from charrnn.arrays import Array
from charrnn.errors import RunError
from charrnn.figures.style import COLOURS, finish, image, new_figure, plain, smooth
from charrnn.units import CHARACTER, bits


def draw_learning_curves(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], title: str = "", file_format: str = "png", unit: str = CHARACTER
) -> bytes:
    """Draw the curves, and return the figure as the bytes of an image file.

    Parameters
    ----------
    runs : mapping of name to metrics records
        The records of `metrics.jsonl`.
    title : str
        The title, which names the text and the splits.
    unit : str
        Over what the losses are means.

    Raises
    ------
    RunError
        Matplotlib is not installed, or a run has no records.
    """
    figure = new_figure(7.0, 4.2)
    axes = figure.add_subplot()
    for number, (name, records) in enumerate(runs.items()):
        colour = COLOURS[number % len(COLOURS)]
        epochs, losses = series(records, "train_loss")
        if not len(losses):
            raise RunError(f"run '{name}' has no recorded losses to draw")
        label = plain(f"{name}: ") if len(runs) > 1 else ""
        axes.plot(epochs, losses, color=colour, alpha=0.2, linewidth=0.8)
        axes.plot(epochs, smooth(losses), color=colour, linewidth=1.4, linestyle="--", label=f"{label}training")
        epochs, losses = series(records, "val_loss")
        axes.plot(epochs, losses, color=colour, linewidth=1.8, marker="o", markersize=4, label=f"{label}validation")
    finish(axes, xlabel="epochs", ylabel=f"loss (nats per {unit})", title=plain(title))
    right = axes.secondary_yaxis("right", functions=(bits, to_nats))
    right.set_ylabel(f"bits per {unit}")
    return image(figure, file_format)


def series(records: Sequence[Mapping[str, Any]], key: str) -> tuple[Array, Array]:
    """Return the epochs and values of the records that have a key."""
    points = [(record["epoch"], record[key]) for record in records if record.get(key) is not None]
    return np.array([e for e, _ in points]), np.array([v for _, v in points])


def to_nats(in_bits: Any) -> Any:
    """Convert bits to nats, for the right-hand axis."""
    return in_bits * math.log(2)
