"""`charrnn score`."""

from __future__ import annotations

import csv
import heapq
import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from charrnn.cli.lines import AsResults, Lines, column_option, documents_option, field_option, known_lines, one_line
from charrnn.cli.options import json_option, on_unknown_option, quiet_option
from charrnn.cli.output import ReaderGoneError, echo, echo_json, echo_text, say
from charrnn.cli.progress import bar_has_room, with_bar
from charrnn.errors import ConfigError
from charrnn.language_model import LanguageModel, load
from charrnn.scoring import DocumentScore
from charrnn.units import CHARACTER, SYMBOL, unit_of, with_units

FIELDS = ("line", "text", "nats", "nats_per_char", "percentile")
DEEPEST = 9  # nats at a character that are told apart with --by-character
SHADES = (0, 22, 58, 94, 130, 166, 202, 196, 197, 199)  # of a terminal, by nats
END = "⏎"  # stands for the end of a document

Scored = tuple[int, str, DocumentScore]  # the number of its line, the line, and its score


@click.command(
    epilog="""\b
Examples:
  charrnn score runs/names-qrnn new-names.txt
  charrnn score runs/logs-qrnn today.log --top 20 --by-character
  charrnn score runs/names-qrnn people.csv --column name --csv > scored.csv
  charrnn score runs/tunes-qrnn tunes.abc --documents paragraphs --top 5
  tail -n 1000 access.log | charrnn score runs/logs-qrnn - --false-alarms 0.001 --fail"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1)
@click.option("--top", type=click.IntRange(1), help="Only this many lines, the most surprising first.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a CSV table.")
@click.option("--jsonl", is_flag=True, help="Print a JSON object for each line.")
@documents_option
@column_option
@field_option
@click.option("--by-character", is_flag=True, help="Show the surprise at each character, in nats, below the line.")
@click.option(
    "--false-alarms", type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Mark lines more surprising than all but this share of the model's held-out documents.",
)  # fmt: skip
@click.option("--fail", is_flag=True, help="With --false-alarms, exit with status 1 if a line is marked.")
@click.option("--encoding", default="utf-8", show_default=True, help="The encoding of FILES.")
@on_unknown_option
@quiet_option
@json_option
def score(
    run: Path,
    files: tuple[str, ...],
    top: int | None,
    as_csv: bool,
    jsonl: bool,
    documents: str | None,
    column: str | None,
    field: str | None,
    by_character: bool,
    false_alarms: float | None,
    fail: bool,
    encoding: str,
    on_unknown: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Score how surprising each line of FILES is to the model of RUN.

    FILES are text files, or "-" (the default) for standard input. A line's score is its surprise in nats, in total and
    per symbol. The symbols are the characters of the line and its end. The percentile is the share of the model's
    held-out documents that are no more surprising; a model trained without --documents has none. Empty lines are
    skipped. More lines need no more memory. With --documents, each document of that form is scored in place of a line,
    under the number of its first line.
    """
    if as_csv + jsonl + as_json > 1:
        raise ConfigError("--csv, --jsonl and --json exclude each other: choose one")
    if fail and false_alarms is None:
        raise ConfigError("--fail has no effect without --false-alarms")
    model = load(run)
    threshold = _threshold(model, run, false_alarms)
    if threshold is not None and not quiet:
        say(f"marked: above {threshold:.4f} nats per {SYMBOL}, as {false_alarms:g} of the held-out documents are")
    lines = Lines.of(files, documents, column, field, encoding)
    scored = _scored(model, lines, on_unknown, quiet)
    totals = _Totals(threshold, model.vocabulary.documents, lines.noun)
    rows = totals.count(scored)
    if bar_has_room(quiet, writes_rows=top is None and not as_json):
        rows = with_bar(rows, lambda row: row[1], lines)
    if top is not None:
        rows = iter(heapq.nlargest(top, rows, key=lambda row: row[2].nats_per_char))
    try:
        if as_json:
            values = [_row(*row, threshold, by_character) for row in rows]
            echo_json({**totals.as_dict(), "scores": values})
        else:
            unit = "symbol" if model.vocabulary.documents else CHARACTER
            _print(rows, "csv" if as_csv else "jsonl" if jsonl else "table", threshold, by_character, unit)
            if not quiet:
                say(totals.words())
    except ReaderGoneError:
        return  # it has read as much as it wants
    if fail and totals.above:
        sys.exit(1)


class _Totals:
    """What is counted while lines pass."""

    def __init__(self, threshold: float | None, documents: bool, noun: str) -> None:
        self.documents, self.noun = documents, noun
        self.threshold, self.lines, self.symbols, self.nats, self.above = threshold, 0, 0, 0.0, 0

    def count(self, rows: Iterable[Scored]) -> Iterator[Scored]:
        for row in rows:
            score = row[2]
            self.lines += 1
            self.symbols += len(score.per_char)
            self.nats += score.nats
            self.above += self.threshold is not None and score.nats_per_char > self.threshold
            yield row

    def as_dict(self) -> dict[str, Any]:
        values: dict[str, Any] = {
            "lines": self.lines,
            "nats_per_char": self.nats / self.symbols if self.lines else None,
        }
        if self.documents:
            values["unit"] = SYMBOL
        if self.threshold is not None:
            values |= {"threshold": self.threshold, "above_threshold": self.above}
        return values

    def words(self) -> str:
        if not self.lines:
            return f"no {self.noun} to score"
        marked = "" if self.threshold is None else f"; {self.above:,} above the threshold"
        ends = "" if self.documents else f", ends of {self.noun} included"
        return (
            f"{self.lines:,} {self.noun}: {with_units(self.nats / self.symbols, unit_of(self.documents))}{ends}{marked}"
        )


def _threshold(model: LanguageModel, run: Path, false_alarms: float | None) -> float | None:
    if false_alarms is None:
        return None
    held_out = model.held_out
    if held_out is None:
        raise ConfigError(
            f"--false-alarms {false_alarms:g} needs the scores of held-out documents, which '{run}' does not have: "
            "train it with --documents, to the end"
        )
    threshold = held_out.threshold(false_alarms)
    if threshold is None:
        count = len(held_out.quantiles)
        raise ConfigError(
            f"--false-alarms {false_alarms:g} is too fine for {held_out.documents:,} held-out documents: it must be "
            f"between {1 / count:g} and {1 - 1 / count:g}"
        )
    return threshold


def _scored(model: LanguageModel, lines: Lines, on_unknown: str, quiet: bool) -> Iterator[Scored]:
    """The texts with their scores."""
    numbered, texts = itertools.tee(lines.numbered(model, (lambda remark: None) if quiet else say))
    scores = model.score_stream(known_lines(model.vocabulary, texts, on_unknown), on_unknown)
    for (number, text), score in zip(numbered, scores, strict=True):
        yield number, text, score


def _row(number: int, text: str, score: DocumentScore, threshold: float | None, by_character: bool) -> dict[str, Any]:
    values = (number, text, round(score.nats, 6), round(score.nats_per_char, 6), score.percentile)
    row: dict[str, Any] = dict(zip(FIELDS, values, strict=True))
    if score.percentile is not None:
        row["percentile"] = round(score.percentile, 3)
    if threshold is not None:
        row["above_threshold"] = score.nats_per_char > threshold
    if by_character:
        row["per_char"] = [round(nats, 4) for nats in score.per_char.tolist()]
    return row


def _print(rows: Iterator[Scored], form: str, threshold: float | None, by_character: bool, unit: str) -> None:
    """Each line's score, as soon as it is known."""
    writer = csv.DictWriter(
        AsResults(), [*FIELDS, *(["above_threshold"] if threshold is not None else [])], lineterminator="\n"
    )
    if form == "csv":
        writer.writeheader()
    for k, (number, text, score) in enumerate(rows):
        if form == "table" and k == 0:  # not before an error
            echo(f"{f'nats per {unit}':>18}  percentile  line")
        row = _row(number, text, score, threshold, by_character)
        if form == "csv":
            row.pop("per_char", None)
            writer.writerow(row)
        elif form == "jsonl":
            echo_text(json.dumps(row, ensure_ascii=False).replace("\x7f", "\\u007f"))
        else:
            percentile = "" if score.percentile is None else f"{score.percentile:.1f}"
            mark = "!" if row.get("above_threshold") else " "
            text = one_line(text)
            shown = _shaded(text, score) if by_character and sys.stdout.isatty() else text
            echo_text(f"{score.nats_per_char:18.4f}  {percentile:>10} {mark}", end="")
            _write_line(shown, coloured=shown is not text)
            if by_character:
                echo_text(f"{'':31}{_digits(text, score)}")


def _write_line(text: str, coloured: bool) -> None:
    if coloured:
        sys.stdout.write(text + "\n")
    else:
        echo_text(text)


def _digits(text: str, score: DocumentScore) -> str:
    """The surprise at each character, in whole nats up to 9, in the places of the characters; the end's after them."""
    nats = score.per_char[-len(text) - 1 :]
    return "".join(str(min(DEEPEST, int(each))) for each in nats)


def _shaded(text: str, score: DocumentScore) -> str:
    """The line with its surprise as the background, for a terminal."""
    nats = score.per_char[-len(text) - 1 :]
    shades = [SHADES[min(DEEPEST, int(each))] for each in nats]
    characters = [c if c.isprintable() else "·" for c in text] + [END]
    coloured = (f"\x1b[48;5;{shade}m{c}" for shade, c in zip(shades, characters, strict=False))
    return "".join(coloured) + "\x1b[0m"
