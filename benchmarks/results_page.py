"""Collect the folders of `charrnn experiment` into docs/results/ and docs/results.md; every number is copied from them.

python benchmarks/results_page.py experiments/*/
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
STUDIES = ("batching", "batch-size", "optimizers", "sampling", "progress", "cells")
LARGE = {"texts.svg", "samples.svg"}  # figures made of thousands of words: the PNG will do
# What is said in the field, and the findings that answer it: a study, and how their sentences begin.
CLAIMS = {
    "Random starts give the smoothest training curve; chunks are in between": ("batching", r"Batch \d+, roughness"),
    "Random starts generalise better": ("batching", r"Batch \d+, validation with"),
    "Larger batches are smoother": ("batch-size", "Roughness"),
    "Larger batches reach a lower validation loss": (
        "batch-size",
        "At equal|The views|The three|That larger batches reach",
    ),
    "Adam is the rule to take": ("optimizers", "Each at the best|That Adam"),
    "A low temperature repeats itself, a high one makes words up": ("sampling", "Share of real|Distinct"),
    "A nucleus cuts off the tail that spoils words": ("sampling", "A nucleus"),
}
INTRODUCTION = """# Results of the studies

Each study is one command, and its folder holds a table (`results.csv`), figures and a README; the sentences below are
copied from there, where they are computed from the results. Losses are in nats per character on the whole validation
split (the last 10 % of the text, by position); the number of seeds stands in each command; `--quick` means 1 to 3
epochs instead of 5 to 10. To make them again: the command in the heading, then
`python benchmarks/results_page.py experiments/*/`.
"""


def findings(folder: Path) -> list[str]:
    text = (folder / "README.md").read_text()
    return re.findall(r"^- (.*)$", text[text.index("## What was found") : text.index("\n![")], re.MULTILINE)


def facts(folder: Path) -> dict[str, str]:
    return json.loads((folder / "study.json").read_text())


def section(folder: Path, with_figures: bool) -> str:
    readme = (folder / "README.md").read_text()
    lines = [f"### {readme.splitlines()[0][2:]}: `{facts(folder)['command']}`", ""]
    lines += [f"[All of it](results/{folder.name}/README.md)", ""]
    lines += [f"- {finding}" for finding in findings(folder)]
    if with_figures:
        for name in re.findall(r"\((\w+)\.png\)", readme):
            lines += ["", f"![{folder.name}: {name}](results/{folder.name}/{name}.png)"]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    shutil.rmtree(RESULTS, ignore_errors=True)
    for folder in parser.parse_args().folders:
        (RESULTS / folder.name).mkdir(parents=True)
        for file in folder.iterdir():
            if file.is_file() and file.name not in LARGE:
                shutil.copy(file, RESULTS / folder.name)
    kept = {
        (facts(f)["text"], facts(f)["study"]): f for f in sorted(RESULTS.iterdir(), reverse=True)
    }  # full over quick
    texts = list(dict.fromkeys(text for text, _ in sorted(kept)))
    page = [INTRODUCTION, f"## The claims of the field, on {texts[0]}\n", "| claim | here |\n| --- | --- |"]
    for claim, (study, beginning) in CLAIMS.items():
        answers = [f for f in findings(kept[texts[0], study]) if re.match(beginning, f)]
        page[-1] += f"\n| {claim} | {' '.join(answers)} |"
    page[-1] += "\n"
    for text in texts:
        page.append(f"## {text}\n")
        page += [
            section(kept[text, study], with_figures=text == texts[0]) for study in STUDIES if (text, study) in kept
        ]
    machines = sorted({facts(folder)["machine"] for folder in kept.values()})
    page.append(f"Machine: {'; '.join(machines)}.\n")
    (ROOT / "docs" / "results.md").write_text("\n".join(page))


if __name__ == "__main__":
    main()
