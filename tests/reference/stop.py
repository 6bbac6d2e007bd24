"""Stop strings, plainly: after each character, every beginning of every stop string is looked for."""

from __future__ import annotations


class PlainEnding:
    def __init__(self, stops):
        self.stops, self.pending, self.reached = stops, "", False

    def add(self, character):
        if self.reached:
            return ""
        self.pending += character
        ended = [self.pending.find(stop) for stop in self.stops if self.pending.endswith(stop)]
        if ended:
            self.reached = True
            return self.pending[: min(ended)]
        keep = max((n for s in self.stops for n in range(1, len(s)) if self.pending.endswith(s[:n])), default=0)
        certain, self.pending = self.pending[: len(self.pending) - keep], self.pending[len(self.pending) - keep :]
        return certain

    def flush(self):
        return "" if self.reached else self.pending
