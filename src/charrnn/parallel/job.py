"""A job, its outcome, and the few lines that run it inside a worker."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from charrnn.interrupts import HANGUP, stop_signals
from charrnn.threads import blas_threads

POLL_S = 0.5
SAVING_S = 60.0  # for a job to save after the process that started it is gone


@dataclass(frozen=True)
class Job:
    """A function that workers can import, and its arguments. The key names it among the others."""

    key: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Failure:
    """An error as a value: `kind` is the exception's name, `report` the traceback."""

    kind: str
    message: str
    report: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job: its value, or a failure."""

    job: Job
    value: Any = None
    failure: Failure | None = None
    deaths: int = 0  # of workers while they ran it
    blamed: int = 0  # deaths that this job certainly caused


def call(function: Callable[..., Any], arguments: tuple[Any, ...], in_worker: bool) -> dict[str, Any]:
    """Run a job with one thread of linear algebra; an exception is returned as a value.

    So is an interruption in a worker, for the process that gave the job to handle.
    """
    try:
        with blas_threads(1):
            return {"value": function(*arguments)}
    except Exception as error:
        message = " ".join(str(error).split())
        return {"failure": [type(error).__name__, message, traceback.format_exc()]}
    except KeyboardInterrupt as error:
        if not in_worker:
            raise
        if _orphaned.is_set():
            os._exit(1)
        return {"interrupted": str(error)}


_orphaned = threading.Event()


def begin_worker(parent: int) -> None:
    """Prepare a worker process: it leaves Ctrl-C and a closed terminal to its parent, and does not outlive it."""
    for number in filter(None, (signal.SIGINT, HANGUP)):  # a terminal sends them to both
        signal.signal(number, signal.SIG_IGN)
    if os.name == "posix":
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def begin_rank() -> None:
    """Prepare a rank of MPI: Ctrl-C would end an idle one, and all others with it. Training handles it by itself."""
    for number in stop_signals():
        signal.signal(number, signal.SIG_IGN)


def _follow(parent: int) -> None:
    """When the parent is gone, end this process as `kill` would: training saves and stops."""
    while os.getppid() == parent:
        time.sleep(POLL_S)
    _orphaned.set()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SAVING_S)
    os._exit(1)
