"""The style that all figures share: colours, line styles, labels, smoothing, and the bytes of the finished image."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from charrnn.arrays import Array
from charrnn.errors import RunError
from charrnn.terminal import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's palette, which colour-blind readers can distinguish; the line styles do the same in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":")
MARKERS = "osD^v"
SMOOTHING = 0.05  # the width of the smoothing kernel, as a share of a curve's points


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches.

    Raises
    ------
    RunError
        Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise RunError("figures need matplotlib: pip install 'charrnn[plot]'") from None
    return Figure(figsize=(width, height), dpi=130, layout="constrained")


def finish(axes: Axes, *, legend: bool = True, **labels: Any) -> None:
    """Set labels, limits and scales, and add the grid and the legend that every figure has."""
    axes.set(**labels)
    axes.grid(alpha=0.25)
    if legend:
        axes.legend(frameon=False)


def image(figure: Figure, file_format: str) -> bytes:
    """Return the figure as the bytes of a png, svg or pdf file; equal figures give equal bytes."""
    metadata: dict[str, str | None] = {"png": {"Software": None}, "svg": {"Date": None}}.get(
        file_format, {"CreationDate": None}
    )  # type: ignore[assignment]  # None leaves the entry out
    data = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a figure may show a box for such a character
        figure.savefig(data, format=file_format, metadata=metadata)
    return data.getvalue()


def plain(text: str) -> str:
    """Return text that matplotlib shows as it is: no dollar starts a formula, no underscore hides it."""
    text = printable(text).replace("$", r"\$")
    return f"\u200b{text}" if text.startswith("_") else text


def smooth(values: Array) -> Array:
    """Return the moving average with a triangular kernel, which is cut off at both ends."""
    half = max(1, round(len(values) * SMOOTHING / 2))
    kernel = np.bartlett(2 * half + 3)[1:-1]
    if len(values) < len(kernel):
        return values
    weights = np.convolve(np.ones(len(values)), kernel, mode="same")
    return np.asarray(np.convolve(values, kernel, mode="same") / weights)
