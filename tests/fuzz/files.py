"""Files that lie: everything that charrnn reads, mutated in every way we know of. Only our own errors may come out.

    ./run fuzz                                         # 100,000 files
    .venv/bin/python -m tests.fuzz.files --files 1000000 --seed 7

A reader may refuse a file (a `CharRNNError`, in one line) or, where the change leaves a valid file, accept it and work;
it may not raise anything else, hang, or allocate much more than the file is long. `subjects` has the files and what is
done with each; `mutations`, the changes, of bytes and of types.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from charrnn.errors import CharRNNError
from tests.fuzz.subjects import Subject, subjects

SLOW_S, HANG_S, LARGE_BYTES = 2.0, 20.0, 64 << 20


class Hang(BaseException):
    """A file has taken longer than any may."""


def fuzz(files: int, seed: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """How many files were refused and accepted, and what should not have happened."""
    chance, outcomes, surprises = random.Random(seed), Counter[str](), []
    with (
        mock.patch.dict(os.environ, {"CHARRNN_CACHE": str(folder)}),
        mock.patch("charrnn.training.announce.draw_learning_curves", return_value=b""),
        mock.patch("sys.stdout", sys.stderr),
    ):
        kinds = subjects(folder)
        weights = [kind.weight for kind in kinds]
        tracemalloc.start()
        for number in range(files):
            (subject,) = chance.choices(kinds, weights)
            mutation = chance.choice(subject.mutations)
            data = mutation(subject.data, chance)
            for surprise in one_file(subject, data, outcomes):
                surprises.append(f"file {number}, {subject.name}, {mutation.__name__}: {surprise}")
                (folder / f"surprise-{number}").write_bytes(data)
        tracemalloc.stop()
    return outcomes, surprises


def one_file(subject: Subject, data: bytes, outcomes: Counter[str]) -> Iterator[str]:
    """Read a file; count whether it was accepted, and yield what should not have happened."""
    subject.path.write_bytes(data)
    tracemalloc.reset_peak()
    begun, before = time.process_time(), tracemalloc.get_traced_memory()[0]
    try:
        with _limit(HANG_S):
            subject.read(subject.path)
        outcomes["accepted"] += 1
    except CharRNNError as error:
        outcomes["refused"] += 1
        if "\n" in str(error):
            yield f"more than one line: {error}"
        if len(str(error)) > 3000:
            yield f"a message of {len(str(error)):,} characters"
    except (Exception, Hang) as error:
        yield f"{type(error).__name__}: {str(error)[:300]}"
    subject.path.write_bytes(subject.data)
    if time.process_time() - begun > SLOW_S:
        yield f"{time.process_time() - begun:.1f} s"
    if tracemalloc.get_traced_memory()[1] - before > LARGE_BYTES:
        yield "a large allocation"


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Raise `Hang` in a block that takes longer."""

    def end(*_: object) -> None:
        raise Hang(f"it was not over after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcomes, surprises = fuzz(options.files, options.seed, Path(folder))
    print(
        f"{options.files:,} files in {time.monotonic() - begun:.0f} s: {outcomes['refused']:,} refused, "
        f"{outcomes['accepted']:,} accepted and usable, {len(surprises)} surprises"
    )
    for surprise in surprises[:50]:
        print(surprise)
    sys.exit(1 if surprises else 0)


if __name__ == "__main__":
    main()
