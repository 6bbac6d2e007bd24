"""A short run killed with SIGKILL before and after each of its system calls on files, from the first on.

Afterwards, the advice of the messages must lead on: where `--resume` refuses, the same command begins the run, and
where the command refuses, `--resume` continues it. Either way the run ends as one that was not killed.

.venv/bin/python -m tests.torture.syscalls             # every call until the first checkpoint, every tenth after it
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import charrnn
from charrnn.errors import RunError
from charrnn.runs.folder import RunFolder
from charrnn.training.callback import Callback
from tests.torture.kills import contents

CALLS = ("mkdir", "open", "fsync", "replace", "chmod", "unlink", "close")
SETTINGS: dict[str, Any] = {
    "cell": "rnn", "hidden_size": 8, "num_layers": 1, "steps": 12, "log_every": 3, "sample_every": 6, "eval_every": 6,
    "checkpoint_minutes": 1e-5, "batch_size": 4, "seq_len": 16,
}  # fmt: skip


class Outcome(NamedTuple):
    kills: int
    before_the_first_checkpoint: int
    failures: list[str]


def begin(text: Path, run: Path) -> None:
    charrnn.train(text, out=run, callback=Callback(), **SETTINGS)


def resume(run: Path) -> None:
    charrnn.train(resume=run, callback=Callback())


def in_child(work: Callable[[], None]) -> int:
    """Do the work in a forked process; returns its exit status: 2 if it was refused, −9 if it was killed."""
    child = os.fork()
    if child == 0:
        status = 3
        try:
            work()
            status = 0
        except RunError:
            status = 2
        finally:
            os._exit(status)  # and writes nothing
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(number: int, after: bool, work: Callable[[], None], count: Path) -> Callable[[], None]:
    """The work, killed before or after its call of this number; `count` holds the number of calls so far."""

    def wrapped(module: Any, name: str) -> None:
        original = getattr(module, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            calls[0] += 1
            mine = calls[0]
            if mine == number and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = original(*arguments, **options)
            if mine == number and after:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(module, name, counted)

    calls = [0]

    def run() -> None:
        for name in CALLS:
            wrapped(os, name)
        wrapped(RunFolder, "append")
        work()
        count.write_text(str(calls[0]))

    return run


def torture(folder: Path, stride: int) -> Outcome:
    importlib.import_module("charrnn.training.train").draw_curve = lambda *about: None  # half of the time
    text, whole, run, count = folder / "text.txt", folder / "whole", folder / "run", folder / "count"
    text.write_text("the cat struck two and the clock ran\n" * 60)
    assert in_child(killed_at(0, False, lambda: begin(text, whole), count)) == 0
    calls, expected = int(count.read_text()), contents(whole)
    kills = early = 0
    failures: list[str] = []
    number, begun = 0, False
    while number < calls:
        number += stride if begun else 1
        for after in (False, True):
            first = ("resume", "begin")[(number + after) % 2]
            shutil.rmtree(run, ignore_errors=True)
            if in_child(killed_at(number, after, lambda: begin(text, run), count)) != -signal.SIGKILL:
                continue
            kills += 1
            begun = (run / "checkpoint.safetensors").is_file()
            early += not begun
            what = f"call {number}, {'after' if after else 'before'} it, {first} first"
            ways = [lambda: resume(run), lambda: begin(text, run)]
            statuses = [in_child(way) for way in (ways if first == "resume" else ways[::-1])]
            if 0 not in statuses or 3 in statuses:
                failures.append(f"{what}: exit statuses {statuses}, {sorted(os.listdir(run))}")
            elif contents(run) != expected:
                failures.append(f"{what}: the runs differ")
            failures += [f"{what}: {part.name} was left behind" for part in run.rglob(".*")]
    return Outcome(kills, early, failures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stride", type=int, default=10, help="between calls after the first checkpoint")
    with tempfile.TemporaryDirectory() as folder:
        outcome = torture(Path(folder), parser.parse_args().stride)
    print(
        f"{outcome.kills} kills, {outcome.before_the_first_checkpoint} of them before the first checkpoint: "
        f"{outcome.kills - len(outcome.failures)} continued or began anew"
    )
    for failure in outcome.failures:
        print(failure)
    sys.exit(1 if outcome.failures or not outcome.before_the_first_checkpoint else 0)


if __name__ == "__main__":
    main()
