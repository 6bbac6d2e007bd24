"""The lines of files or of a CSV column, for the commands that score or classify each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from charrnn.cli.output import echo_text
from charrnn.errors import TextError, UnknownCharacterError
from charrnn.text.forms import csv_rows
from charrnn.text.reading import STDIN, lines_of, name_of, pieces
from charrnn.text.vocabulary import Vocabulary


def numbered_lines(sources: list[str], column: str | None, encoding: str) -> Iterator[tuple[int, str]]:
    """The lines of the sources that hold something, or the fields of a column, with the numbers of their lines."""
    lines = lines_of(pieces(sources, encoding))
    if column is None:
        return ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    rows = csv_rows(lines, "standard input" if sources == [STDIN] else name_of(sources), [column])
    return ((number, text) for number, row in rows if (text := str(row[column])).strip())


def known_lines(vocabulary: Vocabulary, lines: Iterable[tuple[int, str]], on_unknown: str) -> Iterator[str]:
    """The texts of lines; TextError names the line of an unknown character."""
    for number, text in lines:
        try:
            vocabulary.encode(text, on_unknown)
        except UnknownCharacterError as error:
            raise TextError(f"line {number:,}: {error}") from None
        yield text


class AsResults:
    """A file for csv.writer that writes as every other result is written."""

    def write(self, line: str) -> None:
        echo_text(line, end="")
