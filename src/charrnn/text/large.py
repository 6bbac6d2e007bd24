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
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from charrnn.arrays import Array
from charrnn.errors import TextError
from charrnn.text.corpus import Corpus
from charrnn.text.library import LIBRARY, cache_folder, file_sha256
from charrnn.text.reading import STDIN, name_of, pieces
from charrnn.text.vocabulary import Vocabulary

LARGE_BYTES = 64 << 20  # of files, from which on a text is not held in memory
FORMAT = 1

Say = Callable[[str], None]


def is_large(sources: Sequence[str]) -> bool:
    """Whether files (not standard input, nor the library's texts) are too large to be held in memory."""
    if not sources or STDIN in sources or any(source in LIBRARY and not Path(source).exists() for source in sources):
        return False
    try:
        return sum(os.path.getsize(source) for source in sources) >= LARGE_BYTES
    except OSError:
        return False  # reading it will say what is wrong


def large_corpus(sources: Sequence[str], encoding: str, say: Say) -> Corpus:
    """The corpus of large files, from the cache if it has been encoded before."""
    folder = cache_folder() / "ids"
    key = _fingerprint(sources, encoding)
    ids_path, facts_path = folder / f"{key}.ids", folder / f"{key}.json"
    facts = _known_facts(ids_path, facts_path)
    if facts is None:
        say(f"encoding {name_of(sources)} into {ids_path}, which later runs will find")
        facts = _encode(sources, encoding, ids_path, facts_path, say)
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


def _encode(sources: Sequence[str], encoding: str, ids_path: Path, facts_path: Path, say: Say) -> dict[str, Any]:
    """Two passes over the text: the characters that occur, then their ids."""
    characters: set[str] = set()
    digest, count, remarks = hashlib.sha256(), 0, list[str]()
    for text in _with_progress(pieces(sources, encoding, remarks), "reading", say):
        characters |= set(text)
        digest.update(text.encode())
        count += len(text)
    vocabulary = Vocabulary(characters)
    written = hashlib.sha256()
    with _whole_file(ids_path) as file:
        for text in _with_progress(pieces(sources, encoding), "encoding", say):
            data = vocabulary.encode(text).tobytes()
            written.update(data)
            file.write(data)
    facts = {
        "format": FORMAT, "characters": vocabulary.characters, "length": count, "text_sha256": digest.hexdigest(),
        "ids_sha256": written.hexdigest(), "remarks": remarks,
    }  # fmt: skip
    with _whole_file(facts_path) as file:
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
def _whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name when it is complete, and not at all if anything goes wrong."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(part)
            raise
    except OSError as error:
        raise TextError(f"cannot write '{path}': {error.strerror}; CHARRNN_CACHE names another folder") from None


def _with_progress(texts: Iterator[str], what: str, say: Say) -> Iterator[str]:
    """Pass pieces on, and say how far it is, every 100 million characters."""
    done = said = 0
    for text in texts:
        yield text
        done += len(text)
        if done - said >= 100_000_000:
            said = done
            say(f"{what}: {done / 1e6:,.0f} million characters")
