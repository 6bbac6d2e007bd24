"""What int8 costs: the loss on the whole validation split as trained and with one byte for each weight, for every cell.

Each network has the sizes of its recipe and is trained for a few steps only, on the bundled novel and on the beginning
of another text.

    python benchmarks/quantising.py tinyshakespeare.txt [--steps 300] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import machine

import charrnn
from charrnn.export import export
from charrnn.export.js import KNOWN
from charrnn.training.callback import Callback

CHARACTERS = 300_000  # of the other text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(machine.describe())
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        other = folder / arguments.text.name
        other.write_text(arguments.text.read_text(encoding="utf-8")[:CHARACTERS], encoding="utf-8")
        for text, source in (("the novel", ()), (f"{arguments.text.stem}, first {CHARACTERS:,}", (other,))):
            for cell in KNOWN["cell"]:
                run = charrnn.train(
                    source, out=folder / f"{len(rows)}", cell=cell, ngrams="none", steps=arguments.steps, workers=1,
                    eval_every=arguments.steps, sample_every=10**9, callback=Callback(),
                )  # fmt: skip
                losses = export(run.path, "npz", folder / "model.npz", quantise="int8", callback=Callback()).losses
                config = run.config
                network = f"{config.num_layers} × {config.hidden_size} {cell}"
                trained, int8 = (loss.nats_per_char for loss in losses)
                rows.append({"text": text, "network": network, "as_trained": trained, "int8": int8})
                print(f"| {text} | {network} | {trained:.4f} | {int8:.4f} | {int8 - trained:+.4f} |", flush=True)
    if arguments.json:
        found = {"machine": machine.describe(), "split": "val", "unit": "nats per character", "rows": rows}
        arguments.json.write_text(json.dumps({**found, "steps": arguments.steps}, indent=1) + "\n")


if __name__ == "__main__":
    main()
