"""Text on its way to a person: what would act on a terminal is escaped, and a reader that is gone costs nothing."""

from __future__ import annotations

import re
from typing import Any, TextIO

LAYOUT = "\n\t"  # control characters that a text of several lines keeps
# Control characters, line and paragraph separators, overrides of the writing direction, and halves of surrogate pairs,
# which stand for the bytes of a file name that is not UTF-8.
_ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, keep: str = "") -> str:
    """Return a text with every character escaped that would act on a terminal, except those in `keep`."""
    return _ACTING.sub(lambda match: match[0] if match[0] in keep else _escaped(match[0]), text)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte of a file name
        return f"\\x{ord(character) & 0xFF:02x}"
    return character.encode("unicode_escape").decode()


class BestEffort:
    """A stream that loses what cannot be written: no progress line is worth a run.

    A terminal may be closed, the disk of a log full, a reader gone. None is a stream that was closed from the start.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            if self._stream is not None:
                self._stream.write(text)
        except UnicodeEncodeError as error:
            self.write(text.encode(error.encoding, "backslashreplace").decode(error.encoding))
        except (OSError, ValueError):  # ValueError: the stream was closed meanwhile
            pass
        return len(text)

    def flush(self) -> None:
        try:
            if self._stream is not None:
                self._stream.flush()
        except (OSError, ValueError):
            pass

    def isatty(self) -> bool:
        try:
            return self._stream is not None and self._stream.isatty()
        except (OSError, ValueError):
            return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
