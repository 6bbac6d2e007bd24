"""Stop strings: which characters of a growing text may be given out, and when it has ended."""

from __future__ import annotations

from collections.abc import Sequence

from charrnn.errors import ConfigError


class Ending:
    """Lets characters pass until a stop string is complete, and holds back those that one may begin with."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self.stops, self.held, self.reached = stops, "", False

    def add(self, character: str) -> str:
        """One more character; returns those that are certain now."""
        if self.reached:
            return ""
        self.held += character
        ended = [self.held.find(stop) for stop in self.stops if self.held.endswith(stop)]
        if ended:
            self.reached = True
            return self.held[: min(ended)]
        keep = max((n for s in self.stops for n in range(1, len(s)) if self.held.endswith(s[:n])), default=0)
        certain, self.held = self.held[: len(self.held) - keep], self.held[len(self.held) - keep :]
        return certain

    def rest(self) -> str:
        """What is still held back when no more characters come."""
        return "" if self.reached else self.held


def stop_strings(stop: str | Sequence[str]) -> tuple[str, ...]:
    """One stop string or several, checked."""
    stops = (stop,) if isinstance(stop, str) else tuple(stop)
    if "" in stops:
        raise ConfigError("a stop string must not be empty")
    return stops
