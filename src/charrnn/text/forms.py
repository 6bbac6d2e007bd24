"""Where the documents of a text begin and end: `--documents`, and with it `--label`.

A text is cut as it is read, line by line, so that a list of any length can pass through.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from charrnn.errors import ConfigError, TextError
from charrnn.settings import nearest, shown
from charrnn.text.labels import label_field, labelled
from charrnn.text.vocabulary import BOUNDARY

FORMS = "lines, paragraphs, files, jsonl:FIELD or csv:COLUMN"
HALF = re.compile("[\ud800-\udfff]")  # which JSON can spell, and UTF-8 cannot hold
csv.field_size_limit(1 << 27)


@dataclass(frozen=True)
class Form:
    """Where the documents of a text begin and end: `--documents KIND` or `KIND:FIELD`."""

    kind: str
    field: str = ""
    label: str | None = None  # the field of the label, "" for what stands before a tab; None if there are no labels

    @classmethod
    def of(cls, documents: str, label: str | None = None) -> Form:
        """The form that a user named; ConfigError if there is none."""
        kind, colon, field = documents.partition(":")
        if kind not in FIELDS or bool(field) != FIELDS[kind] or bool(colon) != FIELDS[kind]:
            raise ConfigError(f"documents {shown(documents)} is not known: choose from {FORMS}")
        return cls(kind, field, None if label is None else label_field(label, documents))

    def cut(self, lines: Iterable[str], source: str) -> Iterator[str]:
        """The documents of one source, given as its lines without their ends; what follows the last line end is one."""
        return (document for _, document in self.numbered(lines, source))

    def numbered(self, lines: Iterable[str], source: str) -> Iterator[tuple[int, str]]:
        """As `cut`, with the number of each document's first line; of a row of a table, with that of its last line."""
        if self.kind == "files":
            yield 1, "\n".join(lines).removesuffix("\n")
            return
        if self.kind == "paragraphs":
            yield from _paragraphs(lines)
            return
        if self.kind == "lines":
            yield from enumerate(lines, 1) if self.label is None else _after_labels(lines, source)
            return
        names = [self.field, *([] if self.label is None else [self.label])]
        rows = json_rows(lines, source) if self.kind == "jsonl" else csv_rows(lines, source, names)
        for number, row in rows:
            place = f"'{source}', line {number:,}"
            value = text_of(row, self.field, place)
            yield number, value if self.label is None else labelled(text_of(row, self.label, place), value, place)


FIELDS = {"lines": False, "paragraphs": False, "files": False, "jsonl": True, "csv": True}  # kind → names a field


def text_of(row: dict[str, object], field: str, place: str) -> str:
    """The text in a field of a row; TextError if there is none, or it cannot be a document."""
    if field not in row:
        raise TextError(f"{place} has no '{field}'{nearest(field, row)}")
    value = row[field]
    if not isinstance(value, str):
        raise TextError(f"{place} has {shown(value)} for '{field}', which must be text")
    if BOUNDARY in value:
        raise TextError(f"{place}: '{field}' has a zero byte, which is not text")
    if not value.isascii() and HALF.search(value):
        raise TextError(f"{place}: '{field}' has half of a surrogate pair, which is not text")
    return value


def _paragraphs(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """What stands between lines that hold nothing but space. The first line and the last belong to a paragraph."""
    paragraph, begins, last = list[str](), 0, True
    for number, (line, last) in enumerate(_with_last(lines), 1):
        blank = not line.strip(" \t")
        if number == 1 or last or not blank:
            paragraph.append(line)
            begins = begins or number * (not blank)
        elif paragraph:
            yield begins, "\n".join(paragraph).strip("\n")
            paragraph, begins = [], 0
    yield begins, "\n".join(paragraph).strip("\n")


def _with_last(lines: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is the last."""
    held = list[str]()
    for line in lines:
        if held:
            yield held.pop(), False
        held.append(line)
    for line in held:
        yield line, True


def _after_labels(lines: Iterable[str], source: str) -> Iterator[tuple[int, str]]:
    """The documents of lines that each hold a label, a tab and a text, with their numbers."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            place = f"'{source}', line {number:,}"
            label, tab, document = line.partition("\t")
            if not tab:
                raise TextError(f"{place} has no tab between a label and a text: {shown(line)}")
            yield number, labelled(label, document, place)


def json_rows(lines: Iterable[str], source: str) -> Iterator[tuple[int, dict[str, object]]]:
    """The objects of JSON lines, each with the number of its line; TextError if a line is none."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise TextError(f"'{source}', line {number:,} is not JSON: {error}") from None
        if not isinstance(row, dict):
            raise TextError(f"'{source}', line {number:,} is not a JSON object: {shown(row)}")
        yield number, row


def csv_rows(lines: Iterable[str], source: str, names: Sequence[str]) -> Iterator[tuple[int, dict[str, object]]]:
    """The rows of a CSV table that has columns of these names, each with the number of its last line.

    Raises
    ------
    TextError
        It is not CSV, lacks a column or has two of that name, or a row is too short.
    """
    reader = csv.DictReader((line if last else line + "\n" for line, last in _with_last(lines)), strict=True)
    after = 0
    try:
        _check_header(list(reader.fieldnames or ()), source, names)
        for row in reader:
            after = reader.line_num
            if missing := [name for name in names if row[name] is None]:
                raise TextError(f"'{source}', line {after:,} is too short: it has nothing for '{missing[0]}'")
            yield after, dict(row)
    except csv.Error as error:
        quotes = "; is a quotation mark missing?" if "unexpected end" in str(error) else ""
        raise TextError(f"'{source}' is not CSV after line {after:,}: {error}{quotes}") from None


def _check_header(header: Sequence[str], source: str, names: Sequence[str]) -> None:
    for name in names:
        if name not in header:
            other = next((mark for mark in (";", "\t", "|") if len(header) == 1 and mark in header[0]), None)
            hint = f": it has {other!r} between its columns, and a CSV table has commas" if other else ""
            raise TextError(f"'{source}' has no column '{name}'{hint or nearest(name, header)}")
        if header.count(name) > 1:
            raise TextError(f"'{source}' has {header.count(name)} columns '{name}': rename all but one")
