"""Wall time of a training step with one worker and with more, and the same beside another busy process.

Steps of each number are interleaved in rounds; ratios are medians over rounds. Run nothing else meanwhile: the second
core is what is measured. Afterwards a process that never waits runs beside them.

    python benchmarks/workers.py [--workers 2] [--rounds 15] [--out benchmarks/results/workers-PROCESSOR.json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1"))
CORES = os.sched_getaffinity(0)
import machine  # noqa: E402

os.sched_setaffinity(0, CORES)  # `machine` pins a single thread to one core

import numpy as np  # noqa: E402
from step import make_trainer  # noqa: E402

from charrnn.threads import blas_threads  # noqa: E402
from charrnn.training.trainer import Trainer  # noqa: E402

os.sched_setaffinity(0, CORES)
WORKLOADS = [("qrnn", 192, 3, 64, 16), ("qrnn", 128, 3, 64, 16), ("lstm", 200, 1, 25, 50), ("rnn", 512, 1, 50, 64)]
ROUND_S = 0.3


def seconds(trainer: Trainer, steps: int) -> float:
    begun = time.perf_counter()
    for _ in range(steps):
        trainer.step(0.0)
    return (time.perf_counter() - begun) / steps


def measure(workload: tuple, workers: int, rounds: int) -> dict[str, np.ndarray]:
    """Seconds of a step, in each round: NumPy's, with one worker, and with all."""
    trainers = {
        name: make_trainer(*workload, kernels)
        for name, kernels in (("NumPy", "numpy"), ("1", "c"), (str(workers), "c"))
    }
    trainers[str(workers)].model.kernels.crew.workers = workers
    steps = {name: max(1, int(ROUND_S / max(seconds(trainer, 3), 1e-6))) for name, trainer in trainers.items()}
    times: dict[str, list[float]] = {name: [] for name in trainers}
    for _ in range(rounds):
        for name, trainer in trainers.items():
            times[name].append(seconds(trainer, steps[name]))
    return {name: np.array(each) for name, each in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, help="a JSON file for the ratios")
    options = parser.parse_args()
    print(machine.describe())
    records = []
    busy = [sys.executable, "-c", "while True: pass"]
    with blas_threads(1):
        for beside in (False, True):
            process = subprocess.Popen(busy) if beside else None
            try:
                for workload in WORKLOADS:
                    times = measure(workload, options.workers, options.rounds)
                    one, all_ = times["1"], times[str(options.workers)]
                    ratios = {
                        "one worker ÷ all": float(np.median(one / all_)),
                        "NumPy ÷ all": float(np.median(times["NumPy"] / all_)),
                    }
                    records.append(
                        {
                            "network": workload,
                            "beside a busy process": beside,
                            "ms": 1e3 * float(np.median(all_)),
                            **ratios,
                        }
                    )
                    print(records[-1], flush=True)
            finally:
                if process:
                    process.kill()
                    process.wait()
    if options.out:
        found = {"machine": machine.describe(), "workers": options.workers, "steps": records}
        options.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
