"""Single bits flipped anywhere in a model, a checkpoint, the ids of a large text and the facts about them: all noticed.

.venv/bin/python -m tests.fuzz.flips                   # 2,000 flips
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import charrnn
from charrnn.errors import RunError
from charrnn.runs.files import read_arrays
from charrnn.text import mapped
from charrnn.training.callback import Callback

SETTINGS = {"cell": "lstm", "hidden_size": 8, "num_layers": 1, "steps": 6, "batch_size": 4, "seq_len": 16}


def is_refused(read: Callable[[Path], object]) -> Callable[[Path], bool]:
    """Whether a reader refuses a file, in one line."""

    def check(path: Path) -> bool:
        try:
            read(path)
        except RunError as error:
            return "\n" not in str(error)
        return False

    return check


def unnoticed(flips: int, seed: int, folder: Path) -> list[str]:
    """The flips that nobody noticed, of so many in turn in each kind of file."""
    chance, text = random.Random(seed), folder / "text.txt"
    text.write_text("the cat struck two and the clock ran \x1f\n" * 60)
    run = charrnn.train(text, out=folder / "run", callback=Callback(), **SETTINGS)  # type: ignore[arg-type]
    os.environ["CHARRNN_CACHE"] = str(folder / "cache")
    mapped.large_corpus([str(text)], "utf-8")
    (ids,), (facts,) = (folder / "cache" / "ids").glob("*.ids"), (folder / "cache" / "ids").glob("*.json")

    def is_encoded_again(path: Path) -> bool:
        return mapped.known_facts(ids, facts, mapped.FORMAT) is None

    kinds: list[tuple[Path, Callable[[Path], bool]]] = [
        (run.path / "model.safetensors", is_refused(charrnn.load)),
        (run.path / "checkpoint.safetensors", is_refused(read_arrays)),
        (ids, is_encoded_again), (facts, is_encoded_again),
    ]  # fmt: skip
    for path, notices in kinds:
        assert not notices(path)
    missed = []
    for number in range(flips):
        path, notices = kinds[number % len(kinds)]
        whole = path.read_bytes()
        changed, bit = bytearray(whole), chance.randrange(8 * len(whole))
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        if not notices(path):
            missed.append(f"{path.name}, bit {bit}")
        path.write_bytes(whole)
    return missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flips", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        missed = unnoticed(options.flips, options.seed, Path(folder))
    print(f"{options.flips - len(missed)} of {options.flips} flips noticed")
    for flip in missed:
        print(flip)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
