"""Texts too large to hold in memory: encoded once, in pieces, into a file of ids in the cache, and read from there.

The file's name comes from what it was made from (the SHA-256 of the sources' bytes, and the encoding), so that a later
run finds it. A second file beside it holds the facts about the text, the SHA-256 of the ids, and its own: both are
checked before they are used.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.errors import TextError, UnknownCharacterError
from charrnn.text.corpus import Corpus
from charrnn.text.library import LIBRARY, cache_folder, file_sha256
from charrnn.text.reading import STDIN, name_of, pieces, read_bytes
from charrnn.text.vocabulary import Vocabulary
from charrnn.whole_file import remove_abandoned, whole_file

LARGE_BYTES = 64 << 20  # of source files; a text of this size or more is not held in memory
FORMAT = 2  # of the facts

Say = Callable[[str], None]
Tell = Callable[[str, float], None]  # the current task, and the share of it that is done


class MappedIds:
    """The ids (N,) of a text in a file, read through a memory map: every read hands the pages it touched back.

    A slice is again a `MappedIds` and reads nothing; any other index, and `np.asarray`, give an array in memory.
    `table` (V,), if there is one, replaces each id by another as it is read.
    """

    def __init__(self, pages: mmap.mmap, ids: Array, table: Array | None = None) -> None:
        self._pages, self._ids, self._table = pages, ids, table
        self.dtype = ids.dtype if table is None else table.dtype

    @classmethod
    def open(cls, path: Path, dtype: np.dtype) -> MappedIds:
        with path.open("rb") as file:
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if hasattr(mmap, "MADV_RANDOM"):
            pages.madvise(mmap.MADV_RANDOM)  # a window is a page: its neighbours are not wanted
        return cls(pages, np.frombuffer(pages, dtype))

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return MappedIds(self._pages, self._ids[index], self._table)
        part = self._ids[index]
        read = np.array(part) if self._table is None else self._table[part]
        if hasattr(mmap, "MADV_DONTNEED"):
            self._pages.madvise(mmap.MADV_DONTNEED)
        return read

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.asarray(self[...], dtype or self.dtype)

    def recoded(self, table: Array) -> MappedIds:
        """The same text with table[id] for each id."""
        return MappedIds(self._pages, self._ids, table)


def is_large(sources: Sequence[str], large: int | None = None) -> bool:
    """Whether files (not standard input, nor the library's texts) have LARGE_BYTES or more, or another number."""
    if not sources or STDIN in sources or any(source in LIBRARY and not Path(source).exists() for source in sources):
        return False
    try:
        return sum(os.path.getsize(source) for source in sources) >= (LARGE_BYTES if large is None else large)
    except OSError:
        return False  # reading it will name the problem


def large_corpus(
    sources: Sequence[str], encoding: str, say: Say = lambda text: None, tell: Tell = lambda what, share: None
) -> Corpus:
    """The corpus of large files, from the cache if it has been encoded before."""
    key = fingerprint(sources, encoding)
    ids_path, facts = from_cache(
        key, FORMAT, say, f"encoding {name_of(sources)}",
        lambda ids_path, facts_path: _encode(sources, encoding, key, ids_path, facts_path, tell),
    )  # fmt: skip
    vocabulary = Vocabulary(facts["characters"])
    ids = MappedIds.open(ids_path, vocabulary.id_dtype)
    return Corpus(name_of(sources), cast(Array, ids), vocabulary, facts["text_sha256"])


def from_cache(
    key: str, form: int, say: Say, doing: str, encode: Callable[[Path, Path], dict[str, Any]]
) -> tuple[Path, dict[str, Any]]:
    """The file of ids that is called `key`, and the facts about it; `encode` writes both if the cache lacks them."""
    folder = _ids_folder()
    ids_path, facts_path = folder / f"{key}.ids", folder / f"{key}.json"
    facts = known_facts(ids_path, facts_path, form)
    if facts is None:
        say(f"{doing} into {ids_path}, which later runs will reuse")
        facts = encode(ids_path, facts_path)
    for remark in facts["remarks"]:
        say(remark)
    return ids_path, facts


def _ids_folder() -> Path:
    """The folder of the files of ids, without those that were never completed."""
    folder = cache_folder() / "ids"
    remove_abandoned(folder)
    return folder


def changed(name: str) -> TextError:
    return TextError(f"{name} changed while it was encoded: wait until no program writes to it, and try again")


def recoded(corpus: Corpus, vocabulary: Vocabulary) -> Array | None:
    """The ids of a large corpus in another vocabulary; None if it lacks a character of the text."""
    if corpus.vocabulary == vocabulary:
        return corpus.ids
    if not set(corpus.vocabulary.characters) <= set(vocabulary.characters):
        return None
    table = vocabulary.encode(corpus.vocabulary.characters)
    return cast(Array, cast(MappedIds, corpus.ids).recoded(table))


def _encode(
    sources: Sequence[str], encoding: str, key: str, ids_path: Path, facts_path: Path, tell: Tell
) -> dict[str, Any]:
    """Two passes over the text, which must both find the bytes that `key` names: the characters that occur, their ids.

    Raises
    ------
    TextError
        The text cannot be read, or changed meanwhile.
    """
    characters: set[str] = set()
    digest, count, remarks = hashlib.sha256(), 0, list[str]()
    size, read, seen = sum(os.path.getsize(source) for source in sources), 0, Fingerprint(encoding)
    for text in pieces(sources, encoding, remarks, seen.update):
        characters |= set(text)
        data = text.encode()
        digest.update(data)
        count += len(text)
        read += len(data)
        tell("reading", min(1.0, read / size))  # another encoding than UTF-8 has another size
    error = changed(name_of(sources))
    if seen.name() != key:
        raise error
    vocabulary = Vocabulary(characters)
    written, seen = hashlib.sha256(), Fingerprint(encoding)
    with cached(ids_path) as file:
        encoded = 0
        for text in pieces(sources, encoding, seen=seen.update):
            encoded += len(text)
            try:
                data = vocabulary.encode(text).tobytes()
            except UnknownCharacterError:
                raise error from None
            if encoded > count:
                raise error
            written.update(data)
            file.write(data)
            tell("encoding", encoded / count)
        if seen.name() != key:
            raise error
    facts = {
        "format": FORMAT, "characters": vocabulary.characters, "length": count, "text_sha256": digest.hexdigest(),
        "ids_sha256": written.hexdigest(), "remarks": remarks,
    }  # fmt: skip
    with cached(facts_path) as file:
        file.write(sealed(facts))
    return facts


def known_facts(ids_path: Path, facts_path: Path, form: int) -> dict[str, Any] | None:
    """The facts about an earlier encoding, if both of its files are what was written in this format."""
    try:
        data = facts_path.read_bytes()
        facts: dict[str, Any] = json.loads(data)
        del facts["sha256"]
        whole = data == sealed(facts) and facts["format"] == form and facts["ids_sha256"] == file_sha256(ids_path)
        return facts if whole else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def sealed(facts: Mapping[str, Any]) -> bytes:
    """The facts as JSON, with the SHA-256 of the rest in it."""
    return json.dumps({**facts, "sha256": hashlib.sha256(json.dumps(facts).encode()).hexdigest()}).encode()


class Fingerprint:
    """A name that follows from the bytes of files, their order and their encoding.

    `update` receives the bytes of one file after the other, and an empty piece at the end of each.
    """

    def __init__(self, encoding: str) -> None:
        self._files = hashlib.sha256(f"1 {encoding}".encode())
        self._file, self._size = hashlib.sha256(), 0

    def update(self, data: bytes) -> None:
        self._file.update(data)
        self._size += len(data)
        if not data:
            self._files.update(f" {self._size} {self._file.hexdigest()}".encode())
            self._file, self._size = hashlib.sha256(), 0

    def name(self) -> str:
        return self._files.hexdigest()[:32]


def fingerprint(sources: Sequence[str], encoding: str) -> str:
    fingerprint = Fingerprint(encoding)
    for source in sources:
        for data in read_bytes(source):
            fingerprint.update(data)
    return fingerprint.name()


@contextmanager
def cached(path: Path) -> Iterator[BinaryIO]:
    """A file of the cache, which appears under its name when it is complete."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            yield file
    except OSError as error:
        raise TextError(f"cannot write '{path}': {error.strerror}; CHARRNN_CACHE names another folder") from None
