"""A text as training uses it: its ids, their vocabulary, and the contiguous splits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from charrnn.arrays import Array
from charrnn.errors import TextError
from charrnn.text.reading import Reading
from charrnn.text.vocabulary import PIECE, Vocabulary

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Corpus:
    """A text, encoded.

    Attributes
    ----------
    ids : (N,) unsigned integer array
    sha256 : str
        Of the text's UTF-8 bytes as it was used: for a UTF-8 file without byte order mark and CRLF, of the file.
    """

    name: str
    ids: Array
    vocabulary: Vocabulary
    sha256: str
    # Of the parts, where files were named for some of them.
    sizes: Mapping[str, int] | None = field(default=None, kw_only=True)

    @classmethod
    def from_reading(cls, reading: Reading, vocabulary: Vocabulary | None = None) -> Corpus:
        """Encode a text, with its own sorted characters as the vocabulary unless one is given."""
        vocabulary = vocabulary or Vocabulary(reading.text)
        return cls(reading.name, vocabulary.encode(reading.text), vocabulary, text_sha256(reading.text))

    def split_sizes(self, val_fraction: float, test_fraction: float) -> dict[str, int]:
        """Characters in each part; the parts follow one another in the order train, val, test."""
        return dict(self.sizes or part_sizes(len(self.ids), val_fraction, test_fraction))

    def split(self, val_fraction: float, test_fraction: float) -> dict[str, Array]:
        """The ids of each part, as views.

        Raises
        ------
        TextError
            A part that was asked for would hold fewer than two characters, so that nothing in it can be predicted.
        """
        sizes = self.split_sizes(val_fraction, test_fraction)
        for name, wanted in zip(SPLITS, (1.0, val_fraction, test_fraction), strict=True):
            if wanted and sizes[name] < 2 and not (self.sizes and name != "train"):
                raise TextError(
                    f"the text has {len(self.ids):,} characters, which leaves {sizes[name]} for the {name} split: "
                    f"use a longer text, or --{'val' if name == 'train' else name}-fraction 0"
                )
        ends = {"train": sizes["train"], "val": sizes["train"] + sizes["val"], "test": len(self.ids)}
        return {name: self.ids[ends[name] - sizes[name] : ends[name]] for name in SPLITS}


def part_sizes(characters: int, val_fraction: float, test_fraction: float) -> dict[str, int]:
    """Characters in each part of a text that is split by position."""
    val_start = int(characters * (1.0 - val_fraction - test_fraction) + 1e-9)
    test_start = int(characters * (1.0 - test_fraction) + 1e-9)
    return {"train": val_start, "val": test_start - val_start, "test": characters - test_start}


def text_sha256(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes, in hexadecimal."""
    digest = hashlib.sha256()
    for start in range(0, len(text), PIECE):
        digest.update(text[start : start + PIECE].encode())
    return digest.hexdigest()
