"""What it gives to start from a model: a little text from scratch and from a parent, with and without counts.

Four examples: 298 Spanish surnames from a parent on first names, the same from a parent on the surnames of 17 other
languages, and 20,000 characters of nietzsche from a parent on the novel, and from one by the recipe `good`. Every run,
scratch or not, is evaluated every 10 steps and keeps its best, so that none is judged after it has begun to learn its
text by heart.

    python benchmarks/fine_tuning.py names.txt surnames.csv nietzsche.txt --parents FOLDER [--seeds 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import machine
import numpy as np

import charrnn
from charrnn.training.callback import Callback

EVERY, CHARACTERS = 10, 20_000
# By name: the settings of a run, and the parent's counts; None is from scratch.
SCRATCH = {"steps": 400, "patience": 0}
START = {"steps": 250}
LIST = {"documents": "lines", "val_fraction": 0.2}
OF_SURNAMES = "Spanish surnames, from other surnames"
GOOD = "nietzsche, from a parent by the recipe good"
ONE_WAY = "parent with counts"  # of these two; from scratch is as without them
WAYS: dict[str, tuple[str | None, dict[str, Any]]] = {
    "scratch, no counts": (None, {**SCRATCH, "ngrams": "none"}),
    "scratch, counts": (None, {**SCRATCH, "ngrams": "auto"}),
    "parent without counts": ("none", START),
    "parent without counts, own counts": ("none", {**START, "ngrams": "auto"}),
    "parent with counts": ("auto", START),
    "parent with counts, mix-old 0.1": ("auto", {**START, "mix_old": 0.1}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for text in ("names", "surnames", "nietzsche"):
        parser.add_argument(text, type=Path)
    parser.add_argument("--parents", type=Path, required=True, help="where the parents are, or are trained first")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(machine.describe())
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        examples = make_examples(Path(folder), arguments)
        for example, (text, parent, settings) in examples.items():
            ways = {ONE_WAY: WAYS[ONE_WAY]} if example in (OF_SURNAMES, GOOD) else WAYS
            found[example] = {name: [] for name in ways}
            for name, (counts, own) in ways.items():
                start = {} if counts is None else {"init_from": parents(arguments, parent, counts)}
                for seed in range(arguments.seeds):
                    out = Path(folder) / f"run-{example}-{len(found[example][name])}-{list(WAYS).index(name)}"
                    found[example][name].append(measured(text, out, {**settings, **own, **start, "seed": seed}))
                print(f"{example}: {name}: {summary(found[example][name])}", flush=True)
    if arguments.json:
        runs = {example: {way: figures(of_way) for way, of_way in ways.items()} for example, ways in found.items()}
        about: dict[str, Any] = {
            "machine": machine.describe(),
            "seeds": arguments.seeds,
            "split": "val",
            "unit": "nats per symbol",
        }
        about["parents"] = {path.name: about_parent(path) for path in sorted(arguments.parents.iterdir())}
        arguments.json.write_text(json.dumps({**about, "runs": runs}, indent=1) + "\n")


def make_examples(folder: Path, arguments: argparse.Namespace) -> dict[str, tuple[Path, str, dict[str, Any]]]:
    """By name: the little text, its parent's, and the settings that belong to the text."""
    spanish, little = folder / "spanish.txt", folder / "nietzsche.txt"
    spanish.write_text("\n".join(surnames(arguments, spanish=True)) + "\n", encoding="utf-8")
    little.write_text(arguments.nietzsche.read_text(encoding="utf-8")[:CHARACTERS], encoding="utf-8")
    return {
        "Spanish surnames": (spanish, "names", LIST),
        OF_SURNAMES: (spanish, "surnames", LIST),
        "nietzsche": (little, "novel", {}),
        GOOD: (little, "novel-good", {}),
    }


def surnames(arguments: argparse.Namespace, spanish: bool) -> list[str]:
    """The Spanish surnames of the list, or all others."""
    with arguments.surnames.open(encoding="utf-8") as file:
        return [row["name"] for row in csv.DictReader(file) if (row["language"] == "Spanish") == spanish]


def parents(arguments: argparse.Namespace, name: str, counts: str) -> Path:
    """The run of a parent, which is trained by its recipe unless it is there."""
    path = Path(arguments.parents / f"{name}-{counts}")
    if not path.exists():
        text: Any = surnames(arguments, spanish=False) if name == "surnames" else ()
        settings: dict[str, Any] = {}
        if name == "names":
            text, settings = arguments.names, {"documents": "lines"}
        if name == "novel-good":
            settings = {"recipe": "good"}
        charrnn.train(text, out=path, ngrams=counts, callback=Callback(), **settings)
    return path


def about_parent(run: Path) -> dict[str, Any]:
    """The size of a parent and what it learned from."""
    model = charrnn.load(run)
    return {
        "model": repr(model), "parameters": len(model.params.vector), "steps": model.provenance["step"],
        "val": round(model.provenance["val_nats_per_char"], 3),
    }  # fmt: skip


def measured(text: Path, out: Path, settings: Mapping[str, Any]) -> dict[str, float]:
    """A run's losses on its validation split, in nats per symbol, and on its parent's, before and after."""
    begun = time.process_time()
    run = charrnn.train(text, out=out, callback=Callback(), eval_every=EVERY, sample_every=10**9, workers=1, **settings)
    assert run.val is not None
    result = {"val": run.val.nats_per_char, "best_step": run.best_step, "cpu_seconds": time.process_time() - begun}
    for when, each in zip(("before", "after"), run.parent_val or (), strict=False):
        result[f"parent_val_{when}"] = each.nats_per_char
    return {name: round(value, 4) for name, value in result.items()}


def figures(runs: list[dict[str, float]]) -> dict[str, float]:
    """What the runs of some seeds have in common, and the range of their losses."""
    mean = {name: round(float(np.mean([run[name] for run in runs])), 3) for name in runs[0]}
    found = {
        "val_mean": mean["val"],
        "val_lowest": round(min(run["val"] for run in runs), 3),
        "val_highest": round(max(run["val"] for run in runs), 3),
        "most_cpu_seconds": round(max(run["cpu_seconds"] for run in runs)),
    }
    if "parent_val_after" in mean:
        found |= {"parent_val_before": mean["parent_val_before"], "parent_val_after_mean": mean["parent_val_after"]}
    return found


def summary(runs: list[dict[str, float]]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in figures(runs).items())


if __name__ == "__main__":
    main()
