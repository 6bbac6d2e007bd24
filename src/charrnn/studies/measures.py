"""The measures that studies compare: of a run, of the runs of one setting, and of a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from charrnn.figures.style import smooth
from charrnn.reports import mean_and_spread

Result = Mapping[str, Any]  # of one run, as `charrnn.studies.job.run_job` returns it
Row = dict[str, Any]
Case = TypeVar("Case")


def tabulate(
    groups: Mapping[Case, Sequence[Result]],
    facts: Mapping[Case, Row],
    headings: Mapping[str, str],
    measures: Mapping[str, tuple[str, Callable[[Result], float]]],
) -> tuple[dict[Case, Row], dict[str, str]]:
    """Return a row for each group of runs, and the headings of the columns that a report shows.

    A row begins with its case's facts, which are the same for all seeds; `headings` are those of the facts and of
    `val_loss`. A measure has a heading, and a function of a result; the row holds its mean over seeds.
    """
    rows = {}
    for case, group in groups.items():
        val, spread = mean_and_spread([r["val_loss"] for r in group])
        rows[case] = {
            **facts[case], "val_loss": val, "val_spread": spread,
            "best_val_loss": float(np.mean([r["best_val_loss"] for r in group])),
            **{name: float(np.mean([of(r) for r in group])) for name, (_, of) in measures.items()},
            "cpu_seconds": float(np.mean([r["cpu_seconds"] for r in group])), "seeds": len(group),
        }  # fmt: skip
    shown = {name: heading for name, (heading, _) in measures.items()}
    return rows, {**headings, "val_spread": "± over seeds", **shown, "cpu_seconds": "CPU s"}


def column(rows: Mapping[Case, Row], key: str) -> dict[Case, float]:
    return {case: row[key] for case, row in rows.items()}


def shortest(groups: Mapping[Any, Sequence[Result]]) -> float:
    """Return the CPU seconds of the run that took the least."""
    return min(float(r["cpu_seconds"]) for group in groups.values() for r in group)


def value_at(result: Result, x: str, where: float) -> float:
    """Return the validation loss where x reaches a value, interpolated between the measured points."""
    return float(np.interp(where, [p[x] for p in result["points"]], [p["val_loss"] for p in result["points"]]))


def roughness(result: Result) -> float:
    """Return the standard deviation of the training loss around its smoothed curve, in the second half of a run."""
    losses = np.array([loss for _, loss in result["training"]])
    rest = (losses - smooth(losses))[len(losses) // 2 :]
    return float(rest.std())


def update_noise(losses: Sequence[float]) -> float:
    """Return the standard deviation of the losses of single updates, in nats.

    It is computed from successive differences over the second half of a run, so that slow changes do not count.
    """
    half = np.array(losses[len(losses) // 2 :])
    return float(np.diff(half).std() / np.sqrt(2)) if len(half) > 1 else 0.0


def words(text: str) -> list[str]:
    """Return the runs of at least two letters, with inner apostrophes, in lower case.

    Single letters are left out, since too many of them would count as known words.
    """
    return re.findall(r"[^\W\d_]{2,}(?:['’][^\W\d_]+)*", text.lower())


def share_of_words(text: str, known: set[str]) -> float:
    """Return the share of a text's words that are in a set."""
    found = words(text)
    return sum(word in known for word in found) / len(found) if found else 0.0


def distinct_ngrams(text: str, n: int = 8) -> float:
    """Return the share of the n-grams of characters that are distinct: 1 if nothing is repeated."""
    grams = [text[k : k + n] for k in range(len(text) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0
