"""RNN, LSTM, GRU or QRNN: at equal parameters, and at equal CPU time."""

from __future__ import annotations

from typing import Any

import numpy as np

from charrnn.config import ModelConfig
from charrnn.figures.style import new_figure
from charrnn.nn.layers import LAYERS
from charrnn.nn.model import CharModel
from charrnn.studies.batch_size import value_at
from charrnn.studies.drawing import curve
from charrnn.studies.job import Job
from charrnn.studies.lab import Lab, Report, Result, Row, Study, mean_and_spread

RNN_SIZE = 200
BATCH_SIZE = 10


def carry_out(lab: Lab) -> Report:
    """Every registered cell, at the size whose number of parameters is nearest to the RNN's."""
    epochs = 1.0 if lab.quick else 5.0
    vocab_size = len(lab.corpus.vocabulary)
    sizes = {cell: size_for(cell, vocab_size, parameters("rnn", vocab_size, RNN_SIZE)) for cell in LAYERS}
    jobs = [
        Job(f"{cell} {size}, seed {seed}", _settings(cell, size, seed), epochs)
        for cell, size in sizes.items()
        for seed in range(lab.seeds)
    ]
    results = lab.train(jobs)
    groups = {cell: results[k * lab.seeds : (k + 1) * lab.seeds] for k, cell in enumerate(sizes)}
    seconds = min(r["cpu_seconds"] for group in groups.values() for r in group)
    rows = {cell: _row(cell, sizes[cell], group, seconds) for cell, group in groups.items()}
    columns = {
        "label": "cell", "parameters": "parameters", "val_loss": f"validation after {epochs:g} epochs",
        "val_spread": "± over seeds", "at_equal_time": f"validation after {seconds:.1f} CPU s", "cpu_seconds": "CPU s",
    }  # fmt: skip
    captions = {
        "curves": "Networks of equal parameters, against characters and against time. Mean and range over seeds."
    }
    return Report(
        [*rows.values(), *lab.baselines()], columns, _findings(lab, rows, seconds, epochs), {"curves": _curves(groups)},
        captions,
    )  # fmt: skip


def _settings(cell: str, size: int, seed: int) -> dict[str, Any]:
    return {"cell": cell, "hidden_size": size, "batching": "chunked", "batch_size": BATCH_SIZE, "seed": seed}


def parameters(cell: str, vocab_size: int, hidden_size: int) -> int:
    """How many parameters a single layer and its readout have."""
    layout = CharModel(ModelConfig(vocab_size, cell, hidden_size)).layout
    return sum(int(np.prod(shape)) for shape in layout.values())


def size_for(cell: str, vocab_size: int, wanted: int) -> int:
    """The hidden size whose number of parameters is nearest to the one wanted."""
    return min(range(1, RNN_SIZE + 1), key=lambda size: abs(parameters(cell, vocab_size, size) - wanted))


def _row(cell: str, size: int, group: list[Result], seconds: float) -> Row:
    val, spread = mean_and_spread([r["val_loss"] for r in group])
    return {
        "label": f"{cell}, hidden size {size}", "parameters": group[0]["parameters"], "val_loss": val,
        "val_spread": spread, "best_val_loss": float(np.mean([r["best_val_loss"] for r in group])),
        "at_equal_time": float(np.mean([value_at(r, "cpu_seconds", seconds) for r in group])),
        "cpu_seconds": float(np.mean([r["cpu_seconds"] for r in group])), "seeds": len(group),
    }  # fmt: skip


def _curves(groups: dict[str, list[Result]]) -> Any:
    figure = new_figure(9, 3.8)
    for axes, (x, words) in zip(
        figure.subplots(1, 2, sharey=True), (("epoch", "epochs"), ("cpu_seconds", "CPU seconds")), strict=True
    ):
        for number, (cell, group) in enumerate(groups.items()):
            curve(axes, group, x, "val_loss", cell, number)
        axes.set(xlabel=words, title=f"against {words}")
        axes.grid(alpha=0.25)
    figure.axes[0].set_ylabel("validation loss (nats per character)")
    figure.axes[0].legend(frameon=False)
    return figure


def _findings(lab: Lab, rows: dict[str, Row], seconds: float, epochs: float) -> list[str]:
    found = []
    for key, words in (
        ("val_loss", f"equal characters ({epochs:g} epochs)"),
        ("at_equal_time", f"{seconds:.1f} CPU s"),
    ):
        ranked = sorted(rows, key=lambda cell: rows[cell][key])
        losses = ", ".join(f"{cell} {rows[cell][key]:.4f}" for cell in ranked)
        found.append(f"With equal parameters, at {words}: {losses} nats per character. The best is {ranked[0]}.")
    ngram, loss = lab.ngram()
    found.append(f"For comparison: the Witten–Bell {ngram.order}-gram has {loss:.4f} nats per character.")
    return found


STUDY = Study(
    "cells",
    "RNN, LSTM, GRU, QRNN",
    f"Which cell predicts best with as many parameters as a vanilla RNN of {RNN_SIZE} units has, for the same characters, "
    f"and for the same time? Chunked order, batch {BATCH_SIZE}, windows of 25, Adam 0.001 for all.",
    carry_out,
)
