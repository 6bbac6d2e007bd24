"""From sources to a corpus, however large they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from charrnn.errors import ConfigError
from charrnn.settings import check_path
from charrnn.text.corpus import Corpus
from charrnn.text.library import read_text
from charrnn.text.mapped import Say, Tell, is_large, large_corpus
from charrnn.text.reading import STDIN, check_sources


def source_list(text: str | Path | Sequence[str | Path]) -> list[str]:
    """One source or several, as the strings that a user would type.

    Raises
    ------
    ConfigError
        The argument `text` is neither a path nor a list of paths, or an empty list.
    """
    if isinstance(text, tuple) and not text:  # none was given
        return []
    if isinstance(text, Iterable) and not isinstance(text, str | bytes | bytearray | Mapping):
        sources = list(text)
    else:
        sources = [text]
    if not sources:
        raise ConfigError("text is an empty list: name a file, or leave it out")
    return [str(check_path("text", source)) if source != STDIN else STDIN for source in sources]


def open_corpus(sources: Sequence[str], encoding: str, say: Say, tell: Tell) -> tuple[Corpus, str]:
    """The text of files, of standard input or of the library, encoded; and the text itself, or "" if it is large.

    `say` receives remarks, `tell` the progress of encoding a large text.
    """
    check_sources(sources)
    if is_large(sources):
        return large_corpus(sources, encoding, say, tell), ""
    reading = read_text(sources, encoding)
    for remark in reading.remarks:
        say(remark)
    return Corpus.from_reading(reading), reading.text
