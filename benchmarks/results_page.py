"""Collect the folders of `charrnn experiment` into docs/results/ and docs/results.md; every number is copied from them.

python benchmarks/results_page.py experiments/*/
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections import Counter
from pathlib import Path

from charrnn.reports import bullets, markdown_table
from charrnn.studies import STUDIES

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
KEPT = ("*.md", "*.csv", "*.json", "*.png")  # a page shows the PNG of a figure, so its SVG stays in the study's folder
# What is said in the field, and the findings that answer it: a study, and how their sentences begin.
CLAIMS = {
    "Random starts give the smoothest training curve; chunks are in between": ("batching", r"Batch \d+, roughness"),
    "Random starts generalise better": ("batching", r"Batch \d+, validation with"),
    "Larger batches are smoother": ("batch-size", "Roughness"),
    "Larger batches reach a lower validation loss": ("batch-size", "The claim that larger batches reach"),
    "Adam is the best rule": ("optimizers", "The claim that Adam"),
    "A low temperature repeats itself, a high one invents words": ("sampling", "Share of real|Distinct"),
    "A nucleus cuts off the tail that spoils words": ("sampling", "A nucleus"),
    "Counts known in training beat counts mixed in afterwards": ("ngrams", "Mixed in after training"),
}
# What a finding says in short: that a claim is confirmed, that chunks are in between, or which setting is best.
ANSWERS = (r"is ((?:not )?confirmed)", r"Chunks are (?:not )?in between", r"The (best is \w+)")
INTRODUCTION = """# Results of the studies

Each study is one command. Its folder holds a table (`results.csv`), figures and a README, which computes its sentences
from the results; this page copies them. Losses are in nats per character on the whole validation split (the last 10 %
of the text, by position). Each command states the number of seeds; `--quick` means 1 to 3 epochs instead of 5 to 10.
To reproduce a study, run the command in its heading, then `python benchmarks/results_page.py experiments/*/`.
"""


def findings(folder: Path) -> list[str]:
    text = (folder / "README.md").read_text()
    return re.findall(r"^- (.*)$", text[text.index("## What was found") : text.index("\n![")], re.MULTILINE)


def facts(folder: Path) -> dict[str, str]:
    return json.loads((folder / "study.json").read_text())


def claims(of_study: dict[str, Path]) -> str:
    """Return a table with a row for each claim: the short answers of its findings, and the study."""
    rows = []
    for claim, (study, beginning) in CLAIMS.items():
        text = " ".join(f for f in findings(of_study[study]) if re.match(beginning, f))
        found = []
        for pattern in ANSWERS:
            answers = Counter(re.findall(pattern, text))
            found += [f"{answer} ({n} ×)" if len(answers) > 1 else answer for answer, n in answers.items()]
        link = f"[{STUDIES[study].title}](results/{of_study[study].name}/README.md)"
        rows.append({"claim": claim, "found": "; ".join(found).lower(), "study": link})
    return markdown_table(rows, {"claim": "claim", "found": "found here", "study": "study"}, text_columns=3)


def section(folder: Path, with_figures: bool) -> str:
    readme = (folder / "README.md").read_text()
    lines = [f"### {readme.splitlines()[0][2:]}: `{facts(folder)['command']}`", ""]
    lines += [f"[The full report](results/{folder.name}/README.md)", "", bullets(findings(folder))]
    if with_figures:
        for name in re.findall(r"\((\w+)\.png\)", readme):
            lines += ["", f"![{folder.name}: {name}](results/{folder.name}/{name}.png)"]
    return "\n".join(lines) + "\n"


def collect(folders: list[Path]) -> None:
    """Copy the studies' folders to docs/results/, or keep those that are there if none are given."""
    if folders:
        shutil.rmtree(RESULTS, ignore_errors=True)
    for folder in folders:
        (RESULTS / folder.name).mkdir(parents=True)
        for pattern in KEPT:
            for file in folder.glob(pattern):
                shutil.copy(file, RESULTS / folder.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, help="studies' folders [default: those in docs/results/]")
    collect(parser.parse_args().folders)
    # Of a study that was run both quick and in full on a text, the full one is kept.
    kept = {(facts(f)["text"], facts(f)["study"]): f for f in sorted(RESULTS.iterdir(), reverse=True)}
    texts = list(dict.fromkeys(text for text, _ in sorted(kept)))
    of_first = {study: folder for (text, study), folder in kept.items() if text == texts[0]}
    page = [INTRODUCTION, f"## The claims of the field, on {texts[0]}\n", claims(of_first) + "\n"]
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
