"""The progress of training: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from charrnn.terminal import LAYOUT, BestEffort, printable
from charrnn.training.callback import Callback, Evaluated, LineCallback, ProgressReport, evaluation_line
from charrnn.units import bits


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
