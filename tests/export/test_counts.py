"""Counts in an export: in Node, the experts say what NumPy's say; what pruning costs is measured."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load as safetensors_arrays
from safetensors.numpy import save as safetensors_bytes

import charrnn
from charrnn.arrays import Array
from charrnn.export import export
from charrnn.export.js import base85
from charrnn.language_model import LanguageModel
from charrnn.ngrams import CHAINS, Reader
from charrnn.training.callback import Callback
from tests.export.models import CELLS, TEXT, logits_of, logits_of_ids, make_model
from tests.export.node import run_in_node
from tests.export.test_js import WRITING, shipped

BOTH = ("characters", "words")
LINES = (
    "Ǆe İstanbul’daki ΣΊΣΥΦΟΣ went... ไทย ภาษา 漢字かなカナ 々〆 한국어 e\u0301\u0308A\r\t''d",
    "".join(map(chr, range(0x100, 0x300))),  # ids of two bytes
)
LABELS = "\U00100000ab\U00100003ab" + "a" * 70 + "\U00100000a"  # the characters that stand for labels


def said(model: LanguageModel, ids: Array) -> Array:
    """The log-probabilities of NumPy's reader after each of ids (N,), (N, S, V)."""
    assert model.experts is not None
    reader = Reader(model.experts, 1)
    reader.begin(0)
    return np.array([reader.read(np.array([each]))[:, 0, 0].copy() for each in ids.tolist()])


def said_in_node(folder: Path, ids: Array) -> Array:
    code = "const r = model.reader(); return given.ids.map((id) => r.read(id).map((q) => Array.from(q)));"
    return np.array(run_in_node(folder, code, ids=ids.tolist()))


@pytest.mark.parametrize("documents", [False, True])
@pytest.mark.parametrize("text", [TEXT, (" ".join(LINES) + "\n") * 3], ids=["English", "many scripts"])
def test_every_chain_says_what_numpy_says(text: str, documents: bool, tmp_path: Path) -> None:
    text = text if documents else LABELS + text
    folder, model = shipped(make_model("rnn", 1, chains=tuple(CHAINS), documents=documents, text=text), tmp_path)
    rng = np.random.default_rng(0)
    read = model.vocabulary.encode_documents(text.split("\n")) if documents else model.vocabulary.encode(text)
    ids = np.concatenate([read[:700], rng.integers(0, len(model.vocabulary), 200), read[40:140]])
    np.testing.assert_allclose(said_in_node(folder, ids), said(model, ids), atol=1e-6)


@pytest.mark.parametrize("documents", [False, True])
def test_counts_of_all_texts_say_what_numpy_says(documents: bool, tmp_path: Path) -> None:
    made = make_model("rnn", 1, chains=BOTH, documents=documents, earlier=TEXT.lower().replace("😀", "")[:900])
    folder, model = shipped(made, tmp_path)
    assert model.experts is not None
    assert len(model.experts.names) == 4
    read = model.vocabulary.encode_documents(TEXT.split("\n")) if documents else model.vocabulary.encode(TEXT)
    np.testing.assert_allclose(said_in_node(folder, read[:700]), said(model, read[:700]), atol=1e-6)


@pytest.mark.parametrize(("layers", "quantise"), [(1, "int8"), (2, "none")])
@pytest.mark.parametrize("cell", CELLS)
def test_logits_and_texts_are_those_of_numpy(cell: str, layers: int, quantise: str, tmp_path: Path) -> None:
    folder, model = shipped(make_model(cell, layers, seed=layers, chains=BOTH), tmp_path, quantise)
    text = TEXT[:1000]
    found = run_in_node(
        folder,
        "const state = model.start(given.text[0]), logits = [Array.from(state.logits)];"
        "for (const c of Array.from(given.text).slice(1)) logits.push(Array.from(state.feed(c).logits));"
        "const one = model.start('The cl'), two = one.copy(); one.feed('ick'); two.feed('ock');"
        "return { logits, greedy: model.generate('The ', { greedy: true, length: 500 }),"
        " nats: model.score(given.text).per_char, copied: Array.from(two.logits),"
        " texts: given.writing.map((options) => model.generate('The “', { length: 200, ...options })) };",
        text=text, writing=WRITING,
    )  # fmt: skip
    np.testing.assert_allclose(found["logits"], logits_of(model, text), atol=1e-4)
    np.testing.assert_allclose(found["copied"], logits_of(model, "The clock")[-1], atol=1e-4)
    np.testing.assert_allclose(found["nats"], model.score(text).per_char, atol=1e-4)
    assert found["greedy"] == model.generate("The ", 500, greedy=True)
    assert found["texts"] == [model.generate("The “", **{"length": 200, **each}) for each in WRITING]


def test_documents_with_counts_are_those_of_numpy(tmp_path: Path) -> None:
    folder, model = shipped(make_model("gru", 2, chains=BOTH, documents=True), tmp_path)
    ids = model.vocabulary.encode_documents(TEXT.split("\n")[:12])
    found = run_in_node(
        folder,
        "const state = model.start(), logits = [Array.from(state.logits)];"
        "for (const id of given.ids.slice(1)) logits.push(Array.from(state.feed_ids([id]).logits));"
        "return { logits, texts: given.ids.slice(0, 20).map((_, sample) => model.generate('', { seed: 3, sample })) };",
        ids=ids.tolist(),
    )  # fmt: skip
    np.testing.assert_allclose(found["logits"], logits_of_ids(model, ids), atol=1e-4)
    assert found["texts"] == [text for text, _ in model.write(range(20), seed=3)]


def test_pruning_makes_counts_smaller_and_says_what_it_costs(tmp_path: Path) -> None:
    book, rng = tmp_path / "book.txt", np.random.default_rng(1)
    book.write_text(" ".join(rng.choice(TEXT[:110].split(), 3000)), "utf-8")
    settings = {"cell": "qrnn", "hidden_size": 16, "steps": 20, "batch_size": 8, "seq_len": 16, "ngrams": "auto"}
    run = charrnn.train(book, out=tmp_path / "run", callback=Callback(), **settings)  # type: ignore[arg-type]
    whole = export(run.path, "npz", tmp_path / "whole.npz", callback=Callback())
    messages: list[str] = []
    callback = Callback()
    callback.on_message = messages.append  # type: ignore[method-assign]
    npz = export(run.path, "npz", tmp_path / "m.npz", prune=3, quantise="int8", callback=callback)
    assert [change for change, _ in npz.losses] == ["as trained", "pruned at 3", "quantised to int8"]
    assert npz.losses[1].nats_per_char != npz.losses[0].nats_per_char
    assert any(line.startswith("validation split, pruned at 3: ") for line in messages)
    assert 0 < npz.counts_bytes < whole.counts_bytes
    model = charrnn.load(npz.path)
    val = charrnn.evaluate(npz.path, book, split="val", callback=Callback())
    assert npz.losses[2].nats_per_char == pytest.approx(val.nats_per_char)
    js = export(run.path, "js", tmp_path / "js", prune=3, callback=Callback())
    assert js.losses == npz.losses
    ids = model.vocabulary.encode(book.read_text("utf-8"))[:300]
    np.testing.assert_allclose(said_in_node(js.path, ids), said(model, ids), atol=1e-6)


@pytest.mark.parametrize("change", ["more rows", "lengths", "one key", "characters", "discounts", "cut", "names"])
def test_damaged_counts_are_refused(change: str, tmp_path: Path) -> None:
    folder, _ = shipped(make_model("rnn", 1, chains=("characters",)), tmp_path)
    text = (folder / "model.js").read_text().split('"')[1]
    packed = zlib.decompress(base64.b85decode(text.translate(str.maketrans(".,:", "&<>"))))
    arrays = {name: array.copy() for name, array in safetensors_arrays(packed).items()}
    size = int.from_bytes(packed[:8], "little")
    header = json.loads(json.loads(packed[8 : 8 + size])["__metadata__"]["charrnn"])

    def rewritten(name: str, change: int) -> None:
        arrays[name][-1 if name == "counts.lengths" else 0] += change

    if change == "more rows":
        arrays["counts.sizes"][:] = 1 << 40
    elif change == "lengths":
        rewritten("counts.lengths", 1)
    elif change == "one key":
        arrays["counts.keys"][:] = 0
    elif change == "characters":
        rewritten("counts.symbols", 200)
    elif change == "discounts":
        arrays["counts.discounts"][1, 1] = 1.5
    elif change == "cut":
        arrays["counts.counts"] = arrays["counts.counts"][:-20]
    else:
        header["experts"] = ["sentences"]
    data = base85(zlib.compress(safetensors_bytes(arrays, {"charrnn": json.dumps(header)})))
    (folder / "model.js").write_text(f'export default "{data}";')
    index = (folder / "index.js").read_text()
    guarded = "load_source(model).catch((error) => error.message);"
    (folder / "index.js").write_text(index.replace("load_source(model);", guarded))
    assert run_in_node(folder, "return model;") == {
        "names": "charrnn: the chain 'sentences' is not known to this module",
    }.get(change, "charrnn: the counts of the model are damaged")
