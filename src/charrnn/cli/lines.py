"""The lines of files, or a column or field of each, for the commands that score or classify them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import click

from charrnn.cli.output import echo_text
from charrnn.errors import ConfigError, TextError, UnknownCharacterError
from charrnn.language_model import LanguageModel
from charrnn.text.documents import numbered_documents
from charrnn.text.forms import Form
from charrnn.text.reading import STDIN, check_sources
from charrnn.text.vocabulary import Vocabulary

column_option = click.option("--column", metavar="NAME", help="FILES are CSV tables: take this column of each row.")
field_option = click.option("--field", metavar="NAME", help="FILES are JSON lines: take this field of each object.")


class Lines(NamedTuple):
    """The texts of files: their lines, a column of their tables, or a field of their JSON objects."""

    sources: list[str]
    form: Form
    encoding: str

    @classmethod
    def of(cls, files: tuple[str, ...], column: str | None, field: str | None, encoding: str) -> Lines:
        """As a user chose them; ConfigError or TextError if they cannot be read in this way."""
        if column is not None and field is not None:
            raise ConfigError("--column is for CSV tables and --field for JSON lines: leave one of them out")
        sources = list(files or [STDIN])
        check_sources(sources)
        form = Form("lines") if field is None else Form("jsonl", field)
        return cls(sources, form if column is None else Form("csv", column), encoding)

    @property
    def whole(self) -> bool:
        """Whether every line is a text."""
        return self.form.kind == "lines"

    def numbered(self, model: LanguageModel, say: Callable[[str], None]) -> Iterator[tuple[int, str]]:
        """The texts that hold something, with the numbers of their lines; and a remark if others may be meant."""
        for number, text in numbered_documents(self.sources, self.form, self.encoding, say):
            if number == 1 and self.whole and (remark := _question(text, model)):
                say(remark)
            yield number, text


def _question(first: str, model: LanguageModel) -> str | None:
    """What to ask if the first line is that of a table, or of JSON lines, such as the model was trained on."""
    kind, _, field = str(model.provenance.get("settings", {}).get("documents")).partition(":")
    if kind == "csv" and field in first.split(","):
        return f"the first line looks like the header of a CSV table, and each line is read whole: --column {field}?"
    if kind == "jsonl" and first.lstrip().startswith("{"):
        return f"the first line looks like JSON, and each line is read whole: --field {field}?"
    return None


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
