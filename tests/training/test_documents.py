"""A list of documents: read, encoded, split, trained on, resumed and written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import charrnn
from charrnn.batching import make_batcher
from charrnn.config import BOUNDARY_ID, ModelConfig, make_config
from charrnn.errors import ConfigError, RunError, TextError
from charrnn.language_model import LanguageModel
from charrnn.nn.model import CharModel
from charrnn.text.documents import DocumentCorpus, ListedDocuments, looks_like_a_list, read_documents, share_of
from charrnn.text.forms import Form
from charrnn.text.library import read_text
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.callback import Callback
from tests.networks import EVERY_CELL
from tests.training.test_runs import Listener, interrupt_at

RNG = np.random.default_rng(0)
ORDER = {"batching": "documents", "seq_len": 7, "batch_size": 5}
NAMES = ["".join(RNG.choice(list("abcdeno"), RNG.integers(2, 9))) for _ in range(300)]
SMALL: dict[str, Any] = {"cell": "rnn", "hidden_size": 12, "seq_len": 8, "batch_size": 4, "steps": 20, "eval_every": 10}


def write(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    return str(path)


def corpus_of(texts: list[str], **options: Any) -> DocumentCorpus:
    return ListedDocuments.from_documents(texts, "list", options.pop("seed", 0), **options)


class TestReading:
    @pytest.mark.parametrize(
        ("form", "text", "expected"),
        [
            ("lines", "ann\r\nbob\n\n zed\n", ["ann", "bob", " zed"]),
            ("paragraphs", "one\ntwo\n\n\nthree\n \nfour\n", ["one\ntwo", "three", "four"]),
            ("files", "one\n\ntwo\n", ["one\n\ntwo"]),
            ("jsonl:word", '{"word": "a\\nb", "n": 1}\n\n{"word": "c"}\n', ["a\nb", "c"]),
            ("csv:name", 'language,name\nIrish,"O\'Dea, A"\nCzech,Hus\n', ["O'Dea, A", "Hus"]),
        ],
    )
    def test_every_form(self, form: str, text: str, expected: list[str], tmp_path: Path) -> None:
        source = write(tmp_path / "list.txt", text)
        assert read_documents([source], form, "utf-8", lambda remark: None) == expected

    def test_every_file_is_a_document(self, tmp_path: Path) -> None:
        sources = [write(tmp_path / name, f"the text of {name}\n") for name in ("a.txt", "b.txt")]
        found = read_documents(sources, "files", "utf-8", lambda remark: None)
        assert found == ["the text of a.txt", "the text of b.txt"]

    @pytest.mark.parametrize(
        ("form", "text", "complaint"),
        [
            ("jsonl:word", '{"word": 3}\n', "line 1 has 3 for 'word', which must be text"),
            ("jsonl:name", '{"word": "a"}\n', "line 1 has no 'name': choose from word"),
            ("jsonl:name", "{\n", "line 1 is not JSON"),
            ("jsonl:name", "[1]\n", "line 1 is not a JSON object"),
            ("jsonl:word", '{"word": "a\\u0000"}\n', "has a zero byte"),
            ("csv:naem", "name\nann\n", "has no column 'naem': did you mean 'name'"),
            ("csv:name", "name;age\nann;3\n", "has no column 'name': it has ';' between its columns"),
            ("csv:name", 'name,age\nann,3\n"bo,4\n', "is not CSV after line 2: unexpected end of data; is a quot"),
            ("csv:name", "name,name\nann,bo\n", "has 2 columns 'name': rename all but one"),
            ("csv:age", "name,age\nann,3\nbo\n", "line 3 is too short: it has nothing for 'age'"),
        ],
    )
    def test_what_does_not_fit_is_named(self, form: str, text: str, complaint: str, tmp_path: Path) -> None:
        with pytest.raises(TextError, match=complaint):
            read_documents([write(tmp_path / "list", text)], form, "utf-8", lambda remark: None)

    @pytest.mark.parametrize("form", ["line", "csv", "csv:", "lines:x", ""])
    def test_unknown_forms(self, form: str) -> None:
        with pytest.raises(ConfigError, match="choose from lines, paragraphs, files, jsonl:FIELD or csv:COLUMN"):
            Form.of(form)

    def test_a_list_is_told_from_prose(self) -> None:
        assert looks_like_a_list("\n".join(NAMES)) == len(NAMES)
        assert (
            looks_like_a_list("\n".join(["a line of a novel that is wrapped at its margin, as all are"] * 200)) is None
        )
        assert looks_like_a_list("\n".join(["A short line.", ""] * 200)) is None
        assert looks_like_a_list("\n".join(NAMES[:50])) is None


class TestEncoding:
    def test_a_boundary_stands_before_each_document_and_after_the_last(self) -> None:
        corpus = corpus_of(["ab", "b", "ab"])
        np.testing.assert_array_equal(corpus.ids, [0, 1, 2, 0, 2, 0, 1, 2, 0])
        assert corpus.documents == ["ab", "b", "ab"]
        assert corpus.repeats == 1
        assert corpus_of(["ab", "b", "ab"], unique=True).documents == ["ab", "b"]

    def test_nobody_can_type_it(self) -> None:
        vocabulary = corpus_of(["ab"]).vocabulary
        assert vocabulary.documents
        with pytest.raises(charrnn.UnknownCharacterError):
            vocabulary.encode("a\0b")
        assert not Vocabulary("ab").documents
        assert Vocabulary("\0ab").decode(Vocabulary("\0ab").encode("\0")) == "\0"  # a character like any other

    def test_equal_documents_fall_on_the_same_side_and_new_ones_move_none(self) -> None:
        def sides(texts: list[str], seed: int = 0) -> dict[str, set[str]]:
            corpus = corpus_of(texts, seed=seed)
            splits = corpus.split(0.2, 0.1)
            words = {name: corpus.vocabulary.decode(ids).split("\0")[1:-1] for name, ids in splits.items()}
            assert sorted(word for part in words.values() for word in part) == sorted(texts)
            return {name: set(part) for name, part in words.items()}

        few, many, other = sides(NAMES[:200] * 2), sides(NAMES), sides(NAMES, seed=1)
        assert not few["train"] & few["val"]
        assert not few["val"] & few["test"]
        for name in few:
            assert few[name] <= many[name]
        assert many["val"] != other["val"]
        assert 0.1 < np.mean([0.1 <= share_of(name, 0) < 0.3 for name in set(NAMES)]) < 0.3

    def test_a_part_without_documents_is_refused(self) -> None:
        with pytest.raises(TextError, match=r"list has 2 documents; none is in the \w+ split"):
            corpus_of(["ab", "c"]).split(0.01, 0.0)


class TestOrder:
    def batches(self, epochs: int = 2) -> tuple[np.ndarray, Any, list[Any]]:
        ids = corpus_of(NAMES).ids
        batcher = make_batcher(ids, make_config({"documents": "lines", **ORDER}))
        return ids, batcher, [batcher[k] for k in range(epochs * batcher.batches_per_epoch)]

    def test_an_epoch_reads_nearly_every_symbol_once_in_an_order_of_its_own(self) -> None:
        ids, batcher, batches = self.batches()
        first, second = batches[: batcher.batches_per_epoch], batches[batcher.batches_per_epoch :]
        assert not np.array_equal(first[0].inputs, second[0].inputs)
        lanes = np.concatenate([batch.inputs for batch in first])
        read = [name for lane in lanes.T for name in bytes(lane).split(b"\0")[1:-1]]  # whole documents
        known = {bytes(name) for name in bytes(ids).split(b"\0")}
        assert set(read) <= known
        assert len(read) > 0.9 * len(NAMES)
        assert len(set(read)) > 0.97 * len(read) * len(known) / len(NAMES)

    def test_every_lane_begins_with_a_boundary(self) -> None:
        _, batcher, batches = self.batches()
        for batch in (batches[0], batches[batcher.batches_per_epoch]):
            assert (batch.inputs[0] == BOUNDARY_ID).all()

    def test_targets_follow_their_inputs_in_the_document(self) -> None:
        ids, _, batches = self.batches()
        pairs = set(zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True))
        for batch in batches:
            assert set(zip(batch.inputs.ravel().tolist(), batch.targets.ravel().tolist(), strict=True)) <= pairs
            inside = batch.targets[:-1] != BOUNDARY_ID
            np.testing.assert_array_equal(batch.inputs[1:][inside], batch.targets[:-1][inside])

    def test_lanes_begin_inside_documents_that_are_longer_than_their_share(self) -> None:
        ids = corpus_of(["abc" * 100, "bca" * 100]).ids
        batcher = make_batcher(ids, make_config({"documents": "lines", **ORDER}))
        assert len(set(batcher[0].starts[0].tolist())) == 5


@pytest.mark.parametrize("cell", EVERY_CELL)
def test_a_network_of_documents_forgets_at_every_boundary(cell: str) -> None:
    config = ModelConfig(8, cell, 6, 2, documents=True)
    model, plain = CharModel(config), CharModel(ModelConfig(8, cell, 6, 2))
    params = model.init_parameters(np.random.default_rng(0), np.float64)
    inputs = np.random.default_rng(1).integers(0, 3, (9, 4))
    state = np.full((*model.state_shape, 4, 6), 0.3)
    given, _ = model.forward(params, inputs, state, model.workspace(9, 4, np.float64))
    told, _ = plain.forward(params, inputs, state, plain.workspace(9, 4, np.float64), fresh=inputs == BOUNDARY_ID)
    np.testing.assert_array_equal(given, told)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> charrnn.Run:
    return charrnn.train(NAMES, out=tmp_path_factory.mktemp("documents") / "run", **SMALL)


class TestRuns:
    def test_the_loss_is_that_of_the_documents_one_by_one(self, run: charrnn.Run) -> None:
        val = run.model.vocabulary.decode(self.val_ids(run)).split("\0")[1:-1]
        alone = [run.model.score(name).per_char for name in val]
        assert [len(each) for each in alone] == [len(name) + 1 for name in val]  # its first character and its end
        assert run.val is not None
        assert run.val.nats_per_char == pytest.approx(np.concatenate(alone).mean(), rel=1e-5)
        assert charrnn.evaluate(run.path).nats_per_char == pytest.approx(run.val.nats_per_char, rel=1e-12)

    def val_ids(self, run: charrnn.Run) -> np.ndarray:
        return corpus_of(NAMES).split(0.1, 0.0)["val"]

    def test_config_and_model_say_what_the_documents_are(self, run: charrnn.Run) -> None:
        saved = json.loads((run.path / "config.json").read_text())
        assert saved["settings"]["documents"] == "jsonl:text"
        assert saved["documents"]["train"] + saved["documents"]["val"] == len(NAMES)
        assert charrnn.load(run.path).network.config.documents

    def test_samples_are_documents(self, run: charrnn.Run) -> None:
        for text in run.model.generate_many(20, length=50, seed=1):
            assert "\0" not in text
            assert len(text) <= 50
        assert run.model.generate("ab", length=0) == ""
        lines = next((run.path / "samples").iterdir()).read_text().splitlines()
        assert len(lines) >= 5

    def test_a_file_of_the_model_alone_keeps_the_boundary(self, run: charrnn.Run, tmp_path: Path) -> None:
        run.model.save(tmp_path / "m.safetensors")
        again = charrnn.load(tmp_path / "m.safetensors")
        assert again.generate(length=30, seed=3) == run.model.generate(length=30, seed=3)
        arrays = LanguageModel.from_arrays(run.model.arrays(), run.model.vocabulary.characters, "rnn")
        assert arrays.score("abc").nats_per_char == run.model.score("abc").nats_per_char

    @pytest.mark.parametrize("batching", ["documents", "sequential"])
    def test_a_resumed_run_is_the_run_that_was_not_interrupted(
        self, batching: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write(tmp_path / "names.txt", "\n".join(NAMES))
        settings = {**SMALL, "documents": "lines", "batching": batching, "schedule": "constant", "ngrams": "auto"}
        whole = charrnn.train(path, out=tmp_path / "whole", **settings)
        with monkeypatch.context() as patch:
            interrupt_at(13, patch)
            with pytest.raises(KeyboardInterrupt):
                charrnn.train(path, out=tmp_path / "part", **settings)
        resumed = charrnn.train(resume=tmp_path / "part")
        np.testing.assert_array_equal(resumed.model.params.vector, whole.model.params.vector)
        with pytest.raises(RunError, match="is not the text that the run was trained on"):
            charrnn.train(write(tmp_path / "other.txt", "\n".join(NAMES[1:])), resume=tmp_path / "part", steps=30)

    def test_what_has_no_effect_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="unique has no effect without documents"):
            charrnn.train(out=tmp_path / "run", unique=True)
        with pytest.raises(ConfigError, match="a list of strings is documents already"):
            charrnn.train(NAMES, out=tmp_path / "run", documents="lines")
        with pytest.raises(ConfigError, match="document 3 has a zero byte"):
            charrnn.train([*NAMES[:3], "a\0"] * 10, out=tmp_path / "run")
        with pytest.raises(ConfigError, match="document 3 must be text, not 3"):
            charrnn.train([*NAMES[:3], 3] * 10, out=tmp_path / "run")
        with pytest.raises(TextError, match="neither a file nor"):
            charrnn.train(NAMES[:5], out=tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_counts_help_a_sorted_list_as_much_as_any_other(tmp_path: Path) -> None:
    """Where held-out blocks follow the order of the list, the words of a novel lose 0.07 nats by being sorted."""
    words = sorted(set(re.findall("[a-z]{3,}", read_text([]).text.lower())))
    shuffled = [words[k] for k in np.random.default_rng(0).permutation(len(words))]
    settings = {**SMALL, "hidden_size": 32, "seq_len": 16, "batch_size": 16, "steps": 250, "learning_rate": 0.003}
    losses = []
    for name, texts in (("sorted", words), ("shuffled", shuffled)):
        run = charrnn.train(texts, out=tmp_path / name, ngrams="auto", callback=Callback(), **settings)
        assert run.val is not None
        losses.append(run.val.nats_per_char)
    assert abs(losses[0] - losses[1]) < 0.02


def test_a_list_of_words_is_a_list_though_a_file_is_called_as_one_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / NAMES[7], "a file")
    run = charrnn.train(NAMES, out=tmp_path / "run", **SMALL)
    assert run.config.documents == "jsonl:text"
    with pytest.raises(TextError, match="neither a file nor"):  # a list of files, one of which is missing
        charrnn.train([NAMES[7]] * 20 + ["missing.txt"], out=tmp_path / "other", **SMALL)


def test_what_the_page_shows_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = Path(__file__).parents[2] / "docs" / "documents.md"
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, page.name, "exec"), {})


class TestNamedFiles:
    """`--val FILE` and `--test FILE`."""

    def test_of_a_text(self, tmp_path: Path) -> None:
        book, val = write(tmp_path / "book.txt", "ab cd " * 60), write(tmp_path / "val.txt", "dcba " * 12)
        run = charrnn.train(book, val=val, test_fraction=0.2, out=tmp_path / "run", **SMALL)
        provenance = run.model.provenance["splits"]
        assert provenance == {"train": 288, "val": 60, "test": 72}
        assert run.val is not None
        assert run.val.nats_per_char == pytest.approx(run.model.evaluate("dcba " * 12).nats_per_char, rel=1e-6)
        for split in ("val", "test", "train"):
            assert charrnn.evaluate(run.path, split=split).characters == provenance[split] - 1
        resumed = charrnn.train(resume=run.path, steps=25)
        assert resumed.step == 25

    def test_of_documents(self, tmp_path: Path) -> None:
        names, val, test = (
            write(tmp_path / name, "\n".join(texts))
            for name, texts in (("n.txt", NAMES[:200]), ("v.txt", NAMES[200:250]), ("t.txt", NAMES[250:]))
        )
        listener = Listener()
        run = charrnn.train(
            names, documents="lines", val=val, test=test, out=tmp_path / "run", callback=listener, **SMALL
        )
        assert run.model.provenance["documents"] == {"train": 200, "val": 50, "test": 50}
        assert run.test is not None
        assert charrnn.evaluate(run.path, split="test").nats_per_char == pytest.approx(run.test.nats_per_char, rel=1e-9)
        both = len([name for name in NAMES[200:250] if name in NAMES[:200]])
        assert both == 0 or any(f"{both} of the 50 documents of --val" in message for message in listener.messages)
        charrnn.train(resume=run.path, steps=22)
        of_list = charrnn.train(NAMES[:200], val=val, out=tmp_path / "list", **SMALL)
        assert of_list.model.provenance["documents"]["val"] == 50
        charrnn.train(resume=of_list.path, steps=22)

    def test_what_does_not_fit_is_refused(self, tmp_path: Path) -> None:
        book = write(tmp_path / "book.txt", "ab cd " * 60)
        with pytest.raises(TextError, match=r"the file '.*none' of --val does not exist"):
            charrnn.train(book, val=str(tmp_path / "none"), out=tmp_path / "run")
        with pytest.raises(ConfigError, match="needs a text in a file, not on standard input"):
            charrnn.train("-", test=book, out=tmp_path / "run")
        assert not (tmp_path / "run").exists()
