"""What bytes are, where they are not the text that they were said to be: looked at before any advice is given."""

from __future__ import annotations

import codecs
import unicodedata
from itertools import pairwise

# The first bytes of files that hold no text, and what to do with such a file.
UNPACK, EXTRACT = "unpack it first", "save its text as a text file first"
FORMATS = {
    b"\x1f\x8b\x08": ("gzip-compressed", UNPACK),
    b"PK\x03\x04": ("a ZIP archive, as .docx, .odt and .epub files are", UNPACK),
    b"PK\x05\x06": ("an empty ZIP archive", UNPACK),
    b"\x28\xb5\x2f\xfd": ("zstd-compressed", UNPACK),
    b"\xfd7zXZ\0": ("xz-compressed", UNPACK),
    b"BZh91AY&SY": ("bzip2-compressed", UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("a 7-Zip archive", UNPACK),
    b"Rar!\x1a\x07": ("a RAR archive", UNPACK),
    b"\x04\x22\x4d\x18": ("lz4-compressed", UNPACK),
    b"%PDF-": ("a PDF document", EXTRACT),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an old Office document (.doc, .xls or .ppt)", EXTRACT),
    b"SQLite format 3\0": ("an SQLite database", EXTRACT),
    b"PAR1": ("a Parquet file", EXTRACT),
    b"\x89HDF\r\n": ("an HDF5 file", EXTRACT),
    b"\x93NUMPY": ("a NumPy array", EXTRACT),
    b"\x89PNG\r\n": ("a PNG image", "name a text"),
    b"\xff\xd8\xff": ("a JPEG image", "name a text"),
    b"\x7fELF": ("a program", "name a text"),
}
MARKS = {  # longer marks first: UTF-32's begins with UTF-16's
    codecs.BOM_UTF32_LE: ("utf-32", "utf-32-le"),
    codecs.BOM_UTF32_BE: ("utf-32", "utf-32-be"),
    codecs.BOM_UTF8: ("utf-8", "utf-8"),
    codecs.BOM_UTF16_LE: ("utf-16", "utf-16-le"),
    codecs.BOM_UTF16_BE: ("utf-16", "utf-16-be"),
}
WITHOUT_MARK = {"utf-32-le": 4, "utf-32-be": 4, "utf-16-le": 2, "utf-16-be": 2}  # encoding → bytes of a unit
LOOKED_AT = 1 << 16  # bytes
# ISO 8859 has control characters where the code pages of Windows have quotation marks, dashes and letters.
CODE_PAGES = {
    "iso8859-1": "cp1252", "iso8859-2": "cp1250", "iso8859-5": "cp1251", "iso8859-6": "cp1256", "iso8859-7": "cp1253",
    "iso8859-8": "cp1255", "iso8859-9": "cp1254", "iso8859-13": "cp1257", "iso8859-15": "cp1252",
}  # fmt: skip


def other_format(data: bytes) -> str | None:
    """Return what a file is that begins with these bytes, and the remedy, if it is no text at all."""
    if data[257:262] == b"ustar":
        return f"a tar archive: {UNPACK}"
    return next((f"{kind}: {remedy}" for first, (kind, remedy) in FORMATS.items() if data.startswith(first)), None)


def mark_of(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return the byte order mark at the beginning, and the encodings that it may stand in; empty if there is none."""
    return next(((mark, names) for mark, names in MARKS.items() if data.startswith(mark)), (b"", ()))


def wide_encoding(data: bytes) -> str | None:
    """Return which UTF-16 or UTF-32 the bytes are, without a mark; None if they are neither.

    Such a text has spaces or line ends, and in many places bytes that no ASCII text has, very low or high ones.
    """
    data = data[:LOOKED_AT]
    if not data.count(0) or sum(byte < 9 or byte >= 0x80 for byte in data) < len(data) / 8:
        return None
    for encoding, size in WITHOUT_MARK.items():
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(data[: len(data) // size * size])
        except UnicodeDecodeError:
            continue
        if (" " in text or "\n" in text) and _plausible(text):
            return encoding
    return None


def advice(data: bytes, encoding: str) -> str:
    """Return what to do about bytes that are not text in an encoding."""
    other = other_format(data)
    if other:
        return f"it is {other}"
    _, marked = mark_of(data)
    likely = marked[0] if marked else wide_encoding(data)
    if likely is None and encoding != "utf-8" and is_utf8(data):
        likely = "utf-8"
    if likely and likely != encoding:
        return looks_like(likely)
    if _mostly_utf8(data):
        return "the rest looks like utf-8, so the file is damaged there: mend it, or get another copy"
    if encoding != "cp1252" and _is_western(data):
        return "it looks like cp1252 (Windows, Western Europe): read it with --encoding cp1252"
    return "if it is text in another encoding, name it, as in --encoding cp1251 or --encoding shift_jis"


def looks_like(encoding: str) -> str:
    return f"it looks like {encoding}: read it with --encoding {encoding}"


def is_utf8(data: bytes) -> bool:
    """Whether the bytes are UTF-8 with characters beyond ASCII, perhaps cut off at the end."""
    try:
        return not codecs.getincrementaldecoder("utf-8")().decode(data).isascii()
    except UnicodeDecodeError:
        return False


def _plausible(text: str) -> bool:
    """Whether every character is assigned, and none is a control character but white space."""
    odd = {c for c in set(text) if unicodedata.category(c) in ("Cc", "Cn", "Co", "Cs")}
    return odd <= set("\n\r\t\f\v\x1a")


def _mostly_utf8(data: bytes) -> bool:
    """Whether more than three in four of what is not ASCII is well-formed."""
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    return sum(not c.isascii() for c in text) > 4 * bad


def _is_western(data: bytes) -> bool:
    """Whether the bytes can be cp1252, and most of those that are not ASCII stand alone among ASCII, as accents do."""
    if any(c < 32 and c not in b"\t\n\r\f\v\x1a" for c in set(data)):
        return False
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    high = [k for k, c in enumerate(data) if c >= 0x80]
    pairs = sum(after == k + 1 for k, after in pairwise(high))
    return bool(high) and pairs <= len(high) / 3 and len(high) <= len(text) / 3
