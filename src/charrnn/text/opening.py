"""From sources to a corpus, however large they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from charrnn.text.corpus import Corpus
from charrnn.text.library import read_text
from charrnn.text.mapped import Say, Tell, is_large, large_corpus


def source_list(text: str | Path | Sequence[str | Path]) -> list[str]:
    """One source or several, as the strings that a user would type."""
    return [str(source) for source in ([text] if isinstance(text, str | Path) else text)]


def open_corpus(sources: Sequence[str], encoding: str, say: Say, tell: Tell) -> tuple[Corpus, str]:
    """The text of files, of standard input or of the library, encoded; and the text itself, or "" if it is large.

    `say` receives remarks, `tell` the progress of encoding a large text.
    """
    if is_large(sources):
        return large_corpus(sources, encoding, say, tell), ""
    reading = read_text(sources, encoding)
    for remark in reading.remarks:
        say(remark)
    return Corpus.from_reading(reading), reading.text
