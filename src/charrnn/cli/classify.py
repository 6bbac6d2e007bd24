"""`charrnn classify`."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from charrnn.cli.lines import AsResults, Lines, column_option, documents_option, field_option, known_lines, one_line
from charrnn.cli.options import json_option, on_unknown_option, quiet_option
from charrnn.cli.output import ReaderGoneError, echo, echo_json, echo_text, say
from charrnn.cli.progress import bar_has_room, with_bar
from charrnn.errors import ConfigError
from charrnn.language_model import load
from charrnn.scoring import Classification

Classified = tuple[int, str, Classification]  # the number of its line, the line, and its labels


@click.command(
    epilog="""\b
Examples:
  charrnn classify runs/surnames-qrnn new-names.txt
  charrnn classify runs/surnames-qrnn people.csv --column name --csv > classified.csv
  echo Nakamura | charrnn classify runs/surnames-qrnn"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1)
@click.option("--csv", "as_csv", is_flag=True, help="Print a CSV table, with a column for each label.")
@click.option("--jsonl", is_flag=True, help="Print a JSON object for each line.")
@documents_option
@column_option
@field_option
@click.option("--encoding", default="utf-8", show_default=True, help="The encoding of FILES.")
@on_unknown_option
@quiet_option
@json_option
def classify(
    run: Path,
    files: tuple[str, ...],
    as_csv: bool,
    jsonl: bool,
    documents: str | None,
    column: str | None,
    field: str | None,
    encoding: str,
    on_unknown: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Label every line of FILES with the model of RUN.

    The model must have been trained with --label. A line gets the label with the largest log P(line | label) + log
    P(label), where P(label) is how often the label occurs in training. Of P(line | label) the network and, if it has
    them, its counts of labels speak: the mean of both logarithms counts. FILES are text files, or "-" (the default) for
    standard input. Empty lines are skipped. More lines need no more memory.
    """
    if as_csv + jsonl + as_json > 1:
        raise ConfigError("--csv, --jsonl and --json exclude each other: choose one")
    model = load(run)
    if not model.labels:
        raise ConfigError(f"'{run}' knows no labels: train it with --documents and --label")
    lines = Lines.of(files, documents, column, field, encoding)
    numbered, texts = itertools.tee(lines.numbered(model, (lambda remark: None) if quiet else say))
    found = model.classify_stream(known_lines(model.vocabulary, texts, on_unknown), on_unknown)
    rows: Iterator[Classified] = ((number, text, each) for (number, text), each in zip(numbered, found, strict=True))
    if bar_has_room(quiet, writes_rows=not as_json):
        rows = with_bar(rows, lambda row: row[1], lines)
    try:
        if as_json:
            values = [_row(*row) for row in rows]
            echo_json({"lines": len(values), "labels": list(model.labels), "classified": values})
        else:
            count = _print(rows, "csv" if as_csv else "jsonl" if jsonl else "table", model.labels)
            if not quiet:
                say(f"{count:,} {lines.noun}, {len(model.labels)} labels" if count else f"no {lines.noun} to classify")
    except ReaderGoneError:
        return  # it has read as much as it wants


def _row(number: int, text: str, found: Classification) -> dict[str, Any]:
    probabilities = {label: round(p, 6) for label, p in found.probabilities.items()}
    return {"line": number, "text": text, "label": found.label, "probabilities": probabilities}


def _print(rows: Iterator[Classified], form: str, labels: tuple[str, ...]) -> int:
    """Each line's label, as soon as it is known; returns how many lines there were."""
    width, lines = max(map(len, ("label", *labels))), 0
    writer = csv.writer(AsResults(), lineterminator="\n")
    if form == "csv":
        writer.writerow(["line", "text", "label", *labels])
    for number, text, found in rows:
        if form == "table" and not lines:  # not before an error
            echo(f"{'label':{width}}  probability  line")
        lines += 1
        row = _row(number, text, found)
        if form == "csv":
            writer.writerow([number, text, found.label, *(row["probabilities"][label] for label in labels)])
        elif form == "jsonl":
            echo_text(json.dumps(row, ensure_ascii=False).replace("\x7f", "\\u007f"))
        else:
            echo_text(f"{found.label:{width}}  {found.probabilities[found.label]:11.4f}  {one_line(text)}")
    return lines
