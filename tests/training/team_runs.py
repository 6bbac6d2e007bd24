"""Run by mpiexec in test_teams.py: `python -m tests.training.team_runs FOLDER DTYPE [fail]`.

Trains with every order of sequences and another network, one run after another with the same team. With `fail`, rank 1
raises an error in the midst of training.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import charrnn
from charrnn.batching import BATCHERS
from charrnn.nn.model import CharModel
from charrnn.training.callback import Callback
from charrnn.training.mpi import mpi_team

STEPS = 200
KINDS: dict[str, dict[str, Any]] = {  # an odd number of units in a window of the last one: masks are drawn in pairs
    **{batching: {"batching": batching} for batching in BATCHERS}, "qrnn": {"cell": "qrnn", "hidden_size": 9},
    "experts": {"cell": "qrnn", "hidden_size": 9, "ngrams": "auto"},
    "list": {"cell": "qrnn", "hidden_size": 9, "ngrams": "auto", "documents": "lines"},
}  # fmt: skip
SETTINGS: dict[str, Any] = {
    "cell": "gru", "num_layers": 2, "dropout": 0.25, "hidden_size": 12, "seq_len": 7, "batch_size": 6, "seed": 5,
    "learning_rate": 0.01, "steps": STEPS, "log_every": 1, "eval_every": 50,
}  # fmt: skip


def fail_on_rank_1() -> None:
    from mpi4py import MPI

    whole, calls = CharModel.loss_and_grads, []

    def failing(*args: Any) -> Any:
        calls.append(1)
        if MPI.COMM_WORLD.Get_rank() == 1 and len(calls) == 20:
            raise FloatingPointError("a planted failure")
        return whole(*args)

    CharModel.loss_and_grads = failing  # type: ignore[method-assign]


if __name__ == "__main__":
    folder, dtype = Path(sys.argv[1]), sys.argv[2]
    if "fail" in sys.argv:
        fail_on_rank_1()
    with mpi_team() as team:
        for kind, changes in KINDS.items():
            text = folder / ("list.txt" if "documents" in changes else "book.txt")
            charrnn.train(
                text, out=folder / f"{kind}-{dtype}-{team.size}", callback=Callback(), team=team,
                dtype=dtype, **{**SETTINGS, **changes},
            )  # fmt: skip
