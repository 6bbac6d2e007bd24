"""Stop strings: which characters of a growing text may be given out, and when it has ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from charrnn.errors import ConfigError
from charrnn.settings import check_value


class StopMatcher:
    """Lets characters pass until a stop string is complete, and holds back those that one may begin with.

    Of each stop string it knows how many of its characters the text ends with (Knuth, Morris & Pratt), so that a
    character costs the same with a long stop string as with a short one.
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self.stops, self.pending, self.reached = stops, "", False
        self._borders = [borders(stop) for stop in stops]
        self._matched = [0] * len(stops)

    def add(self, character: str) -> str:
        """One more character; returns those that are certain now."""
        if self.reached:
            return ""
        self.pending += character
        complete = 0  # characters of the longest stop string that the text ends with
        for k, stop in enumerate(self.stops):
            matched = self._matched[k]
            while matched and stop[matched] != character:
                matched = self._borders[k][matched - 1]
            if stop[matched] == character:
                matched += 1
            self._matched[k] = matched
            if matched == len(stop):
                complete = max(complete, matched)
        self.reached = complete > 0
        keep = complete or max(self._matched, default=0)
        certain, self.pending = self.pending[: len(self.pending) - keep], self.pending[len(self.pending) - keep :]
        return certain

    def flush(self) -> str:
        """What is still held back when no more characters come."""
        return "" if self.reached else self.pending


@lru_cache(maxsize=256)
def borders(text: str) -> list[int]:
    """For each beginning of a text, the length of its longest proper beginning that it also ends with."""
    found = [0] * len(text)
    length = 0
    for k in range(1, len(text)):
        while length and text[k] != text[length]:
            length = found[length - 1]
        if text[k] == text[length]:
            length += 1
        found[k] = length
    return found


def stop_strings(stop: str | Sequence[str]) -> tuple[str, ...]:
    """One stop string or several, checked."""
    if isinstance(stop, bytes | Mapping) or not isinstance(stop, Iterable):
        raise ConfigError(f"stop must be a string or a list of strings, not {stop!r:.60}: leave it out for none")
    stops = tuple(check_value("stop", each, "str") for each in ([stop] if isinstance(stop, str) else stop))
    if "" in stops:
        raise ConfigError("a stop string must not be empty")
    return stops
