"""Jobs that workers can import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def square(number: int) -> int:
    return number * number


def threads() -> list[int]:
    from threadpoolctl import threadpool_info

    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def fail(number: int) -> int:
    raise ValueError(f"no {number}\nat all")


def die_until(folder: str, name: str, times: int) -> str:
    """Kill the worker `times` times; each is a file."""
    for number in range(times):
        mark = Path(folder, f"{name}-{number}")
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return name


def sleep_until_there(path: str) -> str:
    while not Path(path).exists():
        time.sleep(0.02)
    return "stopped"


def sleep(seconds: float, path: str) -> None:
    Path(path).touch()
    time.sleep(seconds)
