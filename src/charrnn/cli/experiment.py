"""`charrnn experiment`: run a study."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from charrnn.cli import output
from charrnn.cli.options import json_option, quiet_option
from charrnn.cli.output import echo, echo_json
from charrnn.errors import RunError
from charrnn.reports import bullets
from charrnn.studies import STUDIES, Lab
from charrnn.text.library import read_text


@click.command(
    epilog="""\b
Examples:
  charrnn experiment batching --quick
  charrnn experiment sampling book.txt
  charrnn experiment ngrams --seeds 1
  charrnn experiment cells tinyshakespeare --seeds 5 --out results/cells"""
)
@click.argument("name", type=click.Choice(list(STUDIES)))
@click.argument("text", nargs=-1)
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="Runs of each setting.")
@click.option("--quick", is_flag=True, help="Fewer epochs: minutes, not hours.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Runs at a time [default: cores].")
@click.option("--out", type=click.Path(path_type=Path), help="The study's folder [default: experiments/NAME-TEXT].")
@click.option("--encoding", default="utf-8", show_default=True, help="The character encoding of TEXT.")
@quiet_option
@json_option
def experiment(
    name: str, text: tuple[str, ...], out: Path | None, encoding: str, quiet: bool, as_json: bool, **options: Any
) -> None:
    """Run the study NAME on TEXT, by default on the bundled novel.

    Writes figures (PNG and SVG), a table (CSV) and a README with the findings. The last 10 % of the text is the
    validation split. To resume an interrupted study, give the same command again.
    """

    def say(message: str) -> None:
        if not quiet:
            output.say(message)

    reading = read_text(text, encoding)
    for remark in reading.remarks:
        say(remark)
    quick = options["quick"]
    out = out or Path("experiments") / f"{name}-{Path(reading.name).stem}{'-quick' if quick else ''}"
    if out.exists() and not (out / "jobs").is_dir() and any(out.iterdir()):
        raise RunError(f"'{out}' exists and is not a study's folder: choose another --out")
    study, lab = STUDIES[name], Lab(reading, out, say=say, **options)
    report = study.run(lab)
    words = ["charrnn experiment", name, *text, f"--seeds {lab.seeds}", *(["--quick"] if quick else [])]
    readme = lab.write(study, report, " ".join(words))
    if as_json:
        echo_json({"study": name, "folder": str(out), "findings": report.findings, "rows": report.rows})
    else:
        echo(bullets(report.findings))
        echo(f"written: {readme}")
