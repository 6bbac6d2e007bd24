"""Training killed with SIGKILL at random moments and resumed each time; the end must be that of a run undisturbed.

./run torture                                      # 200 kills
.venv/bin/python -m tests.torture.kills --kills 1000 --seed 7
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from charrnn.batching import BATCHERS
from charrnn.nn.layers import LAYERS
from charrnn.runs.files import read_arrays
from charrnn.runs.folder import RunFolder
from charrnn.training.optimizers import OPTIMIZERS

TIMES = ("seconds", "cpu_seconds", "chars_per_second")
COMMON = (
    "--hidden-size 12 --num-layers 2 --dropout 0.2 --seq-len 10 --batch-size 4 --warmup-steps 20 --log-every 7 "
    "--eval-every 60 --sample-every 90 --checkpoint-minutes 0.0005 --quiet"
)
CASES = [  # every cell with every order; what else varies meets each of them in turn
    f"--cell {cell} --batching {batching} --dtype {('float32', 'float64')[(number + turn) % 2]} "
    f"--optimizer {list(OPTIMIZERS)[(number + turn) % len(OPTIMIZERS)]}"
    f"{' --ngrams auto' if cell == 'qrnn' else ''}"
    for turn, batching in enumerate(BATCHERS)
    for number, cell in enumerate(LAYERS)
]
STEPS = 2000
LATEST_KILL_S = 0.5  # after a process has begun to write


class Outcome(NamedTuple):
    runs: int
    kills: int
    in_training: int  # kills after which the run stood further than before
    half_written: int  # kills that left a half-written file behind
    differences: list[str]


def contents(path: Path) -> dict[str, Any]:
    """Everything about a run that may not differ: records, parameters, state, samples, model. Times may."""
    folder = RunFolder.open(path)
    arrays, header = read_arrays(folder.checkpoint)
    for name in ("seconds", "cpu_seconds"):
        header["progress"].pop(name)
    return {
        "metrics": [{k: v for k, v in r.items() if k not in TIMES} for r in folder.read_metrics()],
        "checkpoint": {name: array.tobytes() for name, array in arrays.items()},
        "progress": header,
        "samples": {p.name: p.read_bytes() for p in sorted(folder.samples.glob("*.txt"))},
        "model": folder.model.read_bytes(),
    }


def _wait_for_writing(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Until something in the folder has changed, or the process is over."""

    def latest() -> int:
        files = [path / "checkpoint.safetensors", path / "metrics.jsonl"]
        return max((file.stat().st_mtime_ns for file in files if file.is_file()), default=0)

    before, patience = latest(), time.monotonic() + 20
    while process.poll() is None and latest() == before and time.monotonic() < patience:
        time.sleep(0.005)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "charrnn", "train", *map(str, arguments)]


def torture(kills: int, seed: int, folder: Path, steps: int = STEPS) -> Outcome:
    """Run case after case until so many kills were dealt out."""
    chance, environment = random.Random(seed), {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    text = folder / "text.txt"
    text.write_text("".join(chance.choice("the cat ran\n") for _ in range(3000)))
    dealt = in_training = half_written = runs = 0
    differences: list[str] = []
    for case in itertools.cycle(CASES):
        if dealt >= kills:
            break
        runs += 1
        options = [*case.split(), *COMMON.split(), "--steps", steps]
        whole, parts = folder / f"{runs}-whole", folder / f"{runs}-parts"
        subprocess.run(command(text, "--out", whole, *options), env=environment, check=True, capture_output=True)
        before, trained = 0, False
        while True:
            begun = RunFolder(parts).checkpoint.is_file()
            process = subprocess.Popen(
                command("--resume", parts, "--quiet") if begun else command(text, "--out", parts, *options),
                env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip
            if dealt < kills and not trained:  # what follows the last step is only a figure and a sample
                if chance.random() < 0.9:  # the others at any moment, such as while Python is importing
                    _wait_for_writing(parts, process)
                time.sleep(chance.uniform(0.0, LATEST_KILL_S))
                process.kill()
            _, err = process.communicate()
            if process.returncode == 0:
                break
            if process.returncode != -9:
                differences.append(f"{case}: a resumed run failed: {err.decode().strip()}")
                break
            dealt += 1
            half_written += any(parts.rglob(".*.part"))
            metrics = RunFolder(parts).metrics
            now = metrics.read_bytes().count(b"\n") if metrics.is_file() else 0
            in_training += now > before
            before = now
            checkpoint = RunFolder(parts).checkpoint
            trained = checkpoint.is_file() and read_arrays(checkpoint)[1]["progress"]["step"] >= steps
        if not differences:
            one, two = contents(whole), contents(parts)
            differences += [f"{case}: {part} differ" for part in one if one[part] != two[part]]
            differences += [f"{case}: {p.name} was left behind" for p in parts.rglob(".*.part")]
    return Outcome(runs, dealt, in_training, half_written, differences)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcome = torture(options.kills, options.seed, Path(folder))
    print(
        f"{outcome.kills} kills over {outcome.runs} runs in {time.monotonic() - begun:.0f} s, {outcome.in_training} of "
        f"them in the midst of training, {outcome.half_written} in the midst of writing a file: "
        f"{len(outcome.differences)} differences"
    )
    for difference in outcome.differences:
        print(difference)
    sys.exit(1 if outcome.differences or not outcome.in_training else 0)


if __name__ == "__main__":
    main()
