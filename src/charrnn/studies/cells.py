"""RNN, LSTM, GRU or QRNN: at equal parameters, and at equal CPU time."""

from __future__ import annotations

import math

from charrnn.config import ModelConfig
from charrnn.nn.layers import LAYERS
from charrnn.nn.model import CharModel
from charrnn.reports import Captioned
from charrnn.studies.drawing import views
from charrnn.studies.findings import beside_ngram, ranking
from charrnn.studies.lab import Lab, Report, Study
from charrnn.studies.measures import column, shortest, tabulate, value_at

RNN_SIZE = 200
BATCH_SIZE = 10


def run(lab: Lab) -> Report:
    """Train every registered cell, at the size whose number of parameters is nearest to the RNN's."""
    epochs, vocab_size = 1.0 if lab.quick else 5.0, len(lab.corpus.vocabulary)
    sizes = {cell: size_for(cell, vocab_size, parameters("rnn", vocab_size, RNN_SIZE)) for cell in LAYERS}
    same = {"batching": "chunked", "batch_size": BATCH_SIZE}
    cases = {cell: (f"{cell} {size}", {"cell": cell, "hidden_size": size, **same}) for cell, size in sizes.items()}
    groups = lab.compare(cases, epochs)
    seconds = shortest(groups)
    rows, columns = tabulate(
        groups,
        {
            cell: {"label": f"{cell}, hidden size {size}", "parameters": groups[cell][0]["parameters"]}
            for cell, size in sizes.items()
        },
        {"label": "cell", "parameters": "parameters", "val_loss": f"validation after {epochs:g} epochs"},
        {"at_equal_time": (f"validation after {seconds:.1f} CPU s", lambda r: value_at(r, "cpu_seconds", seconds))},
    )
    curves = Captioned(
        views(groups, {"epoch": "epochs", "cpu_seconds": "CPU seconds"}, 9),
        "Networks of equal parameters, against characters and against time. Mean and range over seeds.",
    )
    findings = [
        ranking(f"With equal parameters, at equal characters ({epochs:g} epochs)", column(rows, "val_loss")),
        ranking(f"With equal parameters, at equal time ({seconds:.1f} CPU s)", column(rows, "at_equal_time")),
        beside_ngram(lab, rows.values()),
    ]
    return Report([*rows.values(), *lab.baselines()], columns, findings, {"curves": curves})


def parameters(cell: str, vocab_size: int, hidden_size: int) -> int:
    """Return the number of parameters of a single layer and its readout."""
    layout = CharModel(ModelConfig(vocab_size, cell, hidden_size)).layout
    return sum(math.prod(shape) for shape in layout.values())


def size_for(cell: str, vocab_size: int, wanted: int) -> int:
    """Return the hidden size whose number of parameters is nearest to the one wanted."""
    return min(range(1, RNN_SIZE + 1), key=lambda size: abs(parameters(cell, vocab_size, size) - wanted))


STUDY = Study(
    "cells",
    "RNN, LSTM, GRU, QRNN",
    f"Which cell predicts best with as many parameters as a vanilla RNN of {RNN_SIZE} units, for the same characters "
    f"and for the same time? Chunked order, batch {BATCH_SIZE}, windows of 25, Adam 0.001 for all.",
    run,
)
