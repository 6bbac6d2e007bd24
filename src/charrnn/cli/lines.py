"""The texts of files, such as their lines, for the commands that score or classify them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import click

from charrnn.cli.output import echo_text
from charrnn.errors import ConfigError, TextError, UnknownCharacterError
from charrnn.language_model import LanguageModel
from charrnn.text.documents import numbered_documents
from charrnn.text.forms import FORMS, Form
from charrnn.text.reading import STDIN, check_sources
from charrnn.text.vocabulary import Vocabulary

LINE_END = "↵"

documents_option = click.option(
    "--documents", metavar="FORM",
    help=f"How FILES are cut into texts, as in training: {FORMS}.  [default: lines]",
)  # fmt: skip
column_option = click.option("--column", metavar="NAME", help="FILES are CSV tables: take this column of each row.")
field_option = click.option("--field", metavar="NAME", help="FILES are JSON lines: take this field of each object.")


class Lines(NamedTuple):
    """The texts of files: their lines or paragraphs, a column of their tables, or a field of their JSON objects."""

    sources: list[str]
    form: Form
    encoding: str

    @classmethod
    def of(
        cls, files: tuple[str, ...], documents: str | None, column: str | None, field: str | None, encoding: str
    ) -> Lines:
        """As a user chose them; ConfigError or TextError if they cannot be read in this way."""
        if (documents, column, field).count(None) < 2:
            raise ConfigError(
                "--documents, --column (CSV tables) and --field (JSON lines) exclude each other: choose one"
            )
        sources = list(files or [STDIN])
        check_sources(sources)
        form = Form.of(documents or "lines")
        form = Form("jsonl", field) if field is not None else form
        return cls(sources, form if column is None else Form("csv", column), encoding)

    @property
    def whole(self) -> bool:
        """Whether the texts are all of the files."""
        return not self.form.field

    @property
    def noun(self) -> str:
        """What a user calls them."""
        return "lines" if self.form.field else self.form.kind

    def numbered(self, model: LanguageModel, say: Callable[[str], None]) -> Iterator[tuple[int, str]]:
        """The texts that hold something, with the numbers of their lines; and a remark if others may be meant."""
        first = self.form.kind == "lines"
        for number, text in numbered_documents(self.sources, self.form, self.encoding, say):
            if first and (remark := _question(text, model)):
                say(remark)
            first = False
            yield number, text


def _question(first: str, model: LanguageModel) -> str | None:
    """What to ask if the first line is that of a table, or of JSON lines, such as the model was trained on."""
    kind, _, field = str(model.provenance.get("settings", {}).get("documents")).partition(":")
    if kind == "csv" and field in first.split(","):
        return f"the first line looks like the header of a CSV table, and each line is read whole: --column {field}?"
    if kind in ("paragraphs", "files"):
        return f"the model learned {kind}, and each line is read by itself: --documents {kind}?"
    if kind == "jsonl" and first.lstrip().startswith("{"):
        return f"the first line looks like JSON, and each line is read whole: --field {field}?"
    return None


def known_lines(vocabulary: Vocabulary, lines: Iterable[tuple[int, str]], on_unknown: str) -> Iterator[str]:
    """The texts; TextError names the line of one with an unknown character."""
    for number, text in lines:
        try:
            vocabulary.encode(text, on_unknown)
        except UnknownCharacterError as error:
            raise TextError(f"line {number:,}: {error}") from None
        yield text


def one_line(text: str) -> str:
    """A text as a line of a table: another character stands for each of its line ends."""
    return text.replace("\n", LINE_END)


class AsResults:
    """A file for csv.writer that writes as every other result is written."""

    def write(self, line: str) -> None:
        echo_text(line, end="")
