"""`--to npz`: arrays for a program that has NumPy; `charrnn.load` reads the file, too."""

from __future__ import annotations

from pathlib import Path

from charrnn.export.contents import Contents
from charrnn.language_model import LanguageModel
from charrnn.runs.npz_file import write_npz


def check(out: Path, model: LanguageModel) -> None:
    """Refuse nothing: every model can be written."""


def write(out: Path, contents: Contents) -> list[Path]:
    write_npz(out, contents.arrays | contents.counts, contents.header)
    return [out]
