"""What cutting narrow products into groups of columns saves: whole training steps without and with it, interleaved.

python benchmarks/narrow_product.py [--rounds 11]
"""

from __future__ import annotations

import argparse
import time

import machine

# isort: split
import numpy as np
from step import make_trainer

import charrnn.nn.narrow_product as narrow
from charrnn.threads import blas_threads

WORKLOADS = [  # cell, hidden_size, num_layers, seq_len, batch_size
    ("rnn", 200, 1, 25, 10),
    ("rnn", 256, 1, 64, 16),
    ("rnn", 512, 1, 50, 32),
    ("lstm", 256, 1, 50, 16),
    ("lstm", 512, 1, 50, 32),
    ("gru", 256, 1, 50, 16),
    ("gru", 512, 1, 50, 16),
]
ROUND_S = 0.15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    print(machine.describe())
    print("\n| cell | hidden size | batch | whole products, ms | in groups, ms | ratio |\n|---|--:|--:|--:|--:|--:|")
    cutting = narrow.column_groups
    for workload in WORKLOADS:
        trainer, times = make_trainer(*workload), []
        begun = time.process_time()
        trainer.step(0.0)
        calls = max(2, int(ROUND_S / (time.process_time() - begun)))
        for _ in range(rounds):
            row = []
            for narrow.column_groups in (lambda rows, inner, columns: 1, cutting):
                begun = time.process_time()
                for _ in range(calls):
                    trainer.step(0.0)
                row.append((time.process_time() - begun) / calls)
            times.append(row)
        whole, grouped = np.median(times, axis=0)
        ratio = np.median([a / b for a, b in times])
        cell, hidden_size, _, _, batch_size = workload
        print(
            f"| {cell} | {hidden_size} | {batch_size} | {whole * 1e3:.2f} | {grouped * 1e3:.2f} | {ratio:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    with blas_threads(1):
        main()
