"""The figure of a search: every run and the best so far, and the settings as lines over parallel axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from charrnn.arrays import Array
from charrnn.figures.style import COLOURS, new_figure, plain
from charrnn.units import CHARACTER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPAN = 6.0  # losses are shown up to this multiple of the median's distance from the best; those above, at the edge
MOST_TICKS = 8
LABEL = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8}  # readable where lines pass


def draw_search(
    records: Sequence[Mapping[str, Any]], scales: Mapping[str, Mapping[str, Any]], best: int | None, seeds: int
) -> Figure:
    """Draw the figure.

    Parameters
    ----------
    records : sequence of mappings
        `number`, `setting`, `settings`, `state` and, where it has them, `val_nats_per_char` and `unit` of each run.
    scales : mapping
        The `values` of each searched setting, or its `low`, `high` and `log`.
    best : int, optional
        The best setting.
    seeds : int
        Runs of each setting.
    """
    figure = new_figure(max(9.0, 6.0 + 1.2 * len(scales)), 3.9)
    left, right = figure.subplots(1, 2, width_ratios=(1.0, max(1.0, 0.45 * (len(scales) + 1))))
    losses = np.array([r["val_nats_per_char"] for r in records if r.get("val_nats_per_char") is not None])
    limits, unit = _limits(losses), next((r["unit"] for r in records if "unit" in r), CHARACTER)
    _draw_runs(left, records, limits, unit)
    _draw_settings(right, records, scales, best, limits, unit)
    if seeds > 1:
        right.set_title(f"mean over {seeds} seeds", fontsize=9)
    return figure


def _limits(losses: Array) -> tuple[float, float]:
    if not len(losses):
        return 0.0, 1.0
    low, high = float(losses.min()), float(losses.max())
    high = min(high, low + SPAN * (float(np.median(losses)) - low)) if high > low else high
    margin = 0.06 * (high - low) or 0.05
    return low - margin, high + margin


def _draw_runs(axes: Axes, records: Sequence[Mapping[str, Any]], limits: tuple[float, float], unit: str) -> None:
    from matplotlib.ticker import MaxNLocator

    finished = [r for r in records if r["state"] == "finished"]
    pruned = [r for r in records if r["state"] == "pruned" and r.get("val_nats_per_char") is not None]
    for runs, face, label in ((finished, COLOURS[0], "finished"), (pruned, "none", "ended early")):
        if inside := [(r["number"], r["val_nats_per_char"]) for r in runs if r["val_nats_per_char"] <= limits[1]]:
            xs, ys = zip(*inside, strict=True)
            axes.scatter(xs, ys, s=18, facecolors=face, edgecolors=COLOURS[0], label=label)
    beyond = [r["number"] for r in records if (r.get("val_nats_per_char") or 0) > limits[1]]
    failed = [r["number"] for r in records if r["state"] == "failed"]
    for numbers, marker, label in ((beyond, "^", "beyond the scale"), (failed, "x", "failed")):
        if numbers:
            axes.scatter(numbers, [limits[1]] * len(numbers), s=22, marker=marker, color=COLOURS[1], label=label,
                         clip_on=False, zorder=3)  # fmt: skip
    if finished:
        best = np.minimum.accumulate([r["val_nats_per_char"] for r in finished])
        ends = max(r["number"] for r in records)
        axes.step([*(r["number"] for r in finished), ends], [*best, best[-1]], where="post", color=COLOURS[6],
                  linewidth=1.2, label="best so far")  # fmt: skip
    axes.set(xlabel="run", ylabel=f"validation loss (nats per {unit})", ylim=limits)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8)


def _draw_settings(
    axes: Axes,
    records: Sequence[Mapping[str, Any]],
    scales: Mapping[str, Mapping[str, Any]],
    chosen: int | None,
    limits: tuple[float, float],
    unit: str,
) -> None:
    from matplotlib import colormaps

    groups: dict[int, list[Mapping[str, Any]]] = {}
    for record in records:
        if record.get("val_nats_per_char") is not None:
            groups.setdefault(record["setting"], []).append(record)
    means = {k: float(np.mean([r["val_nats_per_char"] for r in group])) for k, group in groups.items()}
    colours = colormaps["viridis"]
    columns = len(scales)
    for setting in sorted(means, key=lambda k: -means[k]):
        height = min(1.0, (means[setting] - limits[0]) / (limits[1] - limits[0]))
        settings = groups[setting][0]["settings"]
        heights = [*(position(settings[name], scale) for name, scale in scales.items()), height]
        best = setting == chosen
        axes.plot(range(columns + 1), heights, color=COLOURS[1] if best else colours(height),
                  linewidth=2.4 if best else 1.0, alpha=1.0 if best else 0.75, zorder=3 if best else 2)  # fmt: skip
    for column, (_, scale) in enumerate(scales.items()):
        axes.axvline(column, color="black", linewidth=0.8)
        for at, label in ticks(scale):
            axes.text(column - 0.04, at, plain(label), ha="right", va="center", fontsize=7, bbox=LABEL)
    axes.axvline(columns, color="black", linewidth=0.8)
    for at in np.linspace(0.0, 1.0, 5):
        loss = limits[0] + at * (limits[1] - limits[0])
        beyond = "≥ " if at == 1.0 and max(means.values(), default=0.0) > limits[1] else ""
        axes.text(columns + 0.04, at, f"{beyond}{loss:.3f}", ha="left", va="center", fontsize=7)
    axes.set_xticks(range(columns + 1), [*map(plain, scales), f"validation\n(nats per {unit})"], fontsize=8)
    axes.set(xlim=(-0.55, columns + 0.4), ylim=(-0.03, 1.03), yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)


def position(value: Any, scale: Mapping[str, Any]) -> float:
    """The place of a setting's value on its axis, from 0 to 1; the values of a list are at equal distances."""
    if "values" in scale:
        return 0.5 if len(scale["values"]) == 1 else scale["values"].index(value) / (len(scale["values"]) - 1)
    low, high = scale["low"], scale["high"]
    if scale["log"]:
        value, low, high = np.log(value), np.log(low), np.log(high)
    return float((value - low) / (high - low))


def ticks(scale: Mapping[str, Any]) -> list[tuple[float, str]]:
    """The places on an axis that are marked, and their labels."""
    if "values" in scale:
        values = scale["values"]
        every = -(-len(values) // MOST_TICKS)
        return [(position(v, scale), v if isinstance(v, str) else f"{v:g}") for v in values[::every]]
    low, high = scale["low"], scale["high"]
    inner = np.geomspace(low, high, 5) if scale["log"] else np.linspace(low, high, 5)
    return [(at, f"{value:.3g}") for at, value in zip(np.linspace(0, 1, 5), inner, strict=True)]
