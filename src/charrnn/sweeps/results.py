"""What a sweep shows: settings ranked by validation loss, as a table (CSV), a figure and a page; and the best run."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.figures.search import draw_search
from charrnn.figures.style import image
from charrnn.runs.files import read_json, write_atomic
from charrnn.sweeps.callback import settings_words, show
from charrnn.sweeps.folder import FAILED, FINISHED, PRUNED, Record, SweepFolder
from charrnn.sweeps.space import Range
from charrnn.sweeps.spec import Settings, Spec
from charrnn.units import bits

FIGURE = "search"
SHOWN = 30  # settings in the page's table; the CSV has all runs
MEASURED = (
    "val_nats_per_char", "val_bits_per_char", "test_nats_per_char", "best_step", "step", "epoch", "seconds",
    "ended", "parameters",
)  # fmt: skip


@dataclass(frozen=True)
class Ranked:
    """A setting, and what its runs have shown. Losses are of the validation split, in nats per character."""

    setting: int
    settings: Settings
    runs: int
    finished: int
    mean: float | None  # over the seeds that finished
    spread: float  # half the distance between the smallest and the largest

    @property
    def order(self) -> tuple[bool, bool, float]:
        """Those with all seeds before those with some, before those with none."""
        return self.mean is None, self.finished < self.runs, self.mean or 0.0


def rank(records: Sequence[Record]) -> list[Ranked]:
    """The settings, the best first."""
    groups: dict[int, list[Record]] = {}
    for record in records:
        groups.setdefault(record["setting"], []).append(record)
    ranked = []
    most = max((len(group) for group in groups.values()), default=0)
    for setting, group in groups.items():
        losses = [record["val_nats_per_char"] for record in group if record["state"] == FINISHED]
        mean = float(np.mean(losses)) if losses else None
        spread = (max(losses) - min(losses)) / 2 if losses else 0.0
        ranked.append(Ranked(setting, group[0]["settings"], most, len(losses), mean, spread))
    return sorted(ranked, key=lambda each: (each.order, each.setting))


def best_of(records: Sequence[Record]) -> Record | None:
    """The best run of the best setting."""
    ranked = rank(records)
    if not ranked or ranked[0].mean is None:
        return None
    runs = [r for r in records if r["setting"] == ranked[0].setting and r["state"] == FINISHED]
    return min(runs, key=lambda r: (r["val_nats_per_char"], r["number"]))


def write_results(
    folder: SweepFolder, spec: Spec, records: Sequence[Record], total: int, say: Callable[[str], None]
) -> None:
    """results.csv, search.png and search.svg, README.md, and `best`."""
    write_atomic(folder.table, _table(spec, records).encode())
    best = best_of(records)
    here = best is not None and folder.run(best["number"]).is_dir()
    if best is not None and here:
        folder.name_best(best["number"])
    elif best is not None:
        say(f"no 'best': the folder of the best run, '{folder.run(best['number'])}', is gone")
    drawn = False
    try:
        scales = {name: _scale(each) for name, each in spec.search.items()}
        figure = draw_search(records, scales, best["setting"] if best else None, len(spec.seeds))
        for file_format in ("png", "svg"):
            write_atomic(folder.path / f"{FIGURE}.{file_format}", image(figure, file_format))
        drawn = True
    except Exception as error:  # no figure is worth a sweep
        say(f"no figure: {error}")
    write_atomic(folder.readme, _page(folder, spec, records, total, best, here, drawn).encode())


def _scale(dimension: Any) -> dict[str, Any]:
    """How a setting's axis is drawn."""
    if isinstance(dimension, Range):
        return {"low": dimension.low, "high": dimension.high, "log": dimension.log}
    numbers = all(isinstance(value, int | float) for value in dimension)
    return {"values": sorted(dimension) if numbers else list(dimension)}


def _table(spec: Spec, records: Sequence[Record]) -> str:
    names = ["number", "setting", "seed", "state", *spec.search, *MEASURED, "error"]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore", restval="")
    writer.writeheader()
    for record in records:
        loss = record.get("val_nats_per_char")
        writer.writerow({**record, **record["settings"], "val_bits_per_char": None if loss is None else bits(loss)})
    return text.getvalue()


def _page(
    folder: SweepFolder,
    spec: Spec,
    records: Sequence[Record],
    total: int,
    best: Record | None,
    here: bool,
    drawn: bool,
) -> str:
    counts = {state: sum(r["state"] == state for r in records) for state in (FINISHED, PRUNED, FAILED)}
    told = [f"{counts[FINISHED]} of {total} runs have finished"]
    told += [f"{counts[PRUNED]} were ended early"] if counts[PRUNED] else []
    told += [f"{counts[FAILED]} failed (`results.csv` has their errors)"] if counts[FAILED] else []
    fixed = f", the same in all: {settings_words(spec.settings)}" if spec.settings else ""
    how = f"Method {spec.method}, seed {spec.seed}" if spec.trials is not None else f"Method {spec.method}"
    parts = [
        f"# Sweep over {', '.join(spec.search)}",
        f"{'; '.join(told)}. {how}; seeds of training {', '.join(map(str, spec.seeds))}{fixed}. Losses are of the "
        "whole validation split, in nats per character, with the parameters that are best there.",
    ]
    if best is not None:
        text, splits, loss = read_json(folder.spec), best.get("splits"), best["val_nats_per_char"]
        by_position = (
            f"; by position, the first {splits['train']:,} characters train, the next {splits['val']:,} validate"
            if splits else ""
        )  # fmt: skip
        ready = "It is ready to use: `charrnn sample best`." if here else "Its folder is gone."
        parts += [
            f"Text: {text.get('text_name', 'text')} (SHA-256 {text['text_sha256'][:12]}…){by_position}.",
            "## The best run",
            f"Run {best['number']:03}: {settings_words(best['settings'])}, seed {best['seed']}: validation {loss:.4f} "
            f"nats ({bits(loss):.4f} bits) per character. It was chosen by this loss among {len(records)} runs, so "
            f"that on other text a little more is to be expected{_test_words(best)}. {ready}",
        ]
    if drawn:
        caption = (
            "Left: every run by its number, and the best so far. Right: every setting, its mean over seeds in colour."
        )
        parts += [f"![{caption}]({FIGURE}.png)\n\n*{caption}*"]
    parts += ["## Settings", "\n".join(_rows(spec, records)), ""]
    return "\n\n".join(parts)


def _test_words(best: Record) -> str:
    test = best.get("test_nats_per_char")
    return "" if test is None else f"; on the test split it has {test:.4f} nats ({bits(test):.4f} bits) per character"


def _rows(spec: Spec, records: Sequence[Record]) -> list[str]:
    ranked = rank(records)
    names = list(spec.search)
    rows = [
        f"| {' | '.join(names)} | validation | ± over seeds | runs that finished |",
        "| " + " | ".join(["---"] * len(names) + ["--:"] * 3) + " |",
    ]
    for each in ranked[:SHOWN]:
        values = " | ".join(show(each.settings[name]).replace("|", "\\|") for name in names)
        loss = "" if each.mean is None else f"{each.mean:.4f}"
        spread = f"{each.spread:.4f}" if each.finished > 1 else ""
        rows.append(f"| {values} | {loss} | {spread} | {each.finished} |")
    if len(ranked) > SHOWN:
        rows.append(f"\nThe best {SHOWN} of {len(ranked)} settings; `results.csv` has all runs.")
    return rows
