"""Reports: the tables, figures and pages that studies, sweeps and benchmarks write.

A report is a folder with `results.csv`, each figure as PNG and SVG, and a `README.md` that shows them. Each function
writes one part, so that a caller can use the parts that it needs.
"""

from __future__ import annotations

import csv
import io
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from charrnn.figures.style import image
from charrnn.runs.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TABLE, PAGE = "results.csv", "README.md"
FIGURE_FORMATS = ("png", "svg")
Row = Mapping[str, Any]


class Captioned(NamedTuple):
    """A figure, and the sentence that says what it shows."""

    figure: Figure
    caption: str


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean, and half the range between the smallest and the largest value."""
    return float(np.mean(values)), float(max(values) - min(values)) / 2


def machine() -> str:
    """Return the model of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def number(value: Any) -> str:
    """Return a value as a table shows it: losses with four digits, large numbers with commas, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def markdown_table(rows: Iterable[Row], columns: Mapping[str, str], text_columns: int = 1) -> str:
    """Return a Markdown table.

    Parameters
    ----------
    rows : iterable of mappings
        A key that a row lacks is an empty cell.
    columns : mapping of key to heading
        The columns, in order.
    text_columns : int
        The number of leading columns that hold text; all others hold numbers and are aligned to the right.
    """
    lines = [list(columns.values()), ["---" if k < text_columns else "--:" for k in range(len(columns))]]
    lines += [[number(row.get(key)).replace("|", "\\|") for key in columns] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def csv_table(rows: Sequence[Row], keys: Sequence[str] | None = None) -> str:
    """Return a table as CSV: the given keys of each row, by default every key, in the order in which they appear."""
    table = io.StringIO()
    names = list(dict.fromkeys(key for row in rows for key in row)) if keys is None else list(keys)
    writer = csv.DictWriter(table, names, lineterminator="\n", extrasaction="ignore", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue()


def bullets(sentences: Iterable[str]) -> str:
    """Return sentences as a Markdown list."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def write_table(folder: Path, rows: Sequence[Row], keys: Sequence[str] | None = None) -> None:
    """Write results.csv."""
    write_atomic(folder / TABLE, csv_table(rows, keys).encode())


def write_figures(folder: Path, figures: Mapping[str, Captioned]) -> list[str]:
    """Write each figure as NAME.png and NAME.svg, and return the Markdown that shows it with its caption below."""
    for name, (figure, _) in figures.items():
        for file_format in FIGURE_FORMATS:
            write_atomic(folder / f"{name}.{file_format}", image(figure, file_format))
    return [f"![{caption}]({name}.png)\n\n*{caption}*" for name, (_, caption) in figures.items()]


def write_page(folder: Path, parts: Sequence[str]) -> Path:
    """Write README.md, its parts separated by empty lines, and return its path."""
    write_atomic(folder / PAGE, "\n\n".join([*parts, ""]).encode())
    return folder / PAGE
