"""A text of a gigabyte, made from a seed: time to encode it, memory while training, speed beside a small text.

python benchmarks/large_text.py [--megabytes 1000] [--steps 400]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine

# isort: split
import numpy as np

WORDS = 20_000
# Runs the command, and reports how much memory it held at most while it trained, and how fast it was.
CHILD = """
import json, sys, time
import charrnn
from charrnn.training import session
peak = 0
def resident():
    return 1024 * int(next(l for l in open("/proc/self/status") if l.startswith("VmRSS")).split()[1])
original = session.Session._step
def step(self):
    global peak
    original(self)
    if self.progress.step % 10 == 0:
        peak = max(peak, resident())
session.Session._step = step
settings = json.loads(sys.argv[3])
base = resident()
begun = time.monotonic()
run = charrnn.train(sys.argv[1], out=sys.argv[2], callback=charrnn.training.callback.Callback(), **settings)
rates = sorted(r["chars_per_second"] for r in run.metrics[1:])
print(f"{(peak - base) / 1e6:.0f} {rates[len(rates) // 2]} {time.monotonic() - begun - run.seconds:.1f}")
"""


def make(path: Path, megabytes: float) -> None:
    """Words of a made-up language, by Zipf's law."""
    rng = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgkqjxz"))
    words = np.array(["".join(rng.choice(letters[: rng.integers(5, 26)], rng.integers(1, 9))) for _ in range(WORDS)])
    share = 1.0 / np.arange(1, WORDS + 1)
    with path.open("w") as file:
        while file.tell() < megabytes * 1e6:
            file.write(" ".join(rng.choice(words, 200_000, p=share / share.sum())) + ".\n")


def train(text: Path, out: Path, batching: str, steps: int) -> tuple[int, int, float]:
    settings = {
        "cell": "rnn", "num_layers": 1, "hidden_size": 256, "batching": batching, "steps": steps,
        "val_fraction": 0.002, "eval_every": 10**9, "sample_every": 10**9,
    }  # fmt: skip
    command = [sys.executable, "-c", CHILD, str(text), str(out), json.dumps(settings)]
    memory, rate, before = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(memory), int(rate), float(before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=1000.0)
    parser.add_argument("--steps", type=int, default=400)
    options = parser.parse_args()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CHARRNN_CACHE"] = str(folder / "cache")
        begun = time.monotonic()
        make(folder / "large.txt", options.megabytes)
        make(folder / "small.txt", 20.0)
        print(f"made {options.megabytes:,.0f} MB in {time.monotonic() - begun:.0f} s")
        for batching in ("sequential", "random", "chunked"):
            memory, rate, before = train(folder / "large.txt", folder / f"large-{batching}", batching, options.steps)
            small, small_rate, _ = train(folder / "small.txt", folder / f"small-{batching}", batching, options.steps)
            print(
                f"{batching}: {before:.0f} s before and after training; {memory} MB more than before (a text of 20 MB: "
                f"{small} MB); {rate / small_rate:.3f} times the characters per second of a text of 20 MB in memory",
                flush=True,
            )


if __name__ == "__main__":
    main()
