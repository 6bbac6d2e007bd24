"""Bytes to text: what is read is checked, and what is changed on the way is said."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from charrnn.errors import TextError

STDIN = "-"


class Reading(NamedTuple):
    """A text as it will be used, and remarks on what was done to it."""

    text: str
    name: str
    remarks: tuple[str, ...]


def read_files(sources: Sequence[str], encoding: str = "utf-8") -> Reading:
    """Read one or more files, or standard input (`-`), into one text.

    A byte order mark is dropped and line ends become "\\n"; both are remarked on. Several files are joined in the order
    given, with a line end between them where a file lacks one.

    Raises
    ------
    TextError
        A file is missing, unreadable or empty, or its bytes are not text in the encoding; the message has the offset.
    """
    encoding = _known(encoding)
    remarks: list[str] = []
    text = ""
    for source in sources:
        part = _decode(_read_bytes(source), source, encoding, remarks)
        text += "\n" + part if text and not text.endswith("\n") else part
    name = "stdin" if sources[0] == STDIN else Path(sources[0]).name
    if len(sources) > 1:
        name = f"{Path(name).stem}-and-{len(sources) - 1}-more"
    return Reading(text, name, tuple(remarks))


def _read_bytes(source: str) -> bytes:
    try:
        if source == STDIN and sys.stdin is None:
            raise TextError("standard input is closed: there is no text to read")
        data = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
    except FileNotFoundError:
        raise TextError(f"'{source}' is neither a file nor the name of a corpus (see: charrnn corpora)") from None
    except IsADirectoryError:
        raise TextError(f"'{source}' is a folder: name the text files in it") from None
    except OSError as error:
        raise TextError(f"cannot read '{source}': {error.strerror}") from None
    if not data:
        raise TextError(f"'{source}' is empty: a model needs a text to learn from")
    return data


def _decode(data: bytes, source: str, encoding: str, remarks: list[str]) -> str:
    dropped = 0
    if encoding == "utf-8":
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise TextError(f"'{source}' begins with a UTF-16 byte order mark: read it with --encoding utf-16")
        if data.startswith(codecs.BOM_UTF8):
            dropped = len(codecs.BOM_UTF8)
            data = data[dropped:]
            remarks.append(f"{source}: dropped the byte order mark at its beginning")
    try:
        text = data.decode(encoding)
        if not encoding.startswith("utf"):
            text.encode()  # some encodings can hide lone surrogates, which are no characters
    except UnicodeDecodeError as error:
        raise TextError(
            f"'{source}' is not {encoding} text: byte 0x{data[error.start]:02X} at offset {error.start + dropped:,} "
            f"({error.reason}); if it is text in another encoding, name it, as in --encoding latin-1"
        ) from None
    except UnicodeError as error:
        raise TextError(f"'{source}' is not {encoding} text: {error}") from None
    if not text:
        raise TextError(f"'{source}' is empty: a model needs a text to learn from")
    nul = text.find("\0")
    if nul >= 0:
        raise TextError(f"'{source}' looks like a binary file: it has a zero byte, at character {nul:,}")
    if "\r" not in text:
        return text
    crlf = text.count("\r\n")
    others = text.count("\r") - crlf
    kinds = " and ".join(f"{n:,} {kind}" for n, kind in ((crlf, "CRLF"), (others, "CR")) if n)
    remarks.append(f"{source}: turned {kinds} line ends into LF")
    if encoding == "utf-8":  # as bytes the text is smaller than as characters, of which a single emoji makes four each
        del text
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode()
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _known(encoding: str) -> str:
    """The proper name of an encoding: "utf-8" for all its spellings."""
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)  # there are codecs that are not encodings of text
    except (LookupError, TypeError, ValueError):
        raise TextError(f"encoding '{encoding}' is not known: examples are utf-8, utf-16, latin-1, cp1252") from None
    return name
