"""From bytes to text: every byte is checked, and every change is reported."""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from charrnn.errors import TextError
from charrnn.text.detection import (
    CODE_PAGES,
    LOOKED_AT,
    advice,
    is_utf8,
    looks_like,
    mark_of,
    other_format,
    wide_encoding,
)
from charrnn.text.vocabulary import MARK, line_ends_mended

STDIN = "-"
PIECE_BYTES = 1 << 22  # read at a time
LONGEST_NAME = 255  # bytes between two slashes
MANY_SPACES = 8  # in a name


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
    """The name of the text. Bytes of a file name that are not UTF-8 are written as %E9."""
    name = "stdin" if sources[0] == STDIN else Path(sources[0]).name
    name = f"{Path(name).stem}-and-{len(sources) - 1}-more" if len(sources) > 1 else name
    return re.sub("[\ud800-\udfff]", lambda found: f"%{ord(found[0]) & 0xFF:02X}", name)


def check_sources(sources: Sequence[str]) -> None:
    """Raise a TextError if a source is the text itself instead of the name of its file."""
    for source in sources:
        longest = max(len(part.encode("utf-8", "surrogatepass")) for part in source.split("/"))
        unlike = "\n" in source or "\0" in source or longest > LONGEST_NAME or source.count(" ") >= MANY_SPACES
        if unlike and not os.path.exists(source):  # False for names that no file can have
            raise TextError(
                f"{source[:40]!r}… looks like the text itself ({len(source):,} characters): write it to a file, and "
                "name that"
            )


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


def lines_of(pieces: Iterable[str]) -> Iterator[str]:
    """The lines of a text that comes in pieces, as `str.split` gives them: what follows the last line end is one."""
    held: list[str] = []
    for piece in pieces:
        first, *rest = piece.split("\n")
        held.append(first)
        for line in rest:
            yield "".join(held)
            held = [line]
    yield "".join(held)


def _decoded(
    source: str, encoding: str, remarks: list[str], seen: Callable[[bytes], object] = lambda data: None
) -> Iterator[str]:
    """One file's text, checked, with its line ends normalised."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset = characters = crlf = cr = 0
    held = ""  # a CR at the end of a piece waits for the next piece, which may begin with its LF
    for data in read_bytes(source):
        seen(data)
        if offset == 0:
            _check_beginning(data, source, encoding)
            if is_utf8(data) and not encoding.startswith("utf"):
                remarks.append(f"{source} is also valid utf-8: if the text looks wrong, leave out --encoding")
        text = _decode(decoder, data, offset, source, encoding)
        if offset == 0 and (text.startswith(MARK) or mark_of(data)[0]):
            text = text.removeprefix(MARK)  # some codecs drop it themselves
            remarks.append(f"{source}: dropped the byte order mark at its beginning")
        text = held + text
        offset += len(data)
        nul = text.find("\0")
        if nul >= 0:
            nul += characters - len(held)
            wide = wide_encoding(data)
            kind, remedy = (
                (f"is not {encoding} text", f"; {looks_like(wide)}") if wide else ("looks like a binary file", "")
            )
            raise TextError(f"'{source}' {kind}: it has a zero byte, at character {nul:,}{remedy}")
        characters += len(text) - len(held)
        held = "\r" if data and text.endswith("\r") else ""
        text = text[: len(text) - len(held)]
        if "\r" in text:
            both = text.count("\r\n")
            crlf, cr = crlf + both, cr + text.count("\r") - both
            text = line_ends_mended(text)
        if text:
            yield text
    if not characters:
        raise TextError(f"'{source}' is empty: it holds no text")
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
    except (OSError, ValueError) as error:  # ValueError: no file can have this name
        raise TextError(f"cannot read '{source}': {getattr(error, 'strerror', error)}") from None


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
            f"{offset - pending + error.start:,} ({error.reason}); {advice(_around(error, offset - pending), encoding)}"
        ) from None
    except UnicodeError as error:
        raise TextError(f"'{source}' is not {encoding} text: {error}") from None
    control = re.search("[\x80-\x9f]", text) if encoding in CODE_PAGES else None
    if control:
        page, byte = CODE_PAGES[encoding], ord(control[0])
        meant = f"in {page} it is {bytes([byte]).decode(page, 'replace')!r}: read it with --encoding {page}"
        raise TextError(
            f"'{source}': byte 0x{byte:02X} at offset {offset + control.start():,} is a control character in "
            f"{encoding}; {looks_like('utf-8') if is_utf8(data) else meant}"
        )
    return text


def _around(error: UnicodeDecodeError, offset: int) -> bytes:
    """Return the bytes around a decoding error, from a multiple of four of the file on; `offset` is the object's."""
    first = max(0, error.start - LOOKED_AT // 2)
    first = max(0, first - (offset + first) % 4)
    return error.object[first : first + LOOKED_AT]


def _check_beginning(data: bytes, source: str, encoding: str) -> None:
    """Raise a TextError if the first bytes show that a file is not text, or not in this encoding."""
    other = other_format(data)
    if other:
        raise TextError(f"'{source}' is {other}")
    mark, marked = mark_of(data)
    if mark and encoding.removesuffix("-sig") not in marked:
        kind = marked[0].upper()
        raise TextError(f"'{source}' begins with a {kind} byte order mark: read it with --encoding {marked[0]}")
    if data and not mark and encoding.startswith(("utf-16", "utf-32")):  # almost any bytes are UTF-16 of some kind
        likely = wide_encoding(data) or (
            "utf-8" if b"\0" not in data and (data.isascii() or is_utf8(data)) else encoding
        )
        if likely != encoding:
            raise TextError(f"'{source}' is not {encoding} text: {looks_like(likely)}")


def _known(encoding: str) -> str:
    """The canonical name of an encoding: "utf-8" for all its spellings."""
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)  # some codecs are not encodings of text
    except (LookupError, TypeError, ValueError):
        raise TextError(f"encoding '{encoding}' is not known: examples are utf-8, utf-16, latin-1, cp1252") from None
    return name
