"""What is written to the disk, and what is refused when it is read back."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import charrnn
from charrnn.config import ModelConfig
from charrnn.errors import RunError
from charrnn.figures.learning_curve import draw_learning_curves
from charrnn.figures.style import smooth
from charrnn.language_model import LanguageModel
from charrnn.nn.model import CharModel
from charrnn.randomness import stream
from charrnn.runs.files import KEY, read_arrays, read_json, write_arrays, write_atomic
from charrnn.runs.folder import RunFolder
from charrnn.runs.model_file import from_torch, read_model, to_torch
from charrnn.text.vocabulary import Vocabulary
from tests.networks import EVERY_CELL


def make_model(cell: str = "rnn", dtype: type = np.float32) -> LanguageModel:
    vocabulary = Vocabulary("abc\n😀")
    network = CharModel(ModelConfig(len(vocabulary), cell, 6, 2))
    return LanguageModel(network, network.init_parameters(stream(0, "initialisation"), dtype), vocabulary, {"step": 3})


def test_an_atomic_write_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for data in (b"one", b"two"):
        write_atomic(path, data)
        assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["file"]


def test_a_write_that_fails_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"cannot write '.*file': No space left on device"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_arrays_of_any_memory_order_survive(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "arrays"
    arrays = {"c": rng.normal(size=(3, 4)), "f": rng.normal(size=(3, 4)).T, "s": rng.normal(size=(6, 4))[::2]}
    write_arrays(path, arrays, {"a": 1, "b": "é", "c": [1.5]})
    found, header = read_arrays(path)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    assert header == {"a": 1, "b": "é", "c": [1.5]}
    before = path.read_bytes()
    write_arrays(path, arrays, header)
    assert path.read_bytes() == before


@pytest.mark.parametrize("cell", EVERY_CELL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_saved_model_is_the_same_model(cell: str, dtype: type, tmp_path: Path) -> None:
    model = make_model(cell, dtype)
    model.save(tmp_path / "model.safetensors")
    loaded = charrnn.load(tmp_path / "model.safetensors")
    assert (loaded.vocabulary, loaded.network.config, loaded.provenance) == (
        model.vocabulary, model.network.config, model.provenance,
    )  # fmt: skip
    assert loaded.params.vector.dtype == dtype
    np.testing.assert_array_equal(loaded.params.vector, model.params.vector)
    assert loaded.generate("a", 40, seed=1) == model.generate("a", 40, seed=1)


def test_a_second_bias_of_pytorch_is_added_to_the_first() -> None:
    model = make_model()
    arrays = {name: np.array(a) for name, a in to_torch(model.params).items()}
    assert not arrays["recurrent.bias_hh_l1"].any()
    arrays["recurrent.bias_hh_l1"] += 0.25
    params = from_torch(arrays, model.network)
    np.testing.assert_array_equal(params["recurrent.bias_ih_l1"], model.params["recurrent.bias_ih_l1"] + 0.25)


def damaged(tmp_path: Path, change) -> Path:
    """A model file with one thing changed in its arrays or header."""
    path = tmp_path / "model.safetensors"
    make_model().save(path)
    arrays, header = read_arrays(path)
    change(arrays, header)
    write_arrays(path, arrays, header)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, h: a.pop("readout.bias"), "array 'readout.bias' is missing"),
        (lambda a, h: a.update(extra=np.zeros(1, np.float32)), "array 'extra' is not part of this model"),
        (lambda a, h: a.update({"readout.bias": np.zeros(4, np.float32)}), r"shape \(4,\), expected \(5,\)"),
        (lambda a, h: a.update({"readout.bias": np.zeros(5, np.float64)}), "all be float32 or all float64"),
        (lambda a, h: a["readout.bias"].fill(np.nan), "not finite"),
        (lambda a, h: h.update(format=99), "model format 99"),
        (lambda a, h: h.update(vocabulary="ab"), "2 characters for vocab_size 5"),
        (lambda a, h: h.pop("vocabulary"), "vocabulary"),
        (lambda a, h: h["model"].update(cell="transformer"), "cell 'transformer' is not known"),
        (lambda a, h: h["model"].update(hidden_size=-1), "hidden_size -1 is not a size"),
        (lambda a, h: h["model"].update(hidden_size=10**12), "is not a size"),
        (lambda a, h: h["model"].update(hidden_size=10**6), "has shape"),
        (lambda a, h: h["model"].update(colour=1), "the model's settings are"),
        (lambda a, h: h.update(model=[]), "damaged"),
    ],
)
def test_a_model_file_that_lies_is_refused(change, message: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=message):
        read_model(damaged(tmp_path, change))


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_model_file_is_refused(keep: int, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    make_model().save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RunError, match="not a whole safetensors file"):
        read_model(path)


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(2)}, path)
    with pytest.raises(RunError, match="was not written by charrnn"):
        read_arrays(path)
    save_file({"a": np.zeros(2)}, path, {KEY: "[" * 100_000})
    with pytest.raises(RunError, match="is damaged"):
        read_arrays(path)
    with pytest.raises(RunError, match="there is no model"):
        charrnn.load(tmp_path / "missing")
    (tmp_path / "x.json").write_text("[1]")
    with pytest.raises(RunError, match="should hold a JSON object"):
        read_json(tmp_path / "x.json")


def test_a_run_folder_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = []
    for _ in range(3):
        with RunFolder.begin(None, "book-rnn") as folder:
            names.append(folder.path.name)
            folder.append({"step": 1, "epoch": 0.5})
    assert names == ["book-rnn", "book-rnn-2", "book-rnn-3"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "text.txt").write_text("a text of mine")
    with pytest.raises(RunError, match="exists and is never overwritten"), RunFolder.begin(tmp_path / "mine", ""):
        pass
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["text.txt"]


def test_metrics_survive_a_torn_last_line(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.read_metrics() == []
    for step in (1, 2, 3):
        folder.append({"step": step, "epoch": 0.5})
    with folder.metrics.open("a") as file:
        file.write('{"step": 4, "tra')
    assert [r["step"] for r in folder.read_metrics()] == [1, 2, 3]
    folder.clean(2)
    line = '{"step": %d, "epoch": 0.5}\n'
    assert folder.metrics.read_text() == line % 1 + line % 2
    for nonsense in ("nonsense", "{}", "[1]"):
        folder.metrics.write_text(f"{line % 1}{nonsense}\n{line % 3}")
        with pytest.raises(RunError, match="damaged at line 2"):
            folder.read_metrics()


RECORDS = [
    {"epoch": k / 10, "train_loss": 3.0 - k / 50} | ({"val_loss": 2.5} if k % 10 == 9 else {}) for k in range(60)
]


@pytest.mark.parametrize(("file_format", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_curves_are_drawn_in_every_format(file_format: str, start: bytes) -> None:
    assert draw_learning_curves({"a": RECORDS, "b": RECORDS[:3]}, "text", file_format).startswith(start)


def test_a_run_without_records_has_no_curve() -> None:
    with pytest.raises(RunError, match="run 'empty' has no recorded losses"):
        draw_learning_curves({"empty": []})


def test_smoothing_keeps_a_straight_line_inside_and_the_mean(rng: np.random.Generator) -> None:
    line = np.linspace(0, 1, 200)
    np.testing.assert_allclose(smooth(line)[10:-10], line[10:-10], atol=1e-12)
    noise = rng.normal(size=2000)
    assert smooth(noise).std() < 0.3 * noise.std()
    np.testing.assert_array_equal(smooth(np.array([1.0, 5.0])), [1.0, 5.0])
