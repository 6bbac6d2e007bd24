"""What the commands print. Results go to standard output, whole or with an error; messages go to standard error, if
anyone reads them.

Text that a model wrote goes into a pipe unchanged, in UTF-8. On a terminal its control characters are escaped. Those of
file names, messages and provenance are escaped everywhere: strangers may have written them.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from charrnn.errors import CharRNNError
from charrnn.terminal import LAYOUT, BestEffort, printable
from charrnn.text.vocabulary import describe


class OutputError(CharRNNError):
    """The result cannot be written to standard output."""


class ReaderGoneError(OutputError):
    """The reader of a pipe, such as `head`, has exited."""


@contextmanager
def safe_streams() -> Iterator[None]:
    """Prepare the standard streams: UTF-8 where they do not lead to a terminal, and no error for a lost message."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:  # closed from the start: no file of ours may take its place
        pass
    os.close(handle)
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
            if not stream.isatty():
                stream.reconfigure(encoding="utf-8", newline="\n")
    sys.stderr = BestEffort(sys.stderr or open(os.devnull, "w"))  # noqa: SIM115 (until the end)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in before:
            _discard_unwritten(stream)


def say(message: str) -> None:
    """Write a message, one line, to standard error."""
    print(printable(message), file=sys.stderr, flush=True)


def echo(text: str = "") -> None:
    """Write lines of a result to standard output."""
    _write(printable(text, keep=LAYOUT) + "\n")


def echo_text(text: str, end: str = "\n") -> None:
    """Write text that a model wrote, and an end.

    Raises
    ------
    OutputError
        The encoding of the terminal lacks one of the characters.
    """
    if _is_terminal():
        text = printable(text, keep=LAYOUT)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError as error:
        raise OutputError(
            f"standard output has the encoding {encoding}, which lacks the character {describe(text[error.start])}: "
            "send the output to a file (it will be UTF-8), or set PYTHONIOENCODING=utf-8"
        ) from None
    _write(text + end)


def echo_json(values: Any) -> None:
    """Write one JSON value: in ASCII where standard output cannot show all of its characters."""
    text = json.dumps(values, ensure_ascii=False).replace("\x7f", "\\u007f")
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
        ascii_only = _is_terminal() and printable(text) != text
    except UnicodeEncodeError:
        ascii_only = True
    _write((json.dumps(values) if ascii_only else text) + "\n")


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _write(text: str) -> None:
    if sys.stdout is None:
        raise OutputError("standard output is closed: the result cannot be written")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        _discard_unwritten(sys.stdout)
        kind = ReaderGoneError if isinstance(error, BrokenPipeError) else OutputError
        raise kind(f"cannot write the result to standard output: {error.strerror}") from None


def _discard_unwritten(stream: Any) -> None:
    """Drop what a stream could not write: Python would try again at its end, and change the exit status."""
    try:
        if stream is not None:
            stream.flush()
    except ValueError:  # it is closed
        pass
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            stream.flush()
