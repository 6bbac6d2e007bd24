"""The reference setting on the novel: hidden 200, windows of 25, Adam 0.001, 5 epochs; three orders × batch 1, 10, 50.

Prints a Markdown table. One seed: the studies with several seeds are `charrnn experiment`'s.

    python benchmarks/reference_setting.py [--epochs 5]
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import math
import tempfile
from pathlib import Path

from machine import describe

import charrnn
from charrnn.training.callback import Callback


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=float, default=5.0)
    epochs = parser.parse_args().epochs
    print(f"{describe()}; seed 0; first 90 % of the novel trains, last 10 % validates; nats (bits) per character\n")
    print("| order | batch | steps | training, last epoch | validation, best | validation, last | seconds |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for batching in ("sequential", "random", "chunked"):
        for batch_size in (1, 10, 50):
            with tempfile.TemporaryDirectory() as folder:
                run = charrnn.train(
                    out=Path(folder) / "run", recipe="reference", callback=Callback(),
                    batching=batching, batch_size=batch_size, epochs=epochs, eval_every=max(1, 6000 // batch_size),
                )  # fmt: skip
            assert run.val is not None
            records = [r for r in run.metrics if r["epoch"] > epochs - 1]
            training = sum(r["train_loss"] for r in records) / len(records)
            last = run.metrics[-1]["val_loss"]
            assert all(math.isfinite(r["train_loss"]) for r in run.metrics)
            cells = (training, run.val.nats_per_char, last)
            print(
                f"| {batching} | {batch_size} | {run.step:,} | "
                + " | ".join(f"{x:.3f} ({x / math.log(2):.3f})" for x in cells)
                + f" | {run.seconds:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
