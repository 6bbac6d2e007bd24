"""The drawing that the studies' figures share: curves with their range over seeds, and panels of text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from charrnn.figures.style import COLOURS, STYLES, finish, new_figure, plain, smooth
from charrnn.studies.measures import Result, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


FONT_PT = 6.5
LETTER_PT = 0.602 * FONT_PT  # the advance of a letter in matplotlib's typewriter face
LINE_PT = 8.2


def views(groups: Mapping[str, Sequence[Result]], quantities: Mapping[str, str], width: float, **axis: Any) -> Figure:
    """Draw the validation loss of each group against several quantities, side by side."""
    figure = new_figure(width, 3.8)
    for axes, (x, name) in zip(figure.subplots(1, len(quantities), sharey=True), quantities.items(), strict=True):
        for number, (label, group) in enumerate(groups.items()):
            curve(axes, group, x, "val_loss", label, number)
        finish(axes, legend=axes is figure.axes[0], xlabel=name, title=f"against {name}", **axis)
    figure.axes[0].set_ylabel("validation loss (nats per character)")
    return figure


def curve(axes: Axes, results: Sequence[Result], x: str, y: str, label: str, number: int) -> None:
    """Draw the mean over seeds of a measured quantity, and the range between them as a band."""
    xs = np.mean([[p[x] for p in r["points"]] for r in results], axis=0)
    ys = np.array([[p[y] for p in r["points"]] for r in results])
    colour = COLOURS[number % len(COLOURS)]
    axes.plot(xs[1:], ys.mean(axis=0)[1:], STYLES[number % len(STYLES)], color=colour, label=label, linewidth=1.6)
    axes.fill_between(xs[1:], ys.min(axis=0)[1:], ys.max(axis=0)[1:], color=colour, alpha=0.18, linewidth=0)


def training_curve(axes: Axes, results: Sequence[Result], label: str, number: int) -> None:
    """Draw the training loss by epoch, as measured (thin, first seed) and smoothed (mean over seeds)."""
    epochs = np.array([e for e, _ in results[0]["training"]])
    losses = np.array([[loss for _, loss in r["training"]] for r in results])
    colour = COLOURS[number % len(COLOURS)]
    axes.plot(epochs, losses[0], color=colour, alpha=0.25, linewidth=0.7)
    mean = smooth(losses.mean(axis=0))
    axes.plot(epochs, mean, STYLES[number % len(STYLES)], color=colour, label=label, linewidth=1.6)


def panel_of_text(axes: Axes, text: str, title: str, width: int, lines: int, known: set[str]) -> None:
    """Show a piece of text in a typewriter face; words that are not in a set differ in colour and slant."""
    shown: list[str] = []
    for paragraph in text.strip("\n").split("\n"):
        shown += textwrap.wrap(paragraph, width) or [""]
    axes.set_axis_off()
    axes.set_title(title, fontsize=8, loc="left", fontweight="bold")
    for number, line in enumerate(shown[:lines]):
        for match in re.finditer(r"\S+", line):
            invented = any(word not in known for word in words(match[0]))
            note = axes.annotate(
                plain(match[0]),
                (0.0, 1.0), xycoords="axes fraction", textcoords="offset points",
                xytext=(match.start() * LETTER_PT, -(number + 1) * LINE_PT), fontsize=FONT_PT, family="monospace",
                color=COLOURS[1] if invented else "black", style="italic" if invented else "normal",
            )  # fmt: skip
            note.set_in_layout(False)
