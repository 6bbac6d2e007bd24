"""`--to js`: in Node, the module computes what NumPy computes, and writes the same text from the same seed."""

from __future__ import annotations

import json
import random
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import charrnn
from charrnn.errors import ConfigError
from charrnn.export import FORMATS, export, js
from charrnn.export.js import base85
from charrnn.generation.sample import uniforms
from charrnn.language_model import LanguageModel
from charrnn.randomness import stream
from charrnn.training.callback import Callback
from tests.export.models import CELLS, TEXT, logits_of, logits_of_ids, make_model
from tests.export.node import run_in_node

MODULE = Path(charrnn.__file__).parent / "export" / "module"
WRITING = [
    {"seed": 1}, {"seed": 2, "temperature": 0.7}, {"seed": 3, "top_k": 5}, {"seed": 4, "top_p": 0.8},
    {"seed": 5, "min_p": 0.1}, {"seed": 6, "temperature": 1.4, "top_k": 20, "top_p": 0.95, "min_p": 0.01},
    {"seed": 7, "temperature": 0.0}, {"seed": 8, "top_p": 0.0}, {"seed": 4294967296, "greedy": True},
    {"seed": 9, "stop": ["the", "clock "]}, {"seed": 10, "stop": "zzz"},
]  # fmt: skip


def shipped(model: LanguageModel, tmp_path: Path, quantise: str = "int8") -> tuple[Path, LanguageModel]:
    """A folder with the module of a model, and the model that it should be."""
    model.save(tmp_path / "small.safetensors")
    export(tmp_path / "small.safetensors", "js", tmp_path / "js", quantise=quantise, callback=Callback())
    same = export(tmp_path / "small.safetensors", "npz", tmp_path / "m.npz", quantise=quantise, callback=Callback())
    return tmp_path / "js", charrnn.load(same.path)


@pytest.mark.parametrize("quantise", ["int8", "none"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_logits_and_texts_are_those_of_numpy(cell: str, layers: int, quantise: str, tmp_path: Path) -> None:
    folder, model = shipped(make_model(cell, layers, seed=layers), tmp_path, quantise)
    text, greedy = TEXT[:1000], {"greedy": True, "length": 1000}
    found = run_in_node(
        folder,
        "const state = model.start(given.text[0]), logits = [Array.from(state.logits)];"
        "for (const c of Array.from(given.text).slice(1)) logits.push(Array.from(state.feed(c).logits));"
        "return { logits, greedy: model.generate('The ', given.greedy), nats: model.score(given.text).per_char,"
        " texts: given.writing.map((options) => model.generate('The “', { length: 200, ...options })) };",
        text=text, greedy=greedy, writing=WRITING,
    )  # fmt: skip
    np.testing.assert_allclose(found["logits"], logits_of(model, text), atol=1e-4)
    np.testing.assert_allclose(found["nats"], model.score(text).per_char, atol=1e-4)
    assert found["greedy"] == model.generate("The ", 1000, greedy=True)
    assert found["texts"] == [model.generate("The “", **{"length": 200, **each}) for each in WRITING]


@pytest.mark.parametrize("chains", [(), ("characters", "labels")])
def test_counts_of_labels_are_those_of_numpy(chains: tuple[str, ...], tmp_path: Path) -> None:
    made = make_model("qrnn", 1, documents=True, labels=("high", "low", "middle"), chains=chains)
    folder, model = shipped(made, tmp_path)
    lines = [*TEXT.split("\n")[:3], "", "T"]
    found = run_in_node(
        folder,
        "const texts = ['low', 'high', undefined].map((label) => model.generate('', { seed: 3, length: 60, label }));"
        "return { labels: model.labels, texts, prompted: model.generate('The', { seed: 3, length: 60 }),"
        " nats: given.lines.map((line) => model.score(line).per_char), size: model.start().next_probs().size };",
        lines=lines,
    )  # fmt: skip
    assert found["labels"] == list(model.labels)
    assert found["texts"] == [model.generate("", 60, seed=3, label=label) for label in ("low", "high", None)]
    assert found["prompted"] == model.generate("The", 60, seed=3)
    assert found["size"] == len(model.start().next_probs())
    for line, nats in zip(lines, found["nats"], strict=True):
        np.testing.assert_allclose(nats, model.score(line).per_char, atol=1e-4)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_documents_are_those_of_numpy(cell: str, layers: int, tmp_path: Path) -> None:
    folder, model = shipped(make_model(cell, layers, seed=layers, documents=True), tmp_path)
    lines = [*TEXT.split("\n")[:12], "", "T"]
    ids = model.vocabulary.encode_documents(lines)
    found = run_in_node(
        folder,
        "const state = model.start(), logits = [Array.from(state.logits)];"
        "for (const id of given.ids.slice(1)) logits.push(Array.from(state.feed_ids([id]).logits));"
        "const probs = model.start('The ').next_probs();"
        "return { logits, end: probs.get(''), size: probs.size,"
        " nats: given.lines.map((line) => model.score(line).per_char),"
        " texts: Array.from({ length: 40 }, (_, sample) => model.generate('The', { seed: 3, sample, length: 60 })),"
        " last: [...model.write('', { seed: 5 })].map((drawn) => drawn.character),"
        " stopped: model.generate('', { seed: 5, sample: 1, stop: 'e' }) };",
        ids=ids.tolist(), lines=lines,
    )  # fmt: skip
    np.testing.assert_allclose(found["logits"], logits_of_ids(model, ids), atol=1e-4)
    for nats, score in zip(found["nats"], model.score_many(lines), strict=True):
        np.testing.assert_allclose(nats, score.per_char, atol=1e-4)
    written = model.write(range(40), "The", 60, seed=3)
    assert found["texts"] == [text for text, _ in written]
    assert any(ended for _, ended in written)
    assert found["last"] == [*model.generate("", 10_000, seed=5), ""]
    assert found["stopped"] == model.write([1], "", seed=5, stop="e")[0][0]
    assert found["end"] == pytest.approx(model.start("The ").next_probs()[""], abs=1e-5)
    assert found["size"] == len(model.vocabulary)


@pytest.mark.parametrize("chains", [(), ("characters", "labels")])
@pytest.mark.parametrize("cell", CELLS)
def test_labels_are_those_of_numpy(cell: str, chains: tuple[str, ...], tmp_path: Path) -> None:
    labels = ("Czech", "Irish", "Old Norse")
    model = make_model(cell, 1, documents=True, labels=labels, chains=chains)
    folder, model = shipped(model, tmp_path)
    texts = ["The clock", "", "T", "one, and"]
    found = run_in_node(
        folder,
        "const each = (label) => Array.from({ length: 10 },"
        " (_, sample) => model.generate('', { seed: 3, sample, length: 60, label }));"
        "const refused = () => {"
        " try { model.generate('', { label: 'Erse' }); } catch (error) { return error.message; } };"
        "const probs = model.start('The').next_probs();"
        "return { labels: model.labels, under: model.labels.map(each), drawn: each(undefined), refused: refused(),"
        " likeliest: model.generate('The ', { seed: 1, length: 60 }), size: probs.size, next: [...probs],"
        " nats: given.texts.map((text) => model.score(text).per_char),"
        " classes: given.texts.map((text) => [...model.classify(text)]) };",
        texts=texts,
    )  # fmt: skip
    assert found["labels"] == list(labels)
    for label, written in zip((*labels, None), [*found["under"], found["drawn"]], strict=True):
        assert written == [text for text, _ in model.write(range(10), "", 60, seed=3, label=label)]
    assert found["likeliest"] == model.generate("The ", 60, seed=1)
    assert found["refused"] == "charrnn: label 'Erse' is not known: the model has Czech, Irish, Old Norse"
    wanted = model.start("The").next_probs()
    assert found["size"] == len(wanted) == len(model.vocabulary) - len(labels)
    assert dict(found["next"]) == pytest.approx(wanted, abs=1e-5)
    for nats, classes, score, own in zip(
        found["nats"], found["classes"], model.score_many(texts), model.classify(texts), strict=True
    ):
        np.testing.assert_allclose(nats, score.per_char, atol=1e-4)
        assert dict(classes) == pytest.approx(own.probabilities, abs=1e-5)
        assert classes[0][0] == own.label


def test_no_text_holds_the_boundary(tmp_path: Path) -> None:
    folder, _ = shipped(make_model("rnn", 1, documents=True), tmp_path)
    code = "try { return model.score('a' + String.fromCharCode(0)); } catch (error) { return error.message; }"
    assert "(U+0000) at position 1 is not in the model's vocabulary" in run_in_node(folder, code)


def test_random_numbers_are_those_of_numpy(tmp_path: Path) -> None:
    folder, _ = shipped(make_model("rnn", 1), tmp_path)
    seeds = [
        0,
        1,
        2**32 - 1,
        2**32,
        2**53,
        2**64 + 5,
        2**128 - 1,
        *(random.Random(1).getrandbits(128) for _ in range(20)),
    ]
    index = folder / "index.js"
    index.write_text(index.read_text() + 'import { stream } from "./randomness.js";\nglobalThis.stream = stream;\n')
    code = (
        "return given.seeds.map((seed, k) => { const next = globalThis.stream(BigInt(seed), 'sampling', k);"
        " return Array.from({ length: 256 }, next); });"
    )
    found = run_in_node(folder, code, seeds=[str(seed) for seed in seeds])
    assert found == [uniforms(stream(seed, "sampling", k)).tolist() for k, seed in enumerate(seeds)]


def test_states_are_copied_and_probabilities_add_up(tmp_path: Path) -> None:
    folder, model = shipped(make_model("lstm", 2), tmp_path)
    found = run_in_node(
        folder,
        "const state = model.start('The '), copy = state.copy(); state.feed('clock');"
        "const probs = state.next_probs(); copy.feed('clo').feed('ck');"
        "return { sum: [...probs.values()].reduce((a, b) => a + b), size: probs.size, first: [...probs.keys()][0],"
        " same: [...copy.next_probs().entries()].join() === [...probs.entries()].join() };",
    )  # fmt: skip
    best = model.vocabulary.characters[int(logits_of(model, "The clock")[-1].argmax())]
    assert found["sum"] == pytest.approx(1)
    assert (found["size"], found["first"], found["same"]) == (len(model.vocabulary), best, True)


def test_what_does_not_fit_is_refused_in_a_clear_line(tmp_path: Path) -> None:
    folder, _ = shipped(make_model("rnn", 1), tmp_path)
    attempts = {
        "model.generate('a%n')": "character '%' (U+0025) at position 1 is not in the model's vocabulary",
        "model.generate('', { temprature: 1 })": "no setting is called 'temprature'",
        "model.generate('', { top_p: 2 })": "top_p 2 is out of range: from 0 to 1",
        "model.generate('', { length: -1 })": "length must be a whole number of at least 0, not -1",
        "model.generate('', { length: Number('x') })": "length must be a whole number of at least 0, not NaN",
        "model.generate('', { length: 9, seed: -1 })": "seed must be a whole number of at least 0, not -1",
        "model.generate('', { length: 9, sample: 1.5 })": "sample must be a whole number of at least 0, not 1.5",
        "model.generate('', { stop: '' })": "a stop string must not be empty",
        "model.score('T')": "a text of fewer than 2 known characters cannot be scored",
    }
    code = "".join(
        f"try {{ {call}; said.push('nothing'); }} catch (error) {{ said.push(error.message); }}" for call in attempts
    )
    assert run_in_node(folder, f"const said = []; {code} return said;") == [
        f"charrnn: {words}" for words in attempts.values()
    ]
    assert run_in_node(folder, "return model.generate('a%n', { on_unknown: 'skip', seed: 1, length: 9 }) ===" +
                       " model.generate('an', { seed: 1, length: 9 });") is True  # fmt: skip


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    folder, _ = shipped(make_model("gru", 1), tmp_path)
    source = (folder / "model.js").read_text()
    data = source.split('"')[1]
    changed = [
        data[: len(data) // 2],
        data[:200] + ("A" if data[200] != "A" else "B") + data[201:],
        "",
        "AAAA",
        "no digits\u00e9\n",
    ]
    for each in changed:
        (folder / "model.js").write_text(f"export default {json.dumps(each)};")
        (folder / "index.js").write_text((MODULE / "index.js").read_text().replace(
            "load_source(model);", "load_source(model).catch((error) => error.message);",
        ))  # fmt: skip
        assert run_in_node(folder, "return model;").startswith("charrnn: this is not a whole model of charrnn"), each[
            :20
        ]


def test_base_85_is_read_whatever_the_length(tmp_path: Path, rng: np.random.Generator) -> None:
    folder, _ = shipped(make_model("rnn", 1), tmp_path)
    module = folder / "unpacking.js"
    module.write_text(module.read_text() + "\nglobalThis.from_base85 = from_base85;\n")
    data = [rng.bytes(n) for n in range(40)] + [bytes(9), b"\xff" * 10]
    digits = [base85(each) for each in data]
    code = "return given.digits.map((each) => Array.from(globalThis.from_base85(each)));"
    assert run_in_node(folder, code, digits=digits) == [list(each) for each in data]
    assert not set("".join(digits)) & set("<>&\"'\\/ \n")


@pytest.mark.parametrize("level", [0, 1, 9])
def test_what_is_not_whole_is_not_unpacked(level: int, tmp_path: Path, rng: np.random.Generator) -> None:
    folder, _ = shipped(make_model("rnn", 1), tmp_path)
    module = folder / "unpacking.js"
    module.write_text(module.read_text() + "\nglobalThis.inflate = inflate;\n")
    texts = [b"", b"a", TEXT.encode(), bytes(1 << 20), rng.bytes(700_000)]
    packed = [zlib.compress(each, level) for each in texts]
    code = "return Promise.all(given.map((each) => globalThis.inflate(Uint8Array.from(each)).then({}, {})));"
    whole = code.format("(found) => Array.from(found)", "(error) => error.message").replace("given", "given.packed")
    assert run_in_node(folder, whole, packed=[list(each) for each in packed]) == [list(each) for each in texts]
    spoiled = [
        packed[2][:-1], packed[2][: len(packed[2]) // 2], packed[2][:-1] + bytes([packed[2][-1] ^ 1]), b"no zlib", b"",
        zlib.compress(bytes(1 << 26), 9),  # a thousand times its size
    ]  # fmt: skip
    code = whole.replace("(found) => Array.from(found)", "(found) => found.length")
    assert all(isinstance(each, str) for each in run_in_node(folder, code, packed=[list(each) for each in spoiled]))


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    model = make_model("rnn", 1)
    folder, _ = shipped(model, tmp_path)
    assert export(tmp_path / "small.safetensors", "js", folder, callback=Callback()).path == folder  # an earlier export
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "package.json").write_text('{"name": "mine"}')
    with pytest.raises(ConfigError, match="holds other files than an export"):
        export(tmp_path / "small.safetensors", "js", tmp_path / "mine", callback=Callback())
    with pytest.raises(ConfigError, match="is a file"):
        export(tmp_path / "small.safetensors", "js", tmp_path / "small.safetensors", callback=Callback())
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["package.json"]


def test_the_module_stays_small_and_has_no_dependency() -> None:
    sizes: dict[str, Any] = {path.name: path.read_text("utf-8") for path in MODULE.glob("*.js")}
    assert all(len(text.splitlines()) <= 300 and max(map(len, text.splitlines())) <= 120 for text in sizes.values())
    assert sum(len(sizes[name].splitlines()) for name in ("network.js", "generation.js")) <= 300
    for text in sizes.values():
        assert all(line.split('"')[1].startswith("./") for line in text.splitlines() if line.startswith("import"))


def test_what_the_module_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (layers,) = re.findall(r"^const LAYERS = \{(.*)\};$", (MODULE / "network.js").read_text("utf-8"), re.MULTILINE)
    chains = (MODULE / "chains.js").read_text("utf-8").partition("export const CHAINS")[2]
    assert re.findall(r"(\w+): \w+Layer", layers) == list(js.KNOWN["cell"])
    named = re.findall(r"^  \"?([\w ]+)\"?: \{", chains, re.MULTILINE)
    assert named == list(js.KNOWN["chain of counts"])
    model = make_model("rnn", 1, chains=("words", "recent"))
    for what, known, unknown in (("cell", "lstm", "rnn"), ("chain of counts", "words", "recent")):
        for to in ("js", "html"):
            FORMATS[to].check(tmp_path / "new", model)
            with monkeypatch.context() as patch:
                patch.setitem(js.KNOWN, what, (known,))
                with pytest.raises(ConfigError) as caught:
                    FORMATS[to].check(tmp_path / "new", model)
            assert str(caught.value) == (
                f"the {what} '{unknown}' is not known to the module in JavaScript, which has {known}: export --to npz"
            )
