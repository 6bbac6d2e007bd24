"""From bytes to text: every byte is checked, and every change is reported."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from charrnn.errors import TextError

STDIN = "-"
PIECE_BYTES = 1 << 22  # read at a time


class Reading(NamedTuple):
    """A text as it will be used, and remarks on what was changed in it."""

    text: str
    name: str
    remarks: tuple[str, ...]


def read_files(sources: Sequence[str], encoding: str = "utf-8") -> Reading:
    """Read one or more files, or standard input (`-`), into one text: the pieces of `pieces`, joined."""
    remarks: list[str] = []
    text = "".join(pieces(sources, encoding, remarks))
    return Reading(text, name_of(sources), tuple(remarks))


def name_of(sources: Sequence[str]) -> str:
    """The name of the text; bytes of a file's name that are not UTF-8 become \N{REPLACEMENT CHARACTER}."""
    name = "stdin" if sources[0] == STDIN else Path(sources[0]).name
    name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return f"{Path(name).stem}-and-{len(sources) - 1}-more" if len(sources) > 1 else name


def pieces(
    sources: Sequence[str],
    encoding: str = "utf-8",
    remarks: list[str] | None = None,
    seen: Callable[[bytes], object] = lambda data: None,
) -> Iterator[str]:
    """The text of one or more files, or of standard input (`-`), a few megabytes at a time.

    A byte order mark is dropped and line ends become "\\n", each with a remark. Several files are joined in the order
    given, with a line end between them where a file lacks one. `seen` receives the bytes as they are in each file, and
    an empty piece at its end.

    Raises
    ------
    TextError
        A file is missing, unreadable or empty, or its bytes are not text in the encoding; the message has the offset.
    """
    encoding, remarks = _known(encoding), [] if remarks is None else remarks
    at_line_start = True
    for source in sources:
        if not at_line_start:
            yield "\n"
        for text in _decoded(source, encoding, remarks, seen):
            at_line_start = text.endswith("\n")
            yield text


def _decoded(
    source: str, encoding: str, remarks: list[str], seen: Callable[[bytes], object] = lambda data: None
) -> Iterator[str]:
    """One file's text, checked, with its line ends normalised."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset = characters = crlf = cr = 0
    held = ""  # a CR at the end of a piece waits for the next piece, which may begin with its LF
    for data in read_bytes(source):
        seen(data)
        if offset == 0 and encoding == "utf-8":
            if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise TextError(f"'{source}' begins with a UTF-16 byte order mark: read it with --encoding utf-16")
            if data.startswith(codecs.BOM_UTF8):
                offset = len(codecs.BOM_UTF8)
                data = data[offset:]
                remarks.append(f"{source}: dropped the byte order mark at its beginning")
        text = held + _decode(decoder, data, offset, source, encoding)
        offset += len(data)
        nul = text.find("\0")
        if nul >= 0:
            nul += characters - len(held)
            raise TextError(f"'{source}' looks like a binary file: it has a zero byte, at character {nul:,}")
        characters += len(text) - len(held)
        held = "\r" if data and text.endswith("\r") else ""
        text = text[: len(text) - len(held)]
        if "\r" in text:
            both = text.count("\r\n")
            crlf, cr = crlf + both, cr + text.count("\r") - both
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if text:
            yield text
    if not characters:
        raise TextError(f"'{source}' is empty: a model needs a text to learn from")
    if crlf or cr:
        kinds = " and ".join(f"{n:,} {kind}" for n, kind in ((crlf, "CRLF"), (cr, "CR")) if n)
        remarks.append(f"{source}: turned {kinds} line ends into LF")


def read_bytes(source: str) -> Iterator[bytes]:
    """The bytes of a file, in pieces, and an empty piece at the end."""
    try:
        if source == STDIN and sys.stdin is None:
            raise TextError("standard input is closed: there is no text to read")
        with nullcontext(sys.stdin.buffer) if source == STDIN else open(source, "rb") as file:
            while True:
                data = file.read(PIECE_BYTES)
                yield data
                if not data:
                    return
    except FileNotFoundError:
        raise TextError(f"'{source}' is neither a file nor the name of a corpus (see: charrnn corpora)") from None
    except IsADirectoryError:
        raise TextError(f"'{source}' is a folder: name the text files in it") from None
    except OSError as error:
        raise TextError(f"cannot read '{source}': {error.strerror}") from None


def _decode(decoder: codecs.IncrementalDecoder, data: bytes, offset: int, source: str, encoding: str) -> str:
    """The next characters; `offset` is that of data in the file."""
    pending = len(decoder.getstate()[0])  # bytes of a character that the last piece cut
    try:
        text = decoder.decode(data, final=not data)
        if not encoding.startswith("utf"):
            text.encode()  # some encodings produce lone surrogates, which are not characters
    except UnicodeDecodeError as error:
        raise TextError(
            f"'{source}' is not {encoding} text: byte 0x{error.object[error.start]:02X} at offset "
            f"{offset - pending + error.start:,} ({error.reason}); if it is text in another encoding, name it, as in "
            "--encoding latin-1"
        ) from None
    except UnicodeError as error:
        raise TextError(f"'{source}' is not {encoding} text: {error}") from None
    return text


def _known(encoding: str) -> str:
    """The canonical name of an encoding: "utf-8" for all its spellings."""
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)  # some codecs are not encodings of text
    except (LookupError, TypeError, ValueError):
        raise TextError(f"encoding '{encoding}' is not known: examples are utf-8, utf-16, latin-1, cp1252") from None
    return name
