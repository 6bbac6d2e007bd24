"""Ctrl-C while training: finish the step, save, stop. A second Ctrl-C stops at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

HANGUP = getattr(signal, "SIGHUP", None)  # the terminal was closed; Windows has no such signal


def stop_signals() -> list[int]:
    """Return the signals that ask a program to save and stop: SIGHUP among them, unless `nohup` has it ignored."""
    asking: list[int] = [signal.SIGINT, signal.SIGTERM]
    if HANGUP is not None and signal.getsignal(HANGUP) is not signal.SIG_IGN:
        asking.append(HANGUP)
    return asking


class StopRequest:
    """Inside its `with` block, the first of `stop_signals` only sets `.signal`; a second raises KeyboardInterrupt.

    A second SIGHUP does not: the shell and the system both send one when a terminal is closed.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python forbids it
            for number in stop_signals():
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal returned

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal = number
        elif number != HANGUP:
            raise KeyboardInterrupt


class Interrupted(KeyboardInterrupt):
    """Training was interrupted by `signal`, after it has saved."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal = signal_number
