"""Characters and their ids: the id of a character is its rank among the sorted characters of the text."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Iterator

import numpy as np

from charrnn.arrays import Array
from charrnn.config import BOUNDARY as BOUNDARY
from charrnn.config import BOUNDARY_ID
from charrnn.errors import ConfigError, TextError, UnknownCharacterError
from charrnn.settings import check_value, shown
from charrnn.units import unit_of

PIECE = 1 << 20  # characters encoded at a time, so that temporary arrays stay small beside the text
ON_UNKNOWN = ("error", "skip")
MARK = "\ufeff"  # a byte order mark
FIRST_LABEL, LAST_LABEL = "\U00100000", "\U0010ffff"  # in a vocabulary of documents, these stand for labels


class Vocabulary:
    """The characters that a model knows, in the order of their code points.

    Parameters
    ----------
    characters : iterable of str
        Single characters, in any order; repetitions do not matter.
    documents : bool
        The boundary between documents also has an id, the first, BOUNDARY_ID. No text is encoded as this id, nor as
        the last ids, those of labels.
    """

    def __init__(self, characters: Iterable[str], documents: bool = False) -> None:
        self.documents = documents
        self.characters = "".join(sorted({*characters, BOUNDARY} if documents else set(characters)))
        if not self.characters:
            raise TextError("a vocabulary needs at least one character")
        if half := next((c for c in self.characters if "\ud800" <= c <= "\udfff"), None):
            raise TextError(f"U+{ord(half):04X} is half of a surrogate pair, not a character: UTF-8 cannot hold it")
        points = np.array([ord(c) for c in self.characters])
        self._points = points.astype("<u4")
        self.id_dtype = np.min_scalar_type(len(points) - 1)  # the smallest unsigned type that holds every id
        self._id_of = np.full(points[-1] + 1, -1, np.int32)
        self._id_of[points] = np.arange(len(points))
        self.label_ids = np.flatnonzero(points >= ord(FIRST_LABEL)) if documents else np.empty(0, np.intp)
        self.shown = [*self.characters]  # what is written of each id: nothing of a label
        for k in self.label_ids:
            self.shown[k] = ""
        if documents:
            self._id_of[[ord(BOUNDARY), *points[self.label_ids]]] = -1

    @property
    def unit(self) -> str:
        """Over what the mean of a loss is: see `units`."""
        return unit_of(self.documents, len(self.label_ids) > 0)

    def __len__(self) -> int:
        return len(self.characters)

    def __contains__(self, character: str) -> bool:
        return character in self.characters

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return False
        return (self.characters, self.documents) == (other.characters, other.documents)

    def __hash__(self) -> int:
        return hash((self.characters, self.documents))

    def encode(self, text: str, on_unknown: str = "error") -> Array:
        """The ids (N,) of a text as `mend` returns it, in the smallest unsigned type.

        Parameters
        ----------
        on_unknown : {"error", "skip"}
            What to do with a character that the vocabulary lacks: refuse the text, or leave the character out.

        Raises
        ------
        UnknownCharacterError
            Names the first unknown character, its code point and its position.
        """
        if on_unknown not in ON_UNKNOWN:
            raise ConfigError(f"on_unknown {shown(on_unknown)} is not known: choose from {', '.join(ON_UNKNOWN)}")
        text = self.mend(text)
        ids = np.empty(len(text), self.id_dtype)
        filled = 0
        for start in range(0, len(text), PIECE):
            points = np.frombuffer(text[start : start + PIECE].encode("utf-32-le", "surrogatepass"), "<u4")
            found = self._id_of[np.minimum(points, len(self._id_of) - 1)]
            unknown = (found < 0) | (points >= len(self._id_of))
            if unknown.any():
                if on_unknown == "error":
                    raise _unknown(text, start + int(unknown.argmax()))
                found = found[~unknown]
            ids[filled : filled + len(found)] = found
            filled += len(found)
        return ids[:filled]

    def encode_documents(self, texts: Iterable[str], on_unknown: str = "error", symbols: Iterable[str] = ()) -> Array:
        """The ids (N,) of documents, with a boundary before each and after the last.

        Parameters
        ----------
        symbols : iterable of str
            The symbol of the label of each document, which follows its boundary; none where documents have no labels.
        """
        pairs = zip(symbols or itertools.repeat(""), map(self.mend, texts), strict=False)
        parts = [self._encoded(group, on_unknown) for group in _groups(pairs)]
        return np.concatenate([*parts, np.array([BOUNDARY_ID], self.id_dtype)])

    def _encoded(self, group: list[tuple[str, str]], on_unknown: str) -> Array:
        """The ids of documents, symbols and texts, that are encoded together: one array instead of one for each."""
        joined = BOUNDARY + BOUNDARY.join(map("".join, group))
        points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4")
        ids = self._id_of[np.minimum(points, len(self._id_of) - 1)]
        own = np.cumsum([0, *(1 + len(symbol + text) for symbol, text in group)])[:-1]  # the place of each boundary
        ids[own] = BOUNDARY_ID
        if any(symbol for symbol, _ in group):
            ids[own + 1] = [self.characters.index(symbol) for symbol, _ in group]
        if (ids >= 0).all() and points.max() < len(self._id_of):
            return np.asarray(ids.astype(self.id_dtype))
        parts = []  # one by one: an error has the place in its own text, and what is skipped makes a text shorter
        for symbol, text in group:
            begin = [BOUNDARY_ID, *map(self.characters.index, symbol)]
            parts += [np.array(begin, self.id_dtype), self.encode(text, on_unknown)]
        return np.concatenate(parts)

    def mend(self, text: str) -> str:
        """Return a text with its beginning and its line ends mended as those of files are: all sources are alike.

        A byte order mark at the beginning is dropped and line ends become "\\n", unless the vocabulary has them.
        """
        check_value("text", text, "str")
        if MARK not in self.characters:
            text = text.removeprefix(MARK)
        return text if "\r" in self.characters else line_ends_mended(text)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of a sequence of ids."""
        if isinstance(ids, np.ndarray):
            return self._points[ids].tobytes().decode("utf-32-le")
        return "".join([self.characters[i] for i in ids])


def _groups(pairs: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Symbols and texts in groups of PIECE characters or more."""
    group: list[tuple[str, str]] = []
    size = 0
    for pair in pairs:
        group.append(pair)
        size += 1 + len(pair[1])
        if size >= PIECE:
            yield group
            group, size = [], 0
    if group:
        yield group


def line_ends_mended(text: str) -> str:
    """Return a text with "\\n" in the place of every CRLF and CR."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def describe(character: str) -> str:
    """A character with its code point and name: "'é' (U+00E9, LATIN SMALL LETTER E WITH ACUTE)"."""
    name = unicodedata.name(character, "")
    return f"{character!r} (U+{ord(character):04X}{', ' if name else ''}{name})"


def _unknown(text: str, position: int) -> UnknownCharacterError:
    found = f"character {describe(text[position])} at position {position:,} is not in the model's vocabulary"
    error = UnknownCharacterError(
        f"{found}: remove or replace it, or choose to skip unknown characters (--on-unknown skip)"
    )
    error.found = found
    return error
