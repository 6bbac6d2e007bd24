"""Large lists of documents: cut and encoded once, into a file of ids in the cache, and read from there.

The file holds the documents of the training split, then those of the validation and the test split, each in the order
of the list, and a boundary after the last. Its name comes from what it was made from: the bytes of the sources, the
form of the documents, the seed and the fractions of the splits. It is checked as that of a large text is.

The list is read twice, a line at a time. In between, 28 bytes of each document are kept: the length, the hash that
finds repeats, and the hash that decides about the split.
"""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from charrnn.arrays import Array
from charrnn.config import BOUNDARY_ID
from charrnn.errors import UnknownCharacterError
from charrnn.text import mapped
from charrnn.text.corpus import SPLITS
from charrnn.text.documents import (
    DocumentCorpus,
    also_in_the_list,
    documents_in,
    empty_part,
    limits_of,
    no_document,
    share_bytes,
)
from charrnn.text.forms import Form
from charrnn.text.labels import LabelledDocument, checked_labels, symbol
from charrnn.text.library import file_sha256
from charrnn.text.mapped import Fingerprint, MappedIds, Say, Tell
from charrnn.text.reading import lines_of, name_of, pieces
from charrnn.text.vocabulary import BOUNDARY, Vocabulary

LARGE_LIST_BYTES = 4 << 20  # of source files; a list of this size or more is cut once, and not by every run
FORMAT = 1  # of the facts
HASH_BYTES = 16  # of a document's hash, by which repeats are found
WRITTEN = 1 << 18  # characters of a part that are encoded together
NO_PART = len(SPLITS)  # of a repeat that is dropped


@dataclass(frozen=True)
class Origin:
    """What decides which documents of which files are in which split."""

    sources: Sequence[str]
    named: Mapping[str, str]  # "val" and "test", where a file was named
    encoding: str
    form: Form
    form_of_named: Form
    seed: int
    unique: bool
    fractions: tuple[float, float]  # of the list, for validation and test

    @property
    def name(self) -> str:
        return name_of(self.sources)

    def groups(self) -> list[Sequence[str]]:
        """The files of the list, and those that were named for a part."""
        return [self.sources, *([path] for path in self.named.values())]

    def size(self) -> int:
        return sum(os.path.getsize(source) for sources in self.groups() for source in sources)


@dataclass(frozen=True)
class StoredDocuments(DocumentCorpus):
    """Documents of a file of ids, in the order of the splits."""

    parts: Mapping[str, tuple[int, int]]  # where the ids of each split begin and end, without the boundary after them
    wanted: Sequence[str]  # the splits that may not be empty

    def split(self, val_fraction: float, test_fraction: float) -> dict[str, Array]:
        """The ids of each part, as views; the fractions are those with which the file was made.

        Raises
        ------
        TextError
            A part that was asked for holds no document.
        """
        for name in self.wanted:
            if self.parts[name][0] == self.parts[name][1]:
                raise empty_part(self, name)
        return {name: self.ids[start : stop + (stop > start)] for name, (start, stop) in self.parts.items()}


def stored_documents(
    origin: Origin, say: Say = lambda text: None, tell: Tell = lambda what, share: None
) -> StoredDocuments:
    """The corpus of a large list, from the cache if it has been encoded before."""
    key = _key(origin, [mapped.fingerprint(sources, origin.encoding) for sources in origin.groups()])
    ids_path, facts = mapped.from_cache(
        key, FORMAT, say, f"cutting and encoding {origin.name}",
        lambda ids_path, facts_path: _encode(origin, key, ids_path, facts_path, tell),
    )  # fmt: skip
    vocabulary = Vocabulary(facts["characters"], documents=True)
    mapped_ids = MappedIds.open(ids_path, vocabulary.id_dtype)
    ids = cast(Array, mapped_ids) if ids_path.stat().st_size >= mapped.LARGE_BYTES else np.asarray(mapped_ids)
    limits = limits_of(*origin.fractions, origin.named)
    return StoredDocuments(
        origin.name, ids, vocabulary, facts["text_sha256"], facts["number"], facts["repeats"], tuple(facts["labels"]),
        {part: tuple(ends) for part, ends in facts["parts"].items()},
        [part for part, (low, high) in limits.items() if high > low],
    )  # fmt: skip


def _key(origin: Origin, fingerprints: Sequence[str]) -> str:
    """The name of the files that hold a list."""
    facts = [FORMAT, fingerprints, list(origin.named), str(origin.form), origin.seed, origin.unique, origin.fractions]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


class _Reading:
    """One pass over all documents, which notes the bytes that it has read and what share of them."""

    def __init__(self, origin: Origin, what: str, tell: Tell) -> None:
        self.origin, self.what, self.tell, self.size = origin, what, tell, origin.size()
        self.read, self.remarks, self.seen = 0, list[str](), [Fingerprint(origin.encoding) for _ in origin.groups()]

    def documents(self) -> Iterator[tuple[int, str]]:
        """Each document, with the number of its group of files."""
        for group, sources in enumerate(self.origin.groups()):
            form = self.origin.form_of_named if group else self.origin.form
            for source in sources:
                text = pieces([source], self.origin.encoding, self.remarks, self.seen[group].update)
                for document in documents_in(lines_of(self._counted(text)), form, source):
                    yield group, document

    def _counted(self, text: Iterator[str]) -> Iterator[str]:
        for piece in text:
            self.read += len(piece)
            self.tell(self.what, min(1.0, self.read / self.size))
            yield piece

    def key(self) -> str:
        return _key(self.origin, [seen.name() for seen in self.seen])


def _encode(origin: Origin, key: str, ids_path: Path, facts_path: Path, tell: Tell) -> dict[str, Any]:
    """Two passes over the list, which must both find the bytes that `key` names.

    Raises
    ------
    TextError
        The list cannot be read, has no document, or changed meanwhile.
    """
    first = _Reading(origin, "reading", tell)
    characters, labels, lengths = set[str](), set[str](), array("I")
    hashes, shares, counts = bytearray(), bytearray(), [0] * len(origin.groups())
    for group, document in first.documents():
        label, text = LabelledDocument.of(document)
        labels.add(label)
        characters.update(text)
        hashes += hashlib.blake2b(document.encode(), digest_size=HASH_BYTES).digest()
        shares += share_bytes(text, origin.seed)
        lengths.append(len(text))
        counts[group] += 1
    if not lengths:
        raise no_document(origin.name)
    changed = mapped.changed(origin.name)
    if first.key() != key:
        raise changed
    names = checked_labels(labels, max(characters))
    symbols = {label: symbol(names, label) for label in names}
    vocabulary = Vocabulary(characters.union(symbols.values()), documents=True)
    part_of, repeats, remarks = _parts(origin, counts, hashes, shares)
    del hashes, shares
    sizes = np.bincount(part_of, np.asarray(lengths) + (1.0 + bool(names)), NO_PART + 1).astype(int).tolist()
    stops = np.cumsum(sizes[:NO_PART]).tolist()
    second, text_sha256, number = _Reading(origin, "encoding", tell), hashlib.sha256(), 0
    with mapped.cached(ids_path) as file:
        parts = [_Part(file, stop - size, vocabulary) for stop, size in zip(stops, sizes, strict=False)]
        try:
            for number, (_, document) in enumerate(second.documents(), 1):
                label, text = LabelledDocument.of(document)
                if number > len(lengths) or len(text) != lengths[number - 1]:
                    raise changed
                if part_of[number - 1] != NO_PART:
                    text_sha256.update((BOUNDARY + document).encode())
                    parts[part_of[number - 1]].add(symbols.get(label, ""), text)
            for part in parts:
                part.write()
        except UnknownCharacterError:
            raise changed from None
        if second.key() != key or number != len(lengths):
            raise changed
        file.seek(0, os.SEEK_END)
        file.write(np.array([BOUNDARY_ID], vocabulary.id_dtype).tobytes())
    text_sha256.update(BOUNDARY.encode())
    facts = {
        "format": FORMAT, "characters": vocabulary.characters, "labels": names, "remarks": first.remarks + remarks,
        "number": int((part_of != NO_PART).sum()), "repeats": repeats,
        "parts": {name: [stop - size, stop] for name, stop, size in zip(SPLITS, stops, sizes, strict=False)},
        "text_sha256": text_sha256.hexdigest(), "ids_sha256": file_sha256(ids_path),
    }  # fmt: skip
    with mapped.cached(facts_path) as file:
        file.write(mapped.sealed(facts))
    return facts


def _parts(origin: Origin, counts: Sequence[int], hashes: bytearray, shares: bytearray) -> tuple[Array, int, list[str]]:
    """The number of each document's part (D,), how often the list repeats itself, and remarks on the named files."""
    low, high = np.frombuffer(hashes, np.uint64).reshape(-1, 2).T
    group_of = np.repeat(np.arange(len(counts), dtype=np.int8), counts)
    order = np.lexsort((group_of, high, low))  # equal documents side by side, those of the list first
    same = np.zeros(len(order), bool)
    same[1:] = (np.diff(low[order]) == 0) & (np.diff(high[order]) == 0)  # as the one before
    of_group = group_of[order]
    again = same & np.append(False, of_group[1:] == of_group[:-1])
    share = np.frombuffer(shares, ">u8").astype(float) / 2**64
    part_of = np.empty(len(order), np.int8)
    for part, (least, below) in enumerate(limits_of(*origin.fractions, origin.named).values()):
        part_of[(share >= least) & (share < below)] = part
    remarks = []
    begins = np.flatnonzero(~same)
    first_of = of_group[np.repeat(begins, np.diff(np.append(begins, len(order))))]
    for group, (part_name, path) in enumerate(origin.named.items(), 1):
        part_of[group_of == group] = SPLITS.index(part_name)
        if both := int(((of_group == group) & (first_of == 0)).sum()):
            remarks.append(also_in_the_list(both, counts[group], part_name, path))
    if origin.unique:
        part_of[order[again]] = NO_PART
    return part_of, int((again & (of_group == 0)).sum()), remarks


class _Part:
    """The documents of a split, on their way into the file, from one of its places on."""

    def __init__(self, file: BinaryIO, place: int, vocabulary: Vocabulary) -> None:
        self.file, self.place, self.vocabulary = file, place, vocabulary
        self.symbols, self.texts, self.size = list[str](), list[str](), 0

    def add(self, label_symbol: str, text: str) -> None:
        self.symbols.append(label_symbol)
        self.texts.append(text)
        self.size += len(text)
        if self.size >= WRITTEN:
            self.write()

    def write(self) -> None:
        ids = self.vocabulary.encode_documents(self.texts, symbols=self.symbols)[:-1]
        self.file.seek(self.place * ids.itemsize)
        self.file.write(ids.tobytes())
        self.place += len(ids)
        self.symbols, self.texts, self.size = [], [], 0
