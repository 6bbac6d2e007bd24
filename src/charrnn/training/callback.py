"""Callbacks: a run reports its progress to one. The command line draws it; a Python caller may pass their own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TextIO

from charrnn.errors import ConfigError
from charrnn.terminal import LAYOUT, BestEffort, printable
from charrnn.units import unit_of, with_units


class ProgressReport(NamedTuple):
    """The progress of training, several times a second."""

    step: int
    epoch: float
    share: float  # share of the budget used up, 0 to 1
    train_loss: float  # smoothed, nats per character
    chars_per_second: float
    seconds_left: float | None


class Evaluated(NamedTuple):
    step: int
    epoch: float
    train_loss: float  # mean since the last record, nats per character
    val_loss: float  # nats per character
    best: bool
    documents: bool = False  # then all losses are in nats per symbol, the ends of documents included
    labels: bool = False  # and the labels, too


class Callback:
    """Receives every event of a run and does nothing: override the methods that you need."""

    also_begin: Callable[[Path], None] | None = None  # called with the run folder when training begins

    def on_message(self, text: str) -> None: ...

    def on_reading(self, what: str, share: float) -> None:
        """A large text is being prepared: the current task, and the share of it (0 to 1) that is done."""

    def on_begin(self, run: Path) -> None:
        """Training begins in this run folder."""
        if self.also_begin is not None:
            self.also_begin(run)

    def on_progress(self, progress: ProgressReport) -> None: ...

    def on_evaluation(self, result: Evaluated) -> None: ...

    def on_sample(self, step: int, text: str) -> None: ...

    def on_end(self) -> None: ...


def check_callback(callback: Callback | None) -> Callback:
    """Return the callback that a caller gave, or one that prints lines on standard error."""
    if callback is not None and not isinstance(callback, Callback):
        raise ConfigError(f"callback must be a charrnn.Callback, not {callback!r:.60}")
    return callback or LineCallback()


class Tenths:
    """Reports the progress of a task once for each tenth of it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.said = ("", 0)  # the last report: the task, and the tenths of it that were done

    def __call__(self, what: str, share: float) -> None:
        if self.said != (what, int(share * 10)):
            self.said = (what, int(share * 10))
            self.say(f"{what}: {share * 100:.0f} %")


class LineCallback(Callback):
    """Prints one plain line for each event, on standard error by default. A line that cannot be written is lost."""

    def __init__(self, file: TextIO | None = None) -> None:
        self.file = file
        self.tenths = Tenths(self.on_message)

    def on_message(self, text: str) -> None:
        self._print(printable(text))

    def on_reading(self, what: str, share: float) -> None:
        self.tenths(what, share)

    def on_evaluation(self, result: Evaluated) -> None:
        self.on_message(evaluation_line(result))

    def on_sample(self, step: int, text: str) -> None:
        self._print(f"--- sample at step {step:,}\n{printable(text, keep=LAYOUT)}\n---")

    def _print(self, text: str) -> None:
        print(text, file=BestEffort(self.file or sys.stderr), flush=True)


def evaluation_line(result: Evaluated) -> str:
    """An evaluation as a line of text, with its splits and units."""
    mark = ", best so far" if result.best else ""
    validation = with_units(result.val_loss, unit_of(result.documents, result.labels))
    losses = f"training {result.train_loss:.4f}, validation {validation}"
    return f"step {result.step:,} (epoch {result.epoch:.2f}): {losses}{mark}"
