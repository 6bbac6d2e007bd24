"""The lines of files or of a CSV column, for the commands that score or classify each."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from charrnn.cli.output import echo_text
from charrnn.errors import TextError, UnknownCharacterError
from charrnn.text.reading import lines_of, pieces
from charrnn.text.vocabulary import Vocabulary


def numbered_lines(sources: list[str], column: str | None, encoding: str) -> Iterator[tuple[int, str]]:
    """The lines of the sources that hold something, or the fields of a column, with the numbers of their lines."""
    lines = _lines(sources, encoding)
    return _column(lines, column) if column else lines


def known_lines(vocabulary: Vocabulary, lines: Iterable[tuple[int, str]], on_unknown: str) -> Iterator[str]:
    """The texts of lines; TextError names the line of an unknown character."""
    for number, text in lines:
        try:
            vocabulary.encode(text, on_unknown)
        except UnknownCharacterError as error:
            raise TextError(f"line {number:,}: {error}") from None
        yield text


def _lines(sources: list[str], encoding: str) -> Iterator[tuple[int, str]]:
    """The lines that hold something, numbered from 1."""
    numbered = enumerate(lines_of(pieces(sources, encoding)), 1)
    return ((number, line) for number, line in numbered if line.strip())


def _column(lines: Iterator[tuple[int, str]], column: str) -> Iterator[tuple[int, str]]:
    """The fields of a column of a CSV table."""
    reader = csv.DictReader(line + "\n" for _, line in lines)
    try:
        if column not in (reader.fieldnames or ()):
            raise TextError(
                f"no column is called '{column}': choose from {', '.join(map(repr, reader.fieldnames or ()))}"
            )
        for row in reader:
            if (row[column] or "").strip():
                yield reader.line_num, row[column]
    except csv.Error as error:
        raise TextError(f"line {reader.line_num:,} is not CSV: {error}") from None


class AsResults:
    """A file for csv.writer that writes as every other result is written."""

    def write(self, line: str) -> None:
        echo_text(line, end="")
