"""What `charrnn train` prints when it is given nothing, and the size of the files that it makes.

    python benchmarks/default_run.py [--out benchmarks/results/default-run.json]

Losses and sample are the same on every machine with compiled kernels. `seconds` is wall time, whatever else ran then,
`cpu_seconds` that of the processor.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import machine

COMMAND = [sys.executable, "-m", "charrnn"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="a JSON file for the record")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # `machine` has chosen one core
    free = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    with tempfile.TemporaryDirectory() as folder:

        def charrnn(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*COMMAND, *arguments], cwd=folder, env=free, capture_output=True, text=True, check=True
            )

        done = charrnn("train")
        run = next(Path(folder, "runs").iterdir())
        summary, sample = done.stdout.split("\n", 1)
        evaluations = [line for line in done.stderr.splitlines() if line.startswith("step ") and "validation" in line]
        metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        found = {
            "machine": machine.describe(),
            "command": "charrnn train",
            "evaluations": evaluations,
            "summary": summary,
            "sample": sample,
            "longest_copy": next((line for line in done.stderr.splitlines() if line.startswith("longest piece")), None),
            "validation_nats_per_char": min(m["val_loss"] for m in metrics if m.get("val_loss") is not None),
            "steps": metrics[-1]["step"],
            "seconds": metrics[-1]["seconds"],
            "cpu_seconds": metrics[-1].get("cpu_seconds"),
            "settings": json.loads((run / "config.json").read_text()),
            "bytes": {"model.safetensors": (run / "model.safetensors").stat().st_size},
        }
    print(f"{found['machine']}\n{summary}\n{sample}")
    if options.out:
        options.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
