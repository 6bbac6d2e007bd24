"""The errors a user can cause or meet. Each message names the value, the limit and the remedy, in one line."""

from __future__ import annotations

from charrnn.terminal import printable

MOST_CHARACTERS = 2000  # of a message; what a file or a stranger has put into it may be longer


class CharRNNError(Exception):
    """Base of every error this package raises on purpose."""

    exit_status = 2  # of the command line: 2 is bad usage or bad input, 1 a check that failed

    def __init__(self, message: str = "") -> None:
        """Line ends and other characters that cannot be printed are escaped."""
        text = printable(message)
        super().__init__(text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…")


class ConfigError(CharRNNError):
    """A setting is unknown, out of range, or contradicts another."""


class TextError(CharRNNError):
    """A text cannot be read, is not text, or is too short."""


class UnknownCharacterError(TextError):
    """A text holds a character that the vocabulary lacks."""

    found = ""  # the message without its remedy: over HTTP the remedy is another


class RunError(CharRNNError):
    """A run folder, model file or checkpoint is missing, damaged or does not fit."""


class DivergenceError(CharRNNError):
    """Training met a loss or gradient that is not a finite number."""

    exit_status = 1
