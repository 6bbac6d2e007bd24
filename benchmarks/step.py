"""One training step beside NumPy's, PyTorch's, JAX's and the textbook's: forward, backward, clipping, Adam.

Process CPU times on one thread, interleaved; ratios are medians over rounds, and what stands behind is their quartiles.
Every program reads the same windows from a fresh state. Ours runs on the compiled kernels where they are built; NumPy
is the same step with `--kernels numpy`. PyTorch is the best of its eager variants.

    python benchmarks/step.py [--rounds 9] [--smoke] [--threads 1] [--avx2]
        [--out benchmarks/results/step-PROCESSOR.json]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import machine  # first: it says how many threads the libraries may use, which they read when they are imported

# isort: split
import numpy as np
import peers

from charrnn.config import make_config
from charrnn.threads import blas_threads
from charrnn.training.trainer import Trainer, new_trainer

THREADS = machine.THREADS
VOCAB_SIZE = 86
CHARACTERS = "".join(map(chr, range(VOCAB_SIZE)))
# cell, hidden_size, num_layers, seq_len, batch_size, and the ratios aimed at: PyTorch, JAX, textbook
WORKLOADS = [
    ("rnn", 200, 1, 25, 1, (5.5, 1.5, 13.0)),
    ("rnn", 200, 1, 25, 10, (2.7, 1.7, 4.7)),
    ("rnn", 200, 1, 25, 50, (1.5, 1.25, 3.1)),
    ("rnn", 512, 1, 50, 64, (1.15, 1.35, None)),
    ("lstm", 200, 1, 25, 50, (1.0, 1.0, None)),
    ("lstm", 512, 1, 50, 64, (0.95, 1.25, None)),
    ("lstm", 200, 1, 25, 1, (4.0, 1.9, None)),
    ("gru", 200, 1, 25, 50, (1.5, 1.15, None)),
    ("gru", 64, 1, 64, 32, (5.0, 1.9, None)),
    ("gru", 200, 1, 25, 1, (9.0, 1.8, None)),
    ("qrnn", 192, 3, 64, 16, (1.0, None, None)),
    ("qrnn", 128, 3, 64, 16, (1.0, None, None)),
]
PEERS = ("NumPy", "PyTorch", "JAX", "textbook")
ROUND_S = 0.25  # of each program in each round
clock: Callable[[], float] = time.process_time if THREADS == 1 else time.perf_counter


def make_trainer(
    cell: str, hidden_size: int, num_layers: int, seq_len: int, batch_size: int, kernels: str = "auto"
) -> Trainer:
    config = make_config(
        {"cell": cell, "hidden_size": hidden_size, "num_layers": num_layers, "seq_len": seq_len,
         "batch_size": batch_size, "batching": "random", "grad_clip": peers.CLIP, "learning_rate": peers.RATE,
         "schedule": "constant", "warmup_steps": 0, "kernels": kernels}
    )  # fmt: skip
    ids = np.random.default_rng(0).integers(0, VOCAB_SIZE, 200_000).astype(np.uint8)
    return new_trainer(config, CHARACTERS, ids)


def competitors(cell: str, hidden_size: int, trainer: Trainer) -> dict[str, peers.Step]:
    """Steps by name; the part before the colon is the column they compete in."""
    if cell == "qrnn":
        return {"PyTorch: by hand": peers.torch_qrnn(trainer.model, trainer.params)}
    steps = {"PyTorch: module": peers.torch_module(cell, VOCAB_SIZE, hidden_size)}
    if cell == "rnn":
        steps["PyTorch: loop"] = peers.torch_loop(VOCAB_SIZE, hidden_size)
        steps["textbook"] = peers.textbook(VOCAB_SIZE, hidden_size)
    else:
        steps["PyTorch: without oneDNN"] = peers.torch_module(cell, VOCAB_SIZE, hidden_size, onednn=False)
    if importlib.util.find_spec("jax"):
        steps["JAX"] = peers.jax_scan(cell, VOCAB_SIZE, hidden_size)
    return steps


def seconds_per_call(step: Callable[[], float], calls: int) -> float:
    begun = clock()
    for _ in range(calls):
        step()
    return (clock() - begun) / calls


def products_only(trainer: Trainer) -> Callable[[], float]:
    """The matrix products of a vanilla RNN's step and nothing else."""
    config, V = trainer.config, VOCAB_SIZE
    T, B, H = config.seq_len, config.batch_size, config.hidden_size
    f = partial(np.random.default_rng(0).normal, 0.0, 1.0)
    h, W, Vt, hs, d_o = (f(s).astype(np.float32) for s in ((B, H), (H, H), (H, V), (T * B, H), (T * B, V)))
    out_h, out_o, out_W, out_V = (np.empty(s, np.float32) for s in ((B, H), (T * B, V), (H, H), (H, V)))
    out_hs = np.empty_like(hs)

    def products() -> float:
        for _ in range(2 * T):
            np.dot(h, W, out=out_h)
        np.dot(hs, Vt, out=out_o)
        np.dot(hs.T, d_o, out=out_V)
        np.dot(d_o, Vt.T, out=out_hs)
        np.dot(hs.T, hs, out=out_W)
        return 0.0

    return products


def peak_gflops(size: int = 768) -> float:
    a = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    out = np.empty_like(a)
    times = [seconds_per_call(lambda: float(np.dot(a, a, out=out)[0, 0]), 5) for _ in range(9)]
    return 2 * size**3 / float(np.median(times)) / 1e9


def measure(workload: tuple, rounds: int) -> tuple[dict[str, np.ndarray], Trainer]:
    """Seconds of one step, in each round: ours, each competitor's, and the bare products'."""
    cell, hidden_size, num_layers, seq_len, batch_size, _ = workload
    trainer = make_trainer(cell, hidden_size, num_layers, seq_len, batch_size)
    batches = [trainer.batcher[k] for k in range(64)]
    steps: dict[str, Callable[[], float]] = {"ours": lambda: trainer.step(0.0).loss}
    if trainer.model.kernels.compiled:
        plain = make_trainer(cell, hidden_size, num_layers, seq_len, batch_size, "numpy")
        steps["NumPy"] = lambda: plain.step(0.0).loss
    for name, step in competitors(cell, hidden_size, trainer).items():
        count = iter(range(sys.maxsize))

        def theirs(step: peers.Step = step, count: object = count) -> float:
            batch = batches[next(count) % len(batches)]  # type: ignore[call-overload]
            return step(batch.inputs, batch.targets)

        steps[name] = theirs
    if cell == "rnn":
        steps["products"] = products_only(trainer)
    calls = {}
    for name, step in steps.items():
        seconds_per_call(step, 2)  # compiles, allocates
        calls[name] = max(1, int(ROUND_S / seconds_per_call(step, 3)))
    times = {name: np.empty(rounds) for name in steps}
    for k in range(rounds):
        for name, step in steps.items():
            times[name][k] = seconds_per_call(step, calls[name])
    return times, trainer


def ratio(times: dict[str, np.ndarray], peer: str) -> tuple[float, float, float, str] | None:
    """Median and quartiles of the best variant's time ÷ ours, and which variant."""
    variants = [name for name in times if name.split(":")[0] == peer]
    if not variants:
        return None
    best = min(variants, key=lambda name: float(np.median(times[name])))
    low, middle, high = np.quantile(times[best] / times["ours"], [0.25, 0.5, 0.75])
    return middle, low, high, best.partition(": ")[2]


def flops(trainer: Trainer) -> float:
    """Of the products of a step with one layer: three of each weight matrix that multiplies a state."""
    config = trainer.config
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[config.cell]
    N, H = config.seq_len * config.batch_size, config.hidden_size
    return 6.0 * N * H * (gates * H + VOCAB_SIZE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1, help="of every library; times are then wall times")
    parser.add_argument("--avx2", action="store_true", help="on a newer processor: let no library use AVX-512")
    parser.add_argument("--smoke", action="store_true", help="two small workloads; fails only far below the ratios")
    parser.add_argument("--out", type=Path, help="a JSON file for the ratios")
    options = parser.parse_args()
    machine.limit_torch(THREADS)
    machine.limit_kernels()
    records = []
    with blas_threads(THREADS):
        print(f"{machine.describe()}; {THREADS} thread(s); vocabulary {VOCAB_SIZE}; {options.rounds} rounds")
        peak = peak_gflops()
        print(f"sgemm 768: {peak:.0f} GF/s")
        print("cell  hidden  layers  seq  batch  ours ms  us/char  products/step  of peak   " + "   ".join(PEERS))
        for workload in WORKLOADS[1:3] if options.smoke else WORKLOADS:
            times, trainer = measure(workload, options.rounds)
            cell, hidden_size, num_layers, seq_len, batch_size, holds = workload
            mine = float(np.median(times["ours"]))
            share = f"{np.median(times['products'] / times['ours']):13.0%}" if "products" in times else " " * 13
            of_peak = f"{flops(trainer) / mine / 1e9 / peak:8.0%}" if cell != "qrnn" else " " * 8
            cells = []
            record = {"network": workload[:5], "ms": 1e3 * mine}
            for peer, hold in zip(PEERS, (None, *holds), strict=True):
                found = ratio(times, peer)
                if found:
                    record[f"{peer} ÷ ours"] = {"median": found[0], "quartiles": found[1:3], "variant": found[3]}
                    wanted = f" aim {hold:g}" if hold else ""
                    cells.append(f"{peer} {found[0]:.2f} ({found[1]:.2f}-{found[2]:.2f}) {found[3]}{wanted}")
                if found and options.smoke and hold and found[0] < 0.5 * hold:
                    raise SystemExit(f"{cell} {hidden_size}, batch {batch_size}: {found[0]:.2f}, far below {hold:g}")
            print(
                f"{cell:5s} {hidden_size:6d}  {num_layers:6d} {seq_len:4d} {batch_size:6d} {1e3 * mine:8.2f} "
                f"{1e6 * mine / seq_len / batch_size:8.2f} {share} {of_peak}   " + "; ".join(cells),
                flush=True,
            )
            records.append(record)
    if options.out:
        found = {"machine": machine.describe(), "sgemm_768_gflops": peak, "steps": records}
        options.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    assert os.environ["OPENBLAS_NUM_THREADS"] == str(THREADS)
    main()
