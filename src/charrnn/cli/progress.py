"""The progress of training: a bar on a terminal, plain lines elsewhere; and a bar for texts that pass."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from charrnn.cli.lines import Lines
from charrnn.terminal import LAYOUT, BestEffort, printable
from charrnn.training.callback import Callback, Evaluated, LineCallback, ProgressReport, evaluation_line
from charrnn.units import bits

Row = TypeVar("Row")
EVERY = 200  # texts between two looks at the bar


def with_bar(rows: Iterator[Row], text_of: Callable[[Row], str], lines: Lines) -> Iterator[Row]:
    """The texts of `lines`, one by one, while a bar on standard error says how many have passed."""
    sizes_known = lines.whole and all(map(os.path.isfile, lines.sources))  # they give the share that has passed
    total = sum(map(os.path.getsize, lines.sources)) if sizes_known else None
    console = Console(file=BestEffort(sys.stderr), highlight=False)  # type: ignore[arg-type]
    columns = (
        BarColumn(bar_width=12),
        TextColumn("{task.percentage:3.0f}%" if total else ""),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task, size = bar.add_task("", total=total), 0
        for number, row in enumerate(rows, 1):
            size += len(text_of(row).encode()) + 1
            if number % EVERY == 1:
                bar.update(task, completed=min(size, total or 0), description=f"{number:,} {lines.noun}")
            yield row


def bar_has_room(quiet: bool, writes_rows: bool) -> bool:
    """Whether a bar can be shown: standard error is a terminal, and no rows are written to it meanwhile."""
    return not quiet and BestEffort(sys.stderr).isatty() and not (writes_rows and BestEffort(sys.stdout).isatty())


def make_callback(quiet: bool) -> Callback:
    """The callback for standard error: silent, a bar on a terminal, or lines."""
    if quiet:
        return Callback()
    return BarCallback() if BestEffort(sys.stderr).isatty() else LineCallback()


class BarCallback(Callback):
    """Shows a bar with loss, pace and time left, below the messages that scroll past."""

    def __init__(self) -> None:
        self.console = Console(file=BestEffort(sys.stderr), highlight=False)  # type: ignore[arg-type]  # all that rich uses
        self.bar = Progress(
            BarColumn(bar_width=12),
            TextColumn("{task.percentage:3.0f}% {task.fields[status]}"),
            console=self.console,
            transient=True,
        )
        self.task = self.bar.add_task("", total=1.0, status="")
        self.started = False

    def on_message(self, text: str) -> None:
        self.console.print(Text(printable(text), "dim"))

    def on_reading(self, what: str, share: float) -> None:
        self._start()
        self.bar.update(self.task, completed=share, status=f"{what} the text")

    def on_progress(self, progress: ProgressReport) -> None:
        self._start()
        left = f" {_clock(progress.seconds_left)} left" if progress.seconds_left is not None else ""
        status = (  # 80 columns
            f"training {progress.train_loss:.3f} nats {bits(progress.train_loss):.3f} bits/char, "
            f"{progress.chars_per_second / 1000:,.0f}k char/s,{left}"
        )
        self.bar.update(self.task, completed=progress.share, status=status)

    def _start(self) -> None:
        if not self.started:
            self.bar.start()
            self.started = True

    def on_evaluation(self, result: Evaluated) -> None:
        self.console.print(Text(evaluation_line(result), "bold" if result.best else ""))

    def on_sample(self, step: int, text: str) -> None:
        self.console.print(Text(f"sample at step {step:,}", "dim"))
        self.console.print(Text(printable(text.strip("\n"), keep=LAYOUT), "cyan"))

    def on_end(self) -> None:
        self.bar.stop()


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
