"""How time and memory grow: cost per character against T, B, H, V, of evaluation, and memory beside its formula.

python benchmarks/growth.py [--out docs/figures]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import machine

# isort: split
import numpy as np

from charrnn.config import make_config
from charrnn.figures.style import COLOURS, STYLES, image, new_figure
from charrnn.runs.files import write_atomic
from charrnn.scoring import evaluate
from charrnn.training.trainer import Trainer, new_trainer

BASE = {"cell": "rnn", "hidden_size": 256, "seq_len": 64, "batch_size": 16, "vocab_size": 80}
AXES = {
    "seq_len": (8, 16, 32, 64, 128, 256),
    "batch_size": (1, 2, 4, 8, 16, 32, 64, 128),
    "hidden_size": (32, 64, 128, 256, 512, 1024),
    "vocab_size": (30, 100, 300, 1000, 2000, 5000),
}
CELLS = ("rnn", "gru", "lstm", "qrnn")
CORPORA = (100_000, 1_000_000, 10_000_000, 50_000_000)
STEP_S = 0.6


def make_trainer(values: dict, corpus: int = 300_000) -> Trainer:
    settings = {k: v for k, v in values.items() if k != "vocab_size"}
    config = make_config({**settings, "batching": "random", "schedule": "constant"})
    ids = np.random.default_rng(0).integers(0, values["vocab_size"], corpus, dtype=np.uint16)
    return new_trainer(config, "".join(map(chr, range(values["vocab_size"]))), ids)


def microseconds(trainer: Trainer) -> float:
    """CPU time of a character, the median over steps."""
    config, times = trainer.config, []
    trainer.step(0.0)
    end = time.process_time() + STEP_S
    while time.process_time() < end or len(times) < 3:
        begun = time.process_time()
        trainer.step(0.0)
        times.append(time.process_time() - begun)
    return 1e6 * float(np.median(times)) / (config.seq_len * config.batch_size)


def reading_share(trainer: Trainer) -> float:
    """CPU time of evaluating a character ÷ that of training on one."""
    ids = trainer.batcher.ids[:20_000]
    begun = time.process_time()
    evaluate(trainer.model, trainer.params, ids)
    return 1e6 * (time.process_time() - begun) / len(ids) / microseconds(trainer)


def formula(values: dict) -> int:
    """Bytes of a training step's arrays: four of P numbers, and what each layer and the readout keep of a window."""
    T, B, H, V, L = (values.get(k, 1) for k in ("seq_len", "batch_size", "hidden_size", "vocab_size", "num_layers"))
    P = len(make_trainer(values, 100_000).params.vector)
    per_step = {"rnn": 4, "lstm": 12, "gru": 12, "qrnn": 15}[values["cell"]]  # arrays (T, B, H) that a layer keeps
    return 4 * (4 * P + L * per_step * T * B * H + T * B * (V + H))


def resident(values: dict) -> int:
    """Growth of the resident memory by a trainer and three steps, in a process of its own."""
    code = (
        "import resource, sys, json; sys.path.insert(0, sys.argv[1]); import growth\n"
        "values = json.loads(sys.argv[2]); growth.make_trainer({**values, 'hidden_size': 8}).step(0.0)\n"
        "rss = lambda: int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize()\n"
        "before = rss()\n"
        "trainer = growth.make_trainer(values)\n"
        "for _ in range(3): trainer.step(0.0)\n"
        "print(rss() - before)"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent), json.dumps(values)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for growth.png")
    out = parser.parse_args().out
    print(f"{machine.describe()}; µs of CPU for each character of a training step; otherwise {BASE}")
    figure = new_figure(11, 3.6)
    panels = figure.subplots(1, len(AXES))
    for axes, (name, sizes) in zip(panels, AXES.items(), strict=True):
        for number, cell in enumerate(CELLS):
            costs = [microseconds(make_trainer({**BASE, "cell": cell, name: size})) for size in sizes]
            print(f"{cell:4s} {name}: " + ", ".join(f"{s}: {c:.2f}" for s, c in zip(sizes, costs, strict=True)))
            axes.plot(sizes, costs, STYLES[number], marker="o", markersize=3, color=COLOURS[number], label=cell)
        axes.set(xscale="log", yscale="log", xlabel=name)
        axes.grid(alpha=0.25)
    panels[0].set_ylabel("µs of CPU per character")
    panels[0].legend(frameon=False)
    if out:
        write_atomic(out / "growth.png", image(figure, "png"))
    sizes = ", ".join(f"{n:,}: {microseconds(make_trainer(BASE, n)):.2f}" for n in CORPORA)
    print(f"rnn, characters in the corpus: {sizes}")
    for cell in CELLS:
        size = {"hidden_size": 192, "num_layers": 3} if cell == "qrnn" else {}
        share = reading_share(make_trainer({**BASE, "cell": cell, **size}))
        print(f"evaluation of a character ÷ training on one, {cell}: {share:.2f}")
    for cell in CELLS:
        values = {**BASE, "cell": cell, "hidden_size": 512, "batch_size": 64}
        found, expected = resident(values), formula(values)
        print(f"memory, {cell} 512, T 64, B 64: {found / 1e6:.0f} MB measured, {expected / 1e6:.0f} MB by the formula")
    print(f"peak resident memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
