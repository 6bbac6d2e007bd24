"""Labelled documents: read, split, trained on, written under a label, and told apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import charrnn
from charrnn.errors import ConfigError, RunError, TextError
from charrnn.language_model import LanguageModel
from charrnn.text import opening
from charrnn.text.documents import ListedDocuments, read_documents, share_of
from charrnn.text.labels import LabelledDocument
from charrnn.text.vocabulary import BOUNDARY, FIRST_LABEL
from charrnn.training.callback import Callback
from charrnn.training.evaluate import evaluate
from charrnn.training.own_text import training_documents

RNG = np.random.default_rng(0)
SMALL: dict[str, Any] = {
    "cell": "rnn", "hidden_size": 24, "seq_len": 12, "batch_size": 8, "steps": 150, "learning_rate": 0.01,
    "val_fraction": 0.25, "callback": Callback(),
}  # fmt: skip
# Low words are of a and b, high ones of a and c: only a word of a's leaves a doubt.
PAIR_LETTERS = [("low", "aab"), ("high", "aac")]
PAIRS = [
    (label, "".join(RNG.choice(list(letters), RNG.integers(2, 8))))
    for label, letters in PAIR_LETTERS
    for _ in range(150)
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    return charrnn.train(PAIRS, out=folder / "run", **SMALL).path


@pytest.fixture(scope="module")
def model(run: Path) -> LanguageModel:
    return charrnn.load(run)


@pytest.mark.parametrize(
    ("documents", "label", "text"),
    [
        ("csv:name", "csv:kind", "kind,name\nlow,ab\nhigh,ca\n"),
        ("jsonl:name", "jsonl:kind", '{"kind": "low", "name": "ab"}\n{"kind": "high", "name": "ca"}\n'),
        ("lines", "tsv", "low\tab\nhigh\tca\n\n"),
    ],
)
def test_every_form_of_a_label(documents: str, label: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(text)
    found = read_documents([str(tmp_path / "list")], documents, "utf-8", lambda remark: None, label)
    assert list(map(LabelledDocument.of, found)) == [("low", "ab"), ("high", "ca")]


@pytest.mark.parametrize(
    ("documents", "label", "text", "complaint"),
    [
        ("csv:name", "tsv", "name\na\n", "label tsv needs documents lines"),
        ("lines", "csv:kind", "a\n", "differ in form: choose csv: for both"),
        ("lines", "kind", "a\n", "label 'kind' is not known: choose from csv:COLUMN"),
        ("lines", "tsv", "a\n", "line 1 has no tab between a label and a text"),
        ("lines", "tsv", "\ta\n", "line 1 has the label ''"),
        ("csv:name", "csv:kind", "name\na\n", "has no column 'kind'"),
        ("jsonl:name", "jsonl:kind", '{"name": "a", "kind": "x\\u0000"}\n', "zero byte"),
    ],
)
def test_labels_that_do_not_fit_are_named(
    documents: str, label: str, text: str, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / "list").write_text(text)
    with pytest.raises((ConfigError, TextError), match=complaint):
        read_documents([str(tmp_path / "list")], documents, "utf-8", lambda remark: None, label)


def test_a_label_is_the_first_symbol_and_equal_texts_stay_on_one_side() -> None:
    texts = [f"{label}\0{text}" for _, text in PAIRS for label in ("low", "high")]
    corpus = ListedDocuments.from_documents(texts, "list", 3)
    assert corpus.labels == ("high", "low")
    assert corpus.documents == texts
    parts = corpus.split(0.3, 0.0)
    of_part = {
        name: {LabelledDocument.of(each).text for each in texts if (share_of(each[each.index(BOUNDARY) + 1 :], 3) < 0.3)
               is (name == "val")}
        for name in ("train", "val")
    }  # fmt: skip
    for name, expected in of_part.items():
        words = corpus.vocabulary.decode(parts[name]).split(BOUNDARY)[1:-1]
        assert {word[1:] for word in words} == expected
        assert {word[0] for word in words} == {FIRST_LABEL, chr(ord(FIRST_LABEL) + 1)}


def test_a_private_character_cannot_pass_for_a_label(model: LanguageModel) -> None:
    with pytest.raises(TextError, match="U\\+100000, a private character"):
        ListedDocuments.from_documents(["low\0ab" + FIRST_LABEL], "list", 0)
    with pytest.raises(TextError, match="U\\+100000"):
        model.score("ab" + FIRST_LABEL)
    with pytest.raises(TextError, match="character 'l'"):
        model.score("low\0ab")


def test_classification_is_the_posterior_of_the_documents_losses(model: LanguageModel) -> None:
    (found,) = model.classify(["abab"])
    with pytest.raises(ConfigError, match="must be a list of texts, not 'abab'"):
        model.classify("abab")
    joint = []
    for label in model.labels:
        ids = model.vocabulary.encode_documents(["abab"], symbols=[chr(ord(FIRST_LABEL) + model.labels.index(label))])
        joint.append(np.exp(-model.evaluate_ids(ids).nats_per_char * (len(ids) - 1)))
    expected = np.array(joint) / sum(joint)
    np.testing.assert_allclose([found.probabilities[label] for label in model.labels], expected, rtol=1e-5)
    assert (found.label, sum(found.probabilities.values())) == ("low", pytest.approx(1))
    prior = np.exp(-np.stack(list(model.nats_by_label(["a"])))[0, :, 0])
    total = -np.log(sum(joint) / prior.sum())
    assert model.score("abab").per_char.sum() == pytest.approx(total, rel=1e-5)  # the labels are summed out
    assert len(model.score("abab").per_char) == 5


def test_counts_know_a_label_for_64_characters_and_the_network_remembers_it(tmp_path: Path) -> None:
    pairs = [(label, "".join(RNG.choice(list(letters), 150))) for label, letters in PAIR_LETTERS for _ in range(40)]
    run = charrnn.train(pairs, out=tmp_path / "run", **{**SMALL, "ngrams": "auto", "steps": 60})
    model, text = run.model, pairs[0][1]
    assert model.experts is not None
    assert "labels" in model.experts.names
    right, wrong = next(iter(model.nats_by_label([text])))[::-1]  # the labels are sorted: high, low
    assert right.sum() < wrong.sum()
    # A step at a time, and read from a prompt in the middle, past the reach of the counts, it is the same document.
    state, nats = model.start(label="low"), []
    for character in text:
        nats.append(-np.log(state.next_probs()[character]))
        state.feed(character)
    np.testing.assert_allclose([*nats, -np.log(state.next_probs()[""])], right[1:], rtol=1e-4, atol=1e-5)
    later = model.start(text[:100], label="low")
    assert later.next_probs()[text[100]] == pytest.approx(np.exp(-nats[100]), rel=1e-4)
    # The counts of the labels say the same from there on, whatever the label is.
    said, totals = [], []
    for label, nats_of_label in zip(model.labels, next(iter(model.nats_by_label([text]))), strict=True):
        symbols = [chr(ord(FIRST_LABEL) + model.labels.index(label))]
        ids = model.vocabulary.encode_documents([text], symbols=symbols)
        on_text = model.on_text(ids)
        assert on_text is not None
        said.append(on_text.log_q(np.array([0]), len(ids) - 1)[model.experts.names.index("labels"), :, 0])
        counts = -said[-1][np.arange(1, len(ids) - 1), ids[2:]].sum(dtype=np.float64)
        totals.append(nats_of_label[0] + (nats_of_label[1:].sum() + counts) / 2)
    same = (said[0] == said[1]).all(axis=1)
    assert not same[2:60].all()
    assert same[1 + 64 :].all()
    # A text is classified by both: P(label), times the geometric mean of what network and counts say of the text.
    expected = np.exp(min(totals) - np.array(totals))
    (found,) = model.classify([text])
    np.testing.assert_allclose(
        [found.probabilities[label] for label in model.labels], expected / expected.sum(), atol=1e-4
    )


def test_a_run_tells_labels_and_gains_from_them(run: Path, model: LanguageModel) -> None:
    labels = evaluate(run).labels
    assert labels is not None
    held_out = [pair for pair in PAIRS if share_of(pair[1], 0) < 0.25]
    assert labels.confusion.sum() == len(held_out)
    told = [each.label for each in model.classify([text for _, text in held_out])]
    assert labels.accuracy == np.mean([a == b for a, (b, _) in zip(told, held_out, strict=True)])
    assert labels.accuracy > 0.85
    assert labels.nats_per_symbol < labels.shuffled_nats_per_symbol - 0.1
    assert json.loads(json.dumps(evaluate(run).as_dict()))["labels"] == ["high", "low"]


def test_texts_are_written_under_a_label_which_is_not_written(model: LanguageModel, run: Path) -> None:
    low = model.generate_many(50, length=20, seed=1, label="low")
    high = model.generate_many(50, length=20, seed=1, label="high")
    drawn = model.generate_many(50, length=20, seed=1)
    assert sum("b" in text for text in low) > 35 > 8 > sum("c" in text for text in low)
    assert sum("c" in text for text in high) > 35 > 8 > sum("b" in text for text in high)
    assert 10 < sum("b" in text for text in drawn) < 40
    assert set("".join([*low, *high, *drawn])) <= set("abc")
    assert "b" not in "".join(model.generate_many(20, "cacc", 10, seed=1))  # the prompt is like the high ones
    with pytest.raises(ConfigError, match="label 'lo' is not known: did you mean 'low'"):
        model.generate(label="lo")
    state = model.start(label="low")
    assert set(state.next_probs()) == {"", "a", "b", "c"}
    known = training_documents(model, run)
    assert known == {text for _, text in PAIRS if share_of(text, 0) >= 0.25}


def test_a_model_file_keeps_its_labels_and_refuses_false_ones(model: LanguageModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model.safetensors")
    again = charrnn.load(tmp_path / "model.safetensors")
    assert again.labels == ("high", "low")
    assert again.classify(["abab"]) == model.classify(["abab"])
    for labels in (["low", "high"], ["high"], ["high", 3], "low"):
        LanguageModel(model.network, model.params, model.vocabulary, {**model.provenance, "labels": labels}).save(
            tmp_path / "bad.safetensors"
        )
        with pytest.raises(RunError, match="is damaged: its labels"):
            charrnn.load(tmp_path / "bad.safetensors")


def test_a_model_without_labels_says_so(tmp_path: Path) -> None:
    texts = [text for _, text in PAIRS]
    model = charrnn.train(texts, out=tmp_path / "run", **{**SMALL, "steps": 5}).model
    with pytest.raises(ConfigError, match="knows no labels: train it with --documents and --label"):
        model.classify(["ab"])
    with pytest.raises(ConfigError, match="is for a model of labelled documents"):
        model.generate(label="low")


def test_a_list_has_its_labels_in_pairs_and_no_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"label 'tsv' is for files; a list has labels as pairs \(label, text\)"):
        charrnn.train(["anna", "bert"] * 12, out=tmp_path / "run", label="tsv", steps=1)
    assert not (tmp_path / "run").exists()


def test_a_labelled_list_starts_from_a_model_without_labels(run: Path, model: LanguageModel, tmp_path: Path) -> None:
    parent = charrnn.train([text for _, text in PAIRS], out=tmp_path / "parent", **SMALL)
    few = [(label, text + "!") for label, text in PAIRS[::5] + PAIRS[1::5]]
    settings = {"steps": 60, "learning_rate": 0.003, "eval_every": 10, "warmup_steps": 0, "callback": Callback()}
    started = charrnn.train(few, out=tmp_path / "run", init_from=parent.path, **settings)
    assert started.model.labels == ("high", "low")
    assert started.model.vocabulary.characters == model.vocabulary.characters.replace("a", "!a")
    assert started.best_step > 0
    assert started.parent_val is not None
    found = started.model.classify(["abab", "ccca"])
    assert [each.label for each in found] == ["low", "high"]
    parts = charrnn.train(few, out=tmp_path / "parts", init_from=parent.path, **{**settings, "steps": 20})
    again = charrnn.train(resume=parts.path, steps=20, patience=0, callback=Callback())
    assert np.array_equal(again.model.params.vector, parts.model.params.vector)
    with pytest.raises(ConfigError, match="is a model of labelled documents, whose symbols stand for other labels"):
        charrnn.train(few, out=tmp_path / "no", init_from=run, **settings)


def test_files_beside_a_list_from_python_hold_lines(run: Path, tmp_path: Path) -> None:
    (tmp_path / "labelled.txt").write_text("low\tab\nhigh\tac\n")
    found = charrnn.evaluate(run, tmp_path / "labelled.txt", callback=Callback())
    assert (found.documents, found.labels is not None) == (2, True)
    plain = charrnn.train([text for _, text in PAIRS], out=tmp_path / "run", **{**SMALL, "steps": 5})
    (tmp_path / "plain.txt").write_text("ab\nac\n")
    assert charrnn.evaluate(plain.path, tmp_path / "plain.txt", callback=Callback()).documents == 2


@pytest.mark.parametrize("least", [1, 1 << 30])  # bytes of a list that is read from a file of ids
def test_a_file_named_for_a_part_holds_lines_when_the_run_reads_its_list_again(
    least: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "LARGE_LIST_BYTES", least)
    monkeypatch.setenv("CHARRNN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "val.txt").write_text("low\tabba\nhigh\tcaac\nlow\tbab\n")
    settings = {**SMALL, "steps": 5, "val": str(tmp_path / "val.txt")}
    run = charrnn.train(PAIRS, out=tmp_path / "run", **settings)
    found = charrnn.evaluate(run.path, callback=Callback())
    assert found.documents == 3
    assert found.nats_per_char == pytest.approx(run.val.nats_per_char, rel=1e-6)
    assert charrnn.train(resume=run.path, steps=8, callback=Callback()).step == 8
