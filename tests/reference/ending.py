"""Stop strings, plainly: after each character, every beginning of every stop string is looked for."""

from __future__ import annotations


class PlainEnding:
    def __init__(self, stops):
        self.stops, self.held, self.reached = stops, "", False

    def add(self, character):
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

    def rest(self):
        return "" if self.reached else self.held
