"""A progress bar on a terminal; plain lines elsewhere."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from charrnn.training.listener import Evaluated, LineWatcher, Pulse, Watcher, evaluation_line
from charrnn.units import bits


def make_watcher(quiet: bool) -> Watcher:
    """The watcher that fits where standard error goes."""
    if quiet:
        return Watcher()
    return BarWatcher() if sys.stderr.isatty() else LineWatcher()


class BarWatcher(Watcher):
    """A bar with loss, pace and time left, below what scrolls by."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.bar = Progress(
            BarColumn(bar_width=12),
            TextColumn("{task.percentage:3.0f}% {task.fields[status]}"),
            console=self.console,
            transient=True,
        )
        self.task = self.bar.add_task("", total=1.0, status="")
        self.started = False

    def remark(self, text: str) -> None:
        self.console.print(Text(text, "dim"))

    def reading(self, what: str, share: float) -> None:
        self._start()
        self.bar.update(self.task, completed=share, status=f"{what} the text")

    def pulse(self, pulse: Pulse) -> None:
        self._start()
        left = f" {_clock(pulse.seconds_left)} left" if pulse.seconds_left is not None else ""
        status = (  # 80 columns
            f"training {pulse.train_loss:.3f} nats {bits(pulse.train_loss):.3f} bits/char, "
            f"{pulse.chars_per_second / 1000:,.0f}k char/s,{left}"
        )
        self.bar.update(self.task, completed=pulse.progress, status=status)

    def _start(self) -> None:
        if not self.started:
            self.bar.start()
            self.started = True

    def evaluated(self, result: Evaluated) -> None:
        self.console.print(Text(evaluation_line(result), "bold" if result.best else ""))

    def sample(self, step: int, text: str) -> None:
        self.console.print(Text(f"sample at step {step:,}", "dim"))
        self.console.print(Text(text.strip("\n"), "cyan"))

    def done(self) -> None:
        self.bar.stop()


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
