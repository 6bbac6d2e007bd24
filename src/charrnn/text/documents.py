"""A list of documents: how it is read, encoded and split.

Documents are split one by one: a hash of the document's own text and the seed decides its part. Equal documents
are therefore in the same part, and documents that are added move none of the others.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.arrays import Array, places_of
from charrnn.config import BOUNDARY_ID
from charrnn.errors import TextError
from charrnn.text.corpus import SPLITS, Corpus
from charrnn.text.forms import Form
from charrnn.text.labels import LabelledDocument, labels_of, symbol
from charrnn.text.library import read_text
from charrnn.text.reading import lines_of, name_of, pieces, read_files
from charrnn.text.vocabulary import BOUNDARY, FIRST_LABEL, Vocabulary

LIST_LABEL = "jsonl:label"
LIST = "jsonl:text"  # how a list that was given in Python is kept in the run folder
SEEN = 200_000  # characters that decide whether a text looks like a list
LEAST_LINES, LONGEST_LINE = 100, 200
GROUP = 4096  # documents that are joined at a time


def read_documents(
    sources: Sequence[str], documents: str, encoding: str, say: Callable[[str], None], label: str | None = None
) -> list[str]:
    """The documents of files, of standard input or of the library; those that hold nothing but space are left out.

    With `label`, each is its label, a zero byte and its text.

    Raises
    ------
    ConfigError, TextError
        The form is not known, or a source does not have it.
    """
    form, found = Form.of(documents, label), list[str]()
    for source in sources or [""]:
        reading = (
            read_text([source] if source else [], encoding) if len(sources) < 2 else read_files([source], encoding)
        )
        for remark in reading.remarks:
            say(remark)
        found += documents_in(reading.text.split("\n"), form, source or reading.name)
    return found


def documents_in(lines: Iterable[str], form: Form, source: str) -> Iterator[str]:
    """The documents of one source that hold more than space."""
    return filter(_holds_something, form.cut(lines, source))


def numbered_documents(
    sources: Sequence[str], form: Form, encoding: str, say: Callable[[str], None]
) -> Iterator[tuple[int, str]]:
    """The documents of files that are lines or rows, each with the number of its line, which counts on between files.

    They are read as `read_documents` reads them, but a line at a time.
    """
    before = 0  # lines of the sources that have been read
    for source in sources:
        remarks = list[str]()
        lines = _Counted(lines_of(pieces([source], encoding, remarks)))
        for number, document in form.numbered(lines, source):
            if _holds_something(document):
                yield before + number, document
        for remark in remarks:
            say(remark)
        before += lines.number - (not lines.last)  # a line end at the end of a file begins no line


class _Counted:
    """Lines that are counted as they pass."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines, self.number, self.last = lines, 0, ""

    def __iter__(self) -> Iterator[str]:
        for line in self.lines:
            self.number, self.last = self.number + 1, line
            yield line


def _holds_something(document: str) -> bool:
    return bool(LabelledDocument.of(document).text.strip())


def form_of_files(documents: str | None, label: str | None) -> tuple[str, str | None]:
    """The form and the labels of files that go with a list: beside one that was given in Python, they are of lines."""
    return ("lines", label and "tsv") if documents in (None, LIST) else (documents, label)


def document_name(sources: Sequence[str]) -> str:
    """The name of the list."""
    return name_of(sources) if sources else read_text([]).name


@dataclass(frozen=True)
class DocumentCorpus(Corpus):
    """Documents, encoded one after the other with a boundary before each and after the last."""

    number: int  # of documents, without repeats if these are dropped
    repeats: int  # documents that are equal to an earlier one
    labels: tuple[str, ...]  # sorted; the first symbol of each document stands for its label, if there are any

    @property
    def documents(self) -> list[str]:
        """The documents, each as in a list: a label and a zero byte, if it has a label, then the text."""
        return written_out(self.ids, self.vocabulary, self.labels)


@dataclass(frozen=True)
class ListedDocuments(DocumentCorpus):
    """Documents in the order of their list."""

    starts: Array  # (D + 1,) the place of each document's boundary in ids, and of the last boundary
    shares: Array  # (D,) where each document stands between 0 and 1, by which it is split
    parts: Array  # (D,) "" for a document that its share decides about; else the part that its file was named for

    @classmethod
    def from_documents(
        cls,
        texts: Sequence[str],
        name: str,
        seed: int,
        unique: bool = False,
        named: Mapping[str, Sequence[str]] | None = None,
    ) -> ListedDocuments:
        """Encode documents, with their own sorted characters as the vocabulary.

        A labelled document is split by its text alone: equal texts are on the same side, whatever their labels.

        Parameters
        ----------
        named : mapping, optional
            The documents of the files that were named for a part, "val" or "test".
        """
        all_of_them = [texts, *(named or {}).values()]
        repeats = len(texts) - len(set(texts))
        if unique:
            all_of_them = [list(dict.fromkeys(each)) for each in all_of_them]
        texts = list(itertools.chain.from_iterable(all_of_them))
        parts = np.repeat(["", *(named or {})], list(map(len, all_of_them)))
        if not texts:
            raise no_document(name)
        labels = labels_of(texts)
        symbol_of = {label: symbol(labels, label) for label in labels}

        def pairs() -> Iterator[LabelledDocument]:
            return map(LabelledDocument.of, texts)

        characters = set(symbol_of.values())
        for _, text in pairs():
            characters.update(text)
        vocabulary = Vocabulary(characters, documents=True)
        symbols = [symbol_of[label] for label, _ in pairs()] if labels else []
        ids = vocabulary.encode_documents((text for _, text in pairs()), symbols=symbols)
        lengths = np.fromiter((len(text) + 1 + bool(labels) for _, text in pairs()), np.int64, len(texts))
        starts = np.append(0, np.cumsum(lengths))
        assert len(ids) == starts[-1] + 1
        shares = np.fromiter((share_of(text, seed) for _, text in pairs()), float, len(texts))
        sha256 = documents_sha256(texts)
        return cls(name, ids, vocabulary, sha256, len(texts), repeats, labels, starts, shares, parts)

    @property
    def of_the_list(self) -> list[str]:
        """The documents of the list itself, without those of files that were named for a part."""
        return [document for document, part in zip(self.documents, self.parts, strict=True) if not part]

    def split(self, val_fraction: float, test_fraction: float) -> dict[str, Array]:
        """The ids of each part, copies in the order of the list.

        Raises
        ------
        TextError
            A part that was asked for would hold no document.
        """
        limits = limits_of(val_fraction, test_fraction, set(self.parts))
        parts = {}
        for name, (low, high) in limits.items():
            own = (self.shares >= low) & (self.shares < high) & (self.parts == "")
            inside = own | (self.parts == name)
            if not inside.any() and high > low:
                raise empty_part(self, name)
            ids = self.ids[:-1][np.repeat(inside, np.diff(self.starts))]
            parts[name] = np.append(ids, self.ids[:1]) if len(ids) else ids
        return parts

    def split_sizes(self, val_fraction: float, test_fraction: float) -> dict[str, int]:
        return {name: len(ids) for name, ids in self.split(val_fraction, test_fraction).items()}


def limits_of(val_fraction: float, test_fraction: float, named: Container[str]) -> dict[str, tuple[float, float]]:
    """Between which shares the documents of each part are, without those of files that were named for a part."""
    val, test = (0.0 if part in named else f for part, f in (("val", val_fraction), ("test", test_fraction)))
    limits = {"train": (test + val, 1.0), "val": (test, test + val), "test": (0.0, test)}
    return {part: limits[part] for part in SPLITS}


def also_in_the_list(both: int, number: int, part: str, path: str) -> str:
    return f"{both:,} of the {number:,} documents of --{part} {path} are also in the list"


def no_document(name: str) -> TextError:
    return TextError(f"{name} holds no document: a model needs a text to learn from")


PART_NAMES = {"train": "training", "val": "validation", "test": "test"}


def empty_part(corpus: DocumentCorpus, part: str) -> TextError:
    repeats = f" ({corpus.repeats:,} repeats; equal ones fall on the same side)" if corpus.repeats else ""
    option = "val" if part == "train" else part
    return TextError(
        f"{corpus.name} has {corpus.number:,} document{'s' * (corpus.number != 1)}{repeats}; none is in the "
        f"{PART_NAMES[part]} split: use a longer list, name a file with --{option}, or leave out that split with "
        f"--{option}-fraction 0"
    )


def written_out(ids: Array, vocabulary: Vocabulary, labels: Sequence[str]) -> list[str]:
    """The documents of ids (N,), each as it stands in a list."""
    texts = vocabulary.decode(ids).split(BOUNDARY)[1:-1]
    return [labels[ord(t[0]) - ord(FIRST_LABEL)] + BOUNDARY + t[1:] for t in texts] if labels else texts


def documents_sha256(texts: Sequence[str]) -> str:
    """SHA-256 of documents with a boundary before each and after the last, in hexadecimal."""
    digest = hashlib.sha256()
    for start in range(0, len(texts), GROUP):
        digest.update("".join(BOUNDARY + text for text in texts[start : start + GROUP]).encode())
    digest.update(BOUNDARY.encode())
    return digest.hexdigest()


def share_of(document: str, seed: int) -> float:
    """A number from 0 to 1 that the document's text and the seed decide."""
    return int.from_bytes(share_bytes(document, seed), "big") / 2**64


def share_bytes(document: str, seed: int) -> bytes:
    """The share, times 2**64, as eight bytes, the highest first."""
    return hashlib.blake2b(document.encode(), digest_size=8, key=str(seed).encode()).digest()


def count_documents(ids: Array) -> int:
    """How many documents ids (N,) hold, between their boundaries."""
    return max(0, len(places_of(BOUNDARY_ID, ids)) - 1)


def looks_like_a_list(text: str) -> int | None:
    """The number of lines of a text that looks like a list of documents, one a line; None if it does not.

    It has many short lines, none of them empty, and they are not filled up to a margin, as those of wrapped prose are.
    """
    lines = text[:SEEN].split("\n")[: -1 if len(text) > SEEN or text.endswith("\n") else None]
    if len(lines) < LEAST_LINES or not all(line.strip() for line in lines):
        return None
    lengths = [len(line) for line in lines]
    middle, longest = np.median(lengths), max(lengths)
    filled = sum(length > 0.8 * longest for length in lengths) > 0.7 * len(lines)
    if middle > LONGEST_LINE or (filled and " " in text[:SEEN] and middle > 40):
        return None
    return text.count("\n") + (not text.endswith("\n"))


def kept(texts: Iterable[str]) -> bytes:
    """A list as JSON lines, which a run folder keeps if the list is in no file."""
    pairs = (LabelledDocument.of(document) for document in texts)
    rows = ({"label": label, "text": text} if label else {"text": text} for label, text in pairs)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
