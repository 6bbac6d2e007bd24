"""What a sweep tells while it goes on. The command line draws it; a Python caller may pass a callback of their own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from charrnn.sweeps.folder import FAILED, PRUNED, Record
from charrnn.training.callback import Tenths
from charrnn.units import bits


class SweepCallback:
    """Hears of everything and says nothing."""

    def on_message(self, text: str) -> None: ...

    def on_reading(self, what: str, share: float) -> None:
        """Of a large text, before all runs: what is being done with it, and the share (0 to 1) that is done."""

    def on_open(self, total: int, records: Mapping[int, Record]) -> None:
        """How many runs there may be, and what became of those that were done before."""

    def on_trial_begin(self, number: int, settings: Mapping[str, Any], seed: int, path: Path) -> None: ...

    def on_trial_end(self, record: Record, best: bool, total: int) -> None:
        """What became of a run, whether it is the best so far, and how many runs there may be by now."""

    def on_end(self) -> None: ...


class LineSweepCallback(SweepCallback):
    """One plain line for each run that ends."""

    def __init__(self, file: TextIO | None = None) -> None:
        self.file = file
        self.count = 0
        self.tenths = Tenths(self.on_message)

    def on_message(self, text: str) -> None:
        print(text, file=self.file or sys.stderr, flush=True)

    def on_reading(self, what: str, share: float) -> None:
        self.tenths(what, share)

    def on_open(self, total: int, records: Mapping[int, Record]) -> None:
        self.count = len(records)
        if records:
            self.on_message(f"{len(records)} of {total} runs are there already")

    def on_trial_end(self, record: Record, best: bool, total: int) -> None:
        self.count += 1
        self.on_message(f"{self.count} of {total}: {record_line(record, best)}")


def settings_words(settings: Mapping[str, Any]) -> str:
    """Settings in words, short enough for a line."""
    return ", ".join(f"{name} {show(value)}" for name, value in settings.items())


def show(value: Any) -> str:
    """A setting's value; a recipe in a file by the file's name."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return Path(value).name if isinstance(value, str) and value.endswith(".toml") else str(value)


def record_line(record: Record, best: bool = False) -> str:
    """What became of a run, in words, with its split and units."""
    head = f"run {record['number']:03}, {settings_words(record['settings'])}, seed {record['seed']}"
    loss = record.get("val_nats_per_char")
    if record["state"] == FAILED:
        return f"{head}: failed: {record['error']}"
    words = "" if loss is None else f"validation {loss:.4f} nats ({bits(loss):.4f} bits) per character"
    if record["state"] == PRUNED:
        return f"{head}: ended early at step {record['step']:,}: {words}"
    return f"{head}: {words}{', best so far' if best else ''}"
