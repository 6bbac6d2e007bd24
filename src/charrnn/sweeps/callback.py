"""What a sweep reports while it runs. The command line draws it; Python callers may pass a callback of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from charrnn.sweeps.folder import FAILED, PRUNED, Record, count_states
from charrnn.training.callback import Callback, LineCallback
from charrnn.units import CHARACTER, with_units


class SweepCallback(Callback):
    """Receives every event and ignores it; `on_message`, `on_reading` and `on_end` as in training."""

    def on_open(self, total: int, records: Mapping[int, Record]) -> None:
        """The largest number of runs, and the records of those that are already done."""

    def on_trial_begin(self, number: int, settings: Mapping[str, Any], seed: int, path: Path) -> None: ...

    def on_trial_end(self, record: Record, best: bool, total: int) -> None:
        """The record of a run, whether it is the best so far, and the largest number of runs as known now."""


class LineSweepCallback(LineCallback, SweepCallback):
    """Prints one plain line for each run that ends."""

    count = 0

    def on_open(self, total: int, records: Mapping[int, Record]) -> None:
        self.count = len(records)
        if records:
            self.on_message(f"{len(records)} of {total} runs already done")

    def on_trial_end(self, record: Record, best: bool, total: int) -> None:
        self.count += 1
        self.on_message(f"{self.count} of {total}: {record_line(record, best)}")


def settings_words(settings: Mapping[str, Any]) -> str:
    """Settings in words, short enough for a line."""
    return ", ".join(f"{name} {show(value)}" for name, value in settings.items())


def show(value: Any) -> str:
    """A setting's value; for a recipe in a file, the file's name."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return Path(value).name if isinstance(value, str) and value.endswith(".toml") else str(value)


def other_counts(records: Iterable[Record]) -> list[str]:
    """The numbers of runs that did not finish, in words, where there are any."""
    counts = count_states(records)
    words = {PRUNED: "ended early", FAILED: "failed"}
    return [f"{counts[state]} {each}" for state, each in words.items() if counts[state]]


def record_line(record: Record, best: bool = False) -> str:
    """The outcome of a run in words, with its split and units."""
    head = f"run {record['number']:03}, {settings_words(record['settings'])}, seed {record['seed']}"
    loss = record.get("val_nats_per_char")
    if record["state"] == FAILED:
        return f"{head}: failed: {record['error']}"
    words = "" if loss is None else f"validation {with_units(loss, record.get('unit', CHARACTER))}"
    if record["state"] == PRUNED:
        return f"{head}: ended early at step {record['step']:,}: {words}"
    return f"{head}: {words}{', best so far' if best else ''}"
