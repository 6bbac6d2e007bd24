"""The one-file editions: their numbers are the package's, bit for bit, and each learns from a list and from a text."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from charrnn.config import make_config
from charrnn.nn.layers import LAYERS
from charrnn.threads import blas_threads
from charrnn.training.trainer import new_trainer
from tests.conftest import CORPORA

EDITIONS = Path(__file__).parents[2] / "editions"
CELLS = sorted(path.stem for path in EDITIONS.glob("*.py"))  # a new cell need not have one
STEPS, CHARACTERS = 100, "\nabcdefghijklmnopqrstuvwxyz"
NAMES = "anna\nbert\nclara\ndora\nemil\nfrida\ngustav\nhanna\nida\njosef\n"


def edition(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"edition_{name}", EDITIONS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_an_edition_of_every_cell_of_the_package() -> None:
    assert {"rnn", "lstm", "gru", "qrnn"} == set(CELLS) <= set(LAYERS)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("H", "T", "B", "clip"), [(64, 16, 64, 1.0), (12, 8, 4, 0.05), (40, 25, 10, 1.0)])
def test_a_hundred_steps_equal_the_packages_bit_for_bit(name: str, H: int, T: int, B: int, clip: float) -> None:
    settings = {"cell": name, "hidden_size": H, "seq_len": T, "batch_size": B, "grad_clip": clip, "seed": 7}
    config = make_config(
        {**settings, "num_layers": 1, "learning_rate": 0.01, "schedule": "linear", "warmup_steps": 0,
         "dtype": "float64", "batching": "sequential"}
    )  # fmt: skip
    ids = np.random.default_rng(1).integers(0, len(CHARACTERS), T * B * STEPS // 3 + 1)  # three epochs
    trainer = new_trainer(config, CHARACTERS, ids.astype(np.uint8))
    with blas_threads(1):
        theirs = edition(name).train(ids, len(CHARACTERS), H, T, B, 0.01, clip, 7, np.float64, steps=STEPS)
        clipped = 0
        for step, (_, loss, norm, p) in enumerate(theirs):  # noqa: B007 (the last parameters)
            record = trainer.step(step / STEPS)
            assert (loss, norm) == (record.loss, record.grad_norm), f"step {step}"
            clipped += norm > clip
        assert step == STEPS - 1
    ours = [array.T for array in trainer.params.values()]
    assert [array.shape for array in p.values()] == [array.shape for array in ours]
    assert all(np.array_equal(a, b) for a, b in zip(p.values(), ours, strict=True))
    assert clip == 1.0 or clipped > 10  # clipping is part of what is compared


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("kind", ["list", "text"])
def test_an_edition_learns_and_writes(name: str, kind: str, tmp_path: Path) -> None:
    text = "The clock struck one, and the cat ran down the stairs of the old house again. " * 40
    if kind == "list":
        text = "".join(a + b for a in NAMES.splitlines() for b in NAMES.splitlines(True))
    (tmp_path / "input.txt").write_text(text)
    program = (EDITIONS / f"{name}.py").read_text().replace("seconds=seconds)", "steps=300)")
    program = program.replace("seq_len, batch_size = 64, 16, 64", "seq_len, batch_size = 24, 8, 8")
    assert "steps=300" in program
    (tmp_path / "edition.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "edition.py", "input.txt"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    losses = [float(x) for x in re.findall(r"loss ([\d.]+) nats", done.stdout)]
    guessing = float(re.findall(r"guessing loses ([\d.]+)", done.stdout)[0])
    assert losses[0] == pytest.approx(guessing, abs=0.5)
    assert losses[-1] < 0.7 * guessing, done.stdout  # the validation loss
    written = done.stdout.split("(the last 10 %)\n")[1]
    assert set(written) <= set(text) | {"\n"}
    assert len(written.splitlines()) == 20 if kind == "list" else len(written) > 400


@pytest.mark.parametrize("path", sorted(EDITIONS.glob("*.py")), ids=lambda path: path.stem)
def test_an_edition_is_one_short_file_that_needs_numpy_alone(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 150
    assert set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE)) == {"sys", "time", "numpy"}
    assert "Change" in text.split('"""')[1]
    assert "Watch" in text.split('"""')[1]


def test_the_vanilla_edition_learns_names(tmp_path: Path) -> None:
    """As far as 600 steps bring it; its whole run, 60 seconds, is in editions/README.md."""
    names = CORPORA / "names.txt"
    if not names.is_file():
        pytest.skip("names.txt is not part of the project: name its folder in CHARRNN_TEST_CORPORA")
    rnn = edition("rnn")
    lines = list(dict.fromkeys(names.read_text().splitlines()))
    text = "\n".join(lines[k] for k in np.random.default_rng(0).permutation(len(lines))) + "\n"
    ids, cut = np.searchsorted(sorted(set(text)), list(text)), int(0.9 * len(text))
    *_, (_, _, _, p) = rnn.train(ids[:cut], 27, 64, 16, 64, 0.006, 1.0, 0, np.float32, steps=600)
    val, scratch = ids[cut:, None], {name: np.empty_like(array) for name, array in p.items()}
    assert rnn.loss_and_grads(p, scratch, val[:-1], val[1:], np.zeros((1, 64)))[0] < 2.2
