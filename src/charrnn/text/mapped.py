"""Texts too large to hold in memory: encoded once, in pieces, into a file of ids in the cache, and used from there.

The file is named by what it was made from (the SHA-256 of the sources' bytes, and the encoding), so that a later run
finds it; beside it stands what is known about it, with the file's own SHA-256, which is checked before it is used. Ids
are read through a memory map: the system brings in the pages that a batch touches, and `release` hands them back.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from charrnn.arrays import Array
from charrnn.errors import TextError
from charrnn.text.corpus import Corpus
from charrnn.text.library import LIBRARY, cache_folder, file_sha256
from charrnn.text.reading import STDIN, name_of, pieces
from charrnn.text.vocabulary import Vocabulary
from charrnn.whole_file import whole_file

LARGE_BYTES = 64 << 20  # of files, from which on a text is not held in memory
FORMAT = 1

Say = Callable[[str], None]
Tell = Callable[[str, float], None]  # what is being done, and the share of it that is done


def is_large(sources: Sequence[str]) -> bool:
    """Whether files (not standard input, nor the library's texts) are too large to be held in memory."""
    if not sources or STDIN in sources or any(source in LIBRARY and not Path(source).exists() for source in sources):
        return False
    try:
        return sum(os.path.getsize(source) for source in sources) >= LARGE_BYTES
    except OSError:
        return False  # reading it will say what is wrong


def large_corpus(
    sources: Sequence[str], encoding: str, say: Say = lambda text: None, tell: Tell = lambda what, share: None
) -> Corpus:
    """The corpus of large files, from the cache if it has been encoded before."""
    folder = cache_folder() / "ids"
    key = _fingerprint(sources, encoding)
    ids_path, facts_path = folder / f"{key}.ids", folder / f"{key}.json"
    facts = _known_facts(ids_path, facts_path)
    if facts is None:
        say(f"encoding {name_of(sources)} into {ids_path}, which later runs will find")
        facts = _encode(sources, encoding, ids_path, facts_path, tell)
    for remark in facts["remarks"]:
        say(remark)
    vocabulary = Vocabulary(facts["characters"])
    return Corpus(name_of(sources), _mapped(ids_path, vocabulary.id_dtype), vocabulary, facts["text_sha256"])


def release(ids: Array) -> None:
    """Hand back the pages of mapped ids that were brought in; other arrays have none."""
    base: Any = ids
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def recoded(corpus: Corpus, vocabulary: Vocabulary) -> Array | None:
    """A corpus's ids in another vocabulary, without holding them in memory; None where it lacks a character."""
    if corpus.vocabulary == vocabulary:
        return corpus.ids
    if not set(corpus.vocabulary.characters) <= set(vocabulary.characters):
        return None
    return cast(Array, _Recoded(corpus.ids, vocabulary.encode(corpus.vocabulary.characters)))


class _Recoded:
    """As much of an array as evaluation asks for: its length and its slices, looked up in a table as they are read."""

    def __init__(self, ids: Array, table: Array) -> None:
        self.ids, self.table = ids, table

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice) -> Array:
        recoded = self.table[self.ids[part]]
        release(self.ids)
        return recoded


def _encode(sources: Sequence[str], encoding: str, ids_path: Path, facts_path: Path, tell: Tell) -> dict[str, Any]:
    """Two passes over the text: the characters that occur, then their ids."""
    characters: set[str] = set()
    digest, count, remarks = hashlib.sha256(), 0, list[str]()
    size, read = sum(os.path.getsize(source) for source in sources), 0
    for text in pieces(sources, encoding, remarks):
        characters |= set(text)
        data = text.encode()
        digest.update(data)
        count += len(text)
        read += len(data)
        tell("reading", min(1.0, read / size))  # another encoding than UTF-8 has another size
    vocabulary = Vocabulary(characters)
    written = hashlib.sha256()
    with _cached(ids_path) as file:
        encoded = 0
        for text in pieces(sources, encoding):
            data = vocabulary.encode(text).tobytes()
            written.update(data)
            file.write(data)
            encoded += len(text)
            tell("encoding", encoded / count)
    facts = {
        "format": FORMAT, "characters": vocabulary.characters, "length": count, "text_sha256": digest.hexdigest(),
        "ids_sha256": written.hexdigest(), "remarks": remarks,
    }  # fmt: skip
    with _cached(facts_path) as file:
        file.write(json.dumps(facts).encode())
    return facts


def _known_facts(ids_path: Path, facts_path: Path) -> dict[str, Any] | None:
    """What was kept of an earlier encoding, if it is whole."""
    try:
        facts = json.loads(facts_path.read_bytes())
        whole = facts["format"] == FORMAT and facts["ids_sha256"] == file_sha256(ids_path)
        return facts if whole and {"characters", "text_sha256", "remarks"} <= facts.keys() else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _fingerprint(sources: Sequence[str], encoding: str) -> str:
    """A name for the bytes of files, in their order, and how they are read."""
    digest = hashlib.sha256(f"{FORMAT} {encoding}".encode())
    for source in sources:
        digest.update(f" {os.path.getsize(source)} ".encode())
        try:
            digest.update(file_sha256(Path(source)).encode())
        except OSError as error:
            raise TextError(f"cannot read '{source}': {error.strerror}") from None
    return digest.hexdigest()[:32]


def _mapped(path: Path, dtype: np.dtype) -> Array:
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hasattr(mmap, "MADV_RANDOM"):
        mapped.madvise(mmap.MADV_RANDOM)  # a window is a page: what lies around it is not wanted
    return np.frombuffer(mapped, dtype)


@contextmanager
def _cached(path: Path) -> Iterator[BinaryIO]:
    """A file of the cache, which appears under its name when it is complete."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            yield file
    except OSError as error:
        raise TextError(f"cannot write '{path}': {error.strerror}; CHARRNN_CACHE names another folder") from None
