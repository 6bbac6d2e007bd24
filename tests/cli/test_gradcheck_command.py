"""`charrnn gradcheck`: green on the code as it is, red on a wrong gradient."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from charrnn.gradcheck import METHODS, available
from charrnn.gradcheck.twins import TWINS
from charrnn.nn.cells.gru import GRU
from charrnn.nn.cells.lstm import LSTM
from charrnn.nn.cells.rnn import RNN
from charrnn.nn.layers import LAYERS
from charrnn.nn.mixture import ExpertInputs
from tests.cli.conftest import Run
from tests.mutants.planting import planted

TINY = ["--hidden-size", 8, "--seq-len", 6, "--num-layers", 2]


def test_every_cell_against_every_method(charrnn: Run) -> None:
    result = charrnn("gradcheck", *TINY)
    assert result.status == 0
    titles = [line.split(",")[0] for line in result.out.splitlines() if ", 2 layers" in line]
    assert titles == [title for cell in LAYERS for title in (cell, f"{cell} with experts")]
    assert result.out.splitlines()[-1].startswith("all ")
    assert result.out.splitlines()[-1].endswith(" gradients and states agree")


def test_json_is_a_list_of_errors(charrnn: Run) -> None:
    rows = json.loads(charrnn("gradcheck", "--cell", "lstm", *TINY, "--json").out)
    assert all({"cell", "layers", "parameter", "against", "relative_error", "experts"} <= set(row) for row in rows)
    assert {row["against"] for row in rows} == set(available())
    assert {(row["cell"], row["layers"], row["experts"]) for row in rows} == {("lstm", 2, 0), ("lstm", 2, 2)}
    assert {row["parameter"] for row in rows if row["experts"]} > {
        row["parameter"] for row in rows if not row["experts"]
    }


@pytest.mark.parametrize(
    "against", ["complex-step", "finite-difference", *(["torch"] if "torch" in available() else [])]
)
@pytest.mark.parametrize(
    ("cell", "old", "new"),
    [
        (RNN, "np.multiply(d_a, d_h, out=d_a)", "np.multiply(d_a, -d_h, out=d_a)"),
        (LSTM, "np.multiply(d_c, f, out=d_c_prev)", "np.multiply(d_c, i, out=d_c_prev)"),
        (GRU, "d_z *= d_h", "d_z *= -d_h"),
    ],
)
def test_a_wrong_gradient_turns_it_red(charrnn: Run, cell: Any, old: str, new: str, against: str) -> None:
    name = cell.__name__.lower()
    with planted(cell, "backward", old, new):
        result = charrnn("gradcheck", "--cell", name, "--against", against, "--kernels", "numpy", *TINY)
    assert result.status == 1
    assert f"FAILED: {name}, 2 layers, recurrent.weight_hh_l0 against {against}: relative error " in result.out
    assert charrnn("gradcheck", "--cell", name, "--against", against, *TINY, "--quiet").status == 0


@pytest.mark.parametrize("against", [m for m in METHODS if m in available()])
def test_a_wrong_gradient_of_the_experts_turns_it_red(charrnn: Run, against: str) -> None:
    with planted(ExpertInputs, "backward", "flat(d_x)", "-flat(d_x)"):
        result = charrnn("gradcheck", "--cell", "qrnn", "--against", against, "--kernels", "numpy", *TINY)
    assert result.status == 1
    assert f"FAILED: qrnn with experts, 2 layers, mixture.input_weight against {against}: " in result.out
    assert "FAILED: qrnn, " not in result.out


def test_without_pytorch_it_says_what_it_leaves_out(charrnn: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = charrnn("gradcheck", "--cell", "rnn", *TINY)
    assert result.status == 0
    assert "left out: gradients and thirty steps of training compared with PyTorch" in result.err
    assert "complex-step" in result.out
    alone = charrnn("gradcheck", "--cell", "rnn", "--against", "torch", *TINY)
    assert alone.status == 2
    assert alone.err == "charrnn: error: comparing with PyTorch needs it: pip install torch==2.13.0\n"


def test_a_cell_without_a_twin_is_not_compared_with_pytorch(charrnn: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(TWINS, "rnn")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)  # as if PyTorch were installed
    result = charrnn("gradcheck", "--cell", "rnn", *TINY)
    assert result.status == 0
    assert "complex-step" in result.out
    assert "torch" not in result.out
    alone = charrnn("gradcheck", "--cell", "rnn", "--against", "torch", *TINY)
    assert alone.status == 2
    assert alone.err == "charrnn: error: cell 'rnn' has no twin in PyTorch: use --against complex-step\n"


def test_the_figure_shows_every_method(charrnn: Run) -> None:
    assert charrnn("gradcheck", "--cell", "rnn", *TINY, "--figure", "errors.svg").status == 0
    drawn = Path("errors.svg").read_text()
    assert all(f"<!-- {method} -->" in drawn for method in METHODS if method in available())
    assert "does not name a figure's format" in charrnn("gradcheck", *TINY, "--figure", "errors.gif").err
