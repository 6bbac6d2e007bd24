"""How good a vanilla RNN gets in 60 CPU seconds of one core: hidden size 256, sequential, 16 lanes, windows of 64.

All of the time counts: reading the text, training, and a validation of the whole last 10 % of the text at the end.
The bar is 1.75 nats per character on tinyshakespeare.

    python benchmarks/vanilla_rnn_60s.py tinyshakespeare.txt [--seeds 3] [--seconds 60]
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import describe

import charrnn
from charrnn.training.callback import Callback

BAR = 1.75
FINISH_S = 2.0  # kept for the last validation and the files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--learning-rate", type=float, default=0.004)
    arguments = parser.parse_args()
    print(describe())
    losses = []
    for seed in range(arguments.seeds):
        begun = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            run = charrnn.train(
                arguments.text, out=Path(folder) / "run", callback=Callback(), seed=seed,
                cell="rnn", num_layers=1, dropout=0.0, beta2=0.999, hidden_size=256,
                batching="sequential", batch_size=16, seq_len=64,
                learning_rate=arguments.learning_rate, schedule="cosine", warmup_steps=100, grad_clip=1.0,
                minutes=(arguments.seconds - FINISH_S) / 60, eval_every=10**9, sample_every=10**9,
            )  # fmt: skip
        assert run.val is not None
        losses.append(run.val.nats_per_char)
        print(
            f"seed {seed}: {time.process_time() - begun:.1f} CPU s, {run.step:,} steps ({run.epoch:.2f} epochs): "
            f"validation (last 10 %, {run.val.characters:,} characters) {run.val.nats_per_char:.4f} nats "
            f"({run.val.bits_per_char:.4f} bits) per character"
        )
    print(f"mean {np.mean(losses):.4f}, from {min(losses):.4f} to {max(losses):.4f} nats per character; bar {BAR}")


if __name__ == "__main__":
    main()
