"""The relative error of each array's gradient by each method, one panel for each network and depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from charrnn.figures.style import COLOURS, MARKERS, image, new_figure

EXACT = 1e-17  # where an error of exactly zero is drawn, at the left edge


def draw_gradient_errors(results: Sequence[Mapping[str, Any]], file_format: str = "png") -> bytes:
    """Draw the errors, and return the figure as the bytes of an image file.

    Parameters
    ----------
    results : sequence of mappings
        With the keys `title` (of its panel), `parameter`, `against`, `relative_error` and `tolerance`.
    """
    panels = list(dict.fromkeys(r["title"] for r in results))
    methods = list(dict.fromkeys(r["against"] for r in results))
    of_panel = {panel: [r for r in results if r["title"] == panel] for panel in panels}
    rows = {panel: list(dict.fromkeys(_name(r) for r in found)) for panel, found in of_panel.items()}
    height = 0.8 + sum(0.9 + 0.2 * len(names) for names in rows.values())
    figure = new_figure(8.0, height)
    heights = [3 + len(names) for names in rows.values()]
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes, panel in zip(grid[:, 0], panels, strict=True):
        for number, method in enumerate(methods):
            found = [r for r in of_panel[panel] if r["against"] == method]
            axes.plot(
                [max(r["relative_error"], EXACT) for r in found], [rows[panel].index(_name(r)) for r in found],
                MARKERS[number % len(MARKERS)], color=COLOURS[number % len(COLOURS)], markersize=5, label=method,
            )  # fmt: skip
        axes.set_yticks(range(len(rows[panel])), rows[panel], fontsize=7)
        axes.set_title(panel, fontsize=9, loc="left")
        axes.set_xscale("log")
        axes.invert_yaxis()
        axes.grid(alpha=0.25)
    grid[0, 0].legend(frameon=False, fontsize=8, ncols=len(methods), loc="lower right", bbox_to_anchor=(1.0, 1.0))
    grid[-1, 0].set_xlabel("relative error ‖a − b‖ / (‖a‖ + ‖b‖), float64")
    return image(figure, file_format)


def _name(result: Mapping[str, Any]) -> str:
    return str(result["parameter"]).removeprefix("recurrent.")
