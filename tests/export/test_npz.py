"""`--to npz`: the arrays that were exported are those that are read, by charrnn and by the reader in the docs."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import charrnn
from charrnn.arrays import Array
from charrnn.errors import ConfigError, RunError
from charrnn.export import export
from charrnn.export.quantise import quantised
from charrnn.training.callback import Callback
from tests.export.models import CELLS, TEXT, logits_of, logits_of_ids, make_model

ROOT = Path(__file__).parents[2]


def saved(tmp_path: Path, *args: object, **options: object) -> Path:
    path = tmp_path / "small.safetensors"
    make_model(*args, **options).save(path)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("cell", CELLS)
def test_every_command_reads_what_was_exported(cell: str, tmp_path: Path) -> None:
    run = saved(tmp_path, cell, 2)
    result = export(run, "npz", tmp_path / "m.npz", callback=Callback())
    model, again = charrnn.load(run), charrnn.load(result.path)
    assert np.array_equal(model.params.vector, again.params.vector)
    assert model.generate("The ", 50, seed=3) == again.generate("The ", 50, seed=3)
    assert again.provenance["export"] == {"quantise": "none", "prune": None}
    assert result.bytes == result.path.stat().st_size


def test_counts_come_with_the_model(tmp_path: Path) -> None:
    run = saved(tmp_path, "qrnn", 2, chains=("characters", "words"))
    result = export(run, "npz", tmp_path / "m.npz", quantise="int8", callback=Callback())
    again = charrnn.load(result.path)
    assert again.experts is not None
    assert again.experts.counts_sha256 == charrnn.load(run).experts.counts_sha256  # type: ignore[union-attr]
    assert result.counts_bytes > 0


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("quantise", ["none", "int8"])
def test_the_reader_of_the_docs_computes_the_same_logits(cell: str, layers: int, quantise: str, tmp_path: Path) -> None:
    result = export(saved(tmp_path, cell, layers), "npz", tmp_path / "m.npz", quantise=quantise, callback=Callback())
    found = read_by_the_docs(result.path, TEXT[:1000])
    np.testing.assert_allclose(found, logits_of(charrnn.load(result.path), TEXT[:1000]), atol=1e-4)


@pytest.mark.parametrize("cell", ["lstm", "qrnn"])
def test_the_reader_of_the_docs_reads_documents(cell: str, tmp_path: Path) -> None:
    run = saved(tmp_path, cell, 2, documents=True, labels=("Czech", "Irish"))
    model = charrnn.load(export(run, "npz", tmp_path / "m.npz", callback=Callback()).path)
    ids = model.vocabulary.encode_documents(
        ["The clock", "", "struck"], symbols=[*model.vocabulary.characters[-2:], "T"]
    )
    found = read_by_the_docs(tmp_path / "m.npz", "".join(model.vocabulary.characters[k] for k in ids))
    np.testing.assert_allclose(found, logits_of_ids(model, ids), atol=1e-4)


def read_by_the_docs(path: Path, text: str) -> Array:
    """The logits (N, V) after each symbol of a text, by the program in the docs, run beside the file."""
    page = (ROOT / "docs" / "export.md").read_text()
    (code,) = re.findall(r"<!-- reader -->\n```python\n(.*?)```", page, re.DOTALL)
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 40
    script = code + (
        "import sys\nassert 'charrnn' not in sys.modules\nreader = Reader(sys.argv[1])\n"
        "np.save(sys.argv[2], [reader.read(c) for c in open(sys.argv[3], encoding='utf-8', newline='').read()])\n"
    )
    (path.parent / "reader.py").write_text(script, encoding="utf-8")
    (path.parent / "text.txt").write_bytes(text.encode())
    command = [sys.executable, "-I", "reader.py", path.name, "logits.npy", "text.txt"]
    subprocess.run(command, cwd=path.parent, check=True)
    found: Array = np.load(path.parent / "logits.npy")
    return found


def test_a_row_has_a_scale_of_its_own(rng: np.random.Generator) -> None:
    weight = rng.normal(size=(7, 5)) * np.array([1e-30, 1e-3, 1, 5, 0, 1e3, 1e30])[:, None]
    found = quantised({"w": weight, "b": np.arange(3.0)})
    assert found["w"].dtype == np.int8
    assert found["w.scale"].shape == (7,)
    assert found["b"].dtype == np.float32
    error = np.abs(found["w"] * found["w.scale"][:, None].astype(float) - weight)
    assert (error <= 0.5001 * np.abs(weight).max(axis=1, keepdims=True) / 127).all()
    assert (np.abs(found["w"]).max(axis=1)[weight.any(axis=1)] == 127).all()


def damaged(data: bytes) -> list[bytes]:
    """A file cut, with a flipped byte in each of its parts, compressed, and foreign ones."""
    places = range(100, len(data), max(1, len(data) // 60))
    flipped = [data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :] for at in places]
    compressed, other = io.BytesIO(), io.BytesIO()
    arrays = dict(np.load(io.BytesIO(data)).items())
    np.savez_compressed(compressed, **arrays)
    np.savez(other, a=np.arange(3))
    objects = io.BytesIO()
    np.savez(objects, **{**arrays, "charrnn": np.array([{}], object)})
    huge = io.BytesIO()
    with zipfile.ZipFile(huge, "w") as file:
        file.writestr(
            "charrnn.npy",
            b"\x93NUMPY\x01\x00\x76\x00"
            + b"{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999, ), }".ljust(117)
            + b"\n",
        )
    files = [compressed, other, objects, huge]
    return [*flipped, data[: len(data) // 2], b"", b"PK", *(each.getvalue() for each in files)]


def test_a_damaged_or_foreign_file_is_refused(tmp_path: Path) -> None:
    run = saved(tmp_path, "gru", 1)
    path = export(run, "npz", tmp_path / "m.npz", quantise="int8", callback=Callback()).path
    data, whole = path.read_bytes(), charrnn.load(path)
    refused = 0
    for each in damaged(data):
        path.write_bytes(each)
        try:
            model = charrnn.load(path)
        except RunError:
            refused += 1
        else:  # a byte that decides nothing, such as a date in the zip's directory
            assert np.array_equal(model.params.vector, whole.params.vector)
    assert refused >= 50


@pytest.mark.parametrize("change", ["scale", "shape", "model", "number"])
def test_arrays_that_do_not_fit_are_refused(change: str, tmp_path: Path) -> None:
    path = export(saved(tmp_path, "rnn", 1), "npz", tmp_path / "m.npz", quantise="int8", callback=Callback()).path
    arrays = dict(np.load(path).items())
    header = json.loads(bytes(arrays["charrnn"]))
    if change == "scale":
        arrays["readout.weight.scale"] = arrays["readout.weight.scale"][:-1]
    elif change == "shape":
        arrays["readout.bias"] = arrays["readout.bias"][:-1]
    elif change == "number":
        arrays["readout.weight.scale"][0] = np.inf
    else:
        header["model"]["cell"] = "lstm"
    arrays["charrnn"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **arrays)
    with pytest.raises(RunError, match="is damaged"):
        charrnn.load(path)


def test_bad_arguments(tmp_path: Path) -> None:
    run = saved(tmp_path, "rnn", 1)
    with pytest.raises(ConfigError, match=r"ends in \.npz, not"):
        export(run, "npz", tmp_path / "m.txt", callback=Callback())
    with pytest.raises(ConfigError, match="to 'onnx' is not known"):
        export(run, "onnx", tmp_path / "m.npz", callback=Callback())
    with pytest.raises(ConfigError, match="prune 3 has no effect"):
        export(run, "npz", tmp_path / "m.npz", prune=3, callback=Callback())
    with pytest.raises(ConfigError, match="prune 0 is too small"):
        export(run, "npz", tmp_path / "m.npz", prune=0, callback=Callback())
    with pytest.raises(RunError, match="cannot write"):
        export(run, "npz", tmp_path / "nowhere" / "m.npz", callback=Callback())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["small.safetensors"]
