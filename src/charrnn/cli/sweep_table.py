"""The live table of a sweep on a terminal: the runs in training, their progress, and the best so far."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from charrnn.runs.folder import RunFolder
from charrnn.sweeps.callback import SweepCallback, other_counts, record_line, settings_words
from charrnn.sweeps.folder import FAILED, FINISHED, Record
from charrnn.terminal import BestEffort, printable
from charrnn.training.callback import LineCallback
from charrnn.units import bits

BEST_SHOWN = 5
LOOK_S = 1.0  # between looks at how far a run is


@dataclass
class _Running:
    settings: str
    seed: int
    path: Path
    begun: float
    looked: float = 0.0
    last: Mapping[str, Any] | None = None


class TableSweepCallback(LineCallback, SweepCallback):
    """Draws a table twice a second, from the files of the runs."""

    def __init__(self, console: Console | None = None) -> None:
        super().__init__()
        self.console = console or Console(file=BestEffort(sys.stderr), highlight=False)  # type: ignore[arg-type]
        self.total = 0
        self.records: dict[int, Record] = {}
        self.running: dict[int, _Running] = {}
        self.live = Live(
            get_renderable=self.table, console=self.console, refresh_per_second=2, transient=True, redirect_stdout=False
        )

    def on_message(self, text: str) -> None:
        self.console.print(Text(printable(text), "dim"))

    def on_open(self, total: int, records: Mapping[int, Record]) -> None:
        self.total, self.records = total, dict(records)
        self.live.start()

    def on_trial_begin(self, number: int, settings: Mapping[str, Any], seed: int, path: Path) -> None:
        self.running[number] = _Running(settings_words(settings), seed, path, time.monotonic())

    def on_trial_end(self, record: Record, best: bool, total: int) -> None:
        self.total = total
        self.running.pop(record["number"], None)
        self.records[record["number"]] = record
        if record["state"] == FAILED:
            self.console.print(Text(printable(record_line(record)), "red"))

    def on_end(self) -> None:
        self.live.stop()

    def table(self) -> Table:
        """The table as it stands."""
        records = list(self.records.values())  # a run may end meanwhile
        title = ", ".join([f"{len(records)} of {self.total} runs done", *other_counts(records)])
        table = Table(title=title, title_justify="left", expand=False)
        for name, justify in (("run", "right"), ("settings", "left"), ("seed", "right"), ("step", "right")):
            table.add_column(name, justify=justify)  # type: ignore[arg-type]  # one of rich's words
        table.add_column("validation\n(nats/char)", justify="right")
        table.add_column("(bits/char)", justify="right")
        table.add_column("")
        for number, run in sorted(dict(self.running).items()):
            last = self._look(run)
            loss = last.get("val_loss")
            table.add_row(
                f"{number:03}", printable(run.settings), str(run.seed), f"{last['step']:,}" if last else "",
                *_losses(loss), f"running {time.monotonic() - run.begun:.0f} s",
            )  # fmt: skip
        finished = [record for record in records if record["state"] == FINISHED]
        for rank, record in enumerate(sorted(finished, key=lambda r: float(r["val_nats_per_char"]))[:BEST_SHOWN]):
            table.add_row(
                f"{record['number']:03}", printable(settings_words(record["settings"])), str(record["seed"]),
                f"{record['best_step']:,}", *_losses(record["val_nats_per_char"]), "" if rank else "best so far",
                style="" if rank else "bold",
            )  # fmt: skip
        return table

    def _look(self, run: _Running) -> Mapping[str, Any]:
        """The last record of a run, with the latest validation loss."""
        now = time.monotonic()
        if now - run.looked > LOOK_S:
            run.looked = now
            last = RunFolder(run.path).latest()
            before = run.last or {}
            run.last = {**last, "val_loss": last.get("val_loss") or before.get("val_loss")} if last else before
        return run.last or {}


def _losses(loss: float | None) -> tuple[str, str]:
    return ("", "") if loss is None else (f"{loss:.4f}", f"{bits(loss):.4f}")
