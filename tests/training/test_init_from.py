"""Runs that start from a model: what it knew stays, whatever the ids become, and new characters begin quietly."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import charrnn
from charrnn.batching import make_batcher
from charrnn.config import ModelConfig, make_config
from charrnn.errors import ConfigError, RunError
from charrnn.export.losses import own_splits
from charrnn.language_model import LanguageModel, load
from charrnn.ngrams import OnText, with_all
from charrnn.nn.growth import grown, id_axes, places, relative
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.text.corpus import Corpus, text_sha256
from charrnn.text.vocabulary import BOUNDARY, Vocabulary
from charrnn.training.evaluate import evaluate
from charrnn.training.init_from import NEW_RATE, Parent, in_vocabulary, set_rates
from charrnn.training.resolve import resolve
from charrnn.training.trainer import Trainer, new_trainer
from tests.networks import EVERY_CELL
from tests.training.test_runs import SMALL, Listener, train, without_times

OLD = "The clock struck one, and the cat ran down.\nThe clock struck two, and the cat ran up.\n" * 40
NEW = ["!", "é", "\u0301", "😀", "¡", *map(chr, range(0x4E00, 0x4E00 + 45))]  # before, between and after the old ones


@pytest.fixture(scope="module")
def parents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A trained run of every cell on the old text."""
    folder = tmp_path_factory.mktemp("parents")
    (folder / "old.txt").write_text(OLD)
    return {cell: train(folder / "old.txt", folder / cell, cell=cell, steps=60).path for cell in EVERY_CELL}


def corpus_of(text: str) -> Corpus:
    vocabulary = Vocabulary(text)
    return Corpus("new", vocabulary.encode(text), vocabulary, text_sha256(text))


def begun(parent: Parent, text: str) -> tuple[Trainer, Vocabulary]:
    """A trainer on a text, before its first step."""
    corpus = parent.joined(corpus_of(text))
    config = make_config({**parent.settings({}), "init_from": str(parent.path)})
    trainer = new_trainer(config, corpus.vocabulary.characters, corpus.ids)
    parent.begin(trainer, corpus.vocabulary)
    return trainer, corpus.vocabulary


def check_every_character_keeps_its_numbers(parent: Parent, trainer: Trainer, vocabulary: Vocabulary) -> None:
    model = parent.model
    axes = id_axes(model.network)
    assert {"readout.weight", "readout.bias"} < axes.keys()
    at = places(model.vocabulary.characters, vocabulary.characters)
    for name, before in model.params.items():
        after = trainer.params[name]
        if name not in axes:
            assert np.array_equal(after, before), name
        elif before.shape[axes[name]] == len(at):
            assert np.array_equal(after.take(at, axis=axes[name]), before), name


@pytest.mark.parametrize("experts", [0, 2])
@pytest.mark.parametrize("cell", EVERY_CELL)
def test_old_texts_are_read_as_before(cell: str, experts: int) -> None:
    """Over a vocabulary in which every id is another: the substitution cipher of a model that knows ids alone."""
    old, new = "bdfhjl", "abcdefghijklm😀"
    model = CharModel(ModelConfig(len(old), cell, 6, 2, num_experts=experts, documents=False))
    params = model.init_parameters(np.random.default_rng(3), np.float64)
    params.vector += np.random.default_rng(4).normal(0.0, 0.3, len(params.vector))
    larger = CharModel(ModelConfig(len(new), cell, 6, 2, num_experts=experts))
    after = grown(model, params, old, larger, new, -14.0)
    at, ids = places(old, new), np.random.default_rng(5).integers(0, len(old), (30, 2))
    log_q, log_q_after = None, None
    if experts:
        log_q = np.log(np.random.default_rng(6).dirichlet(np.ones(len(old)), (experts, 29, 2)))
        log_q_after = np.full((experts, 29, 2, len(new)), -1e3)  # no expert believes in the new characters
        log_q_after[..., at] = log_q
        after["mixture.gate_weight"][...] = params["mixture.gate_weight"][...] = 0.0
        after["mixture.gate_bias"][...] = params["mixture.gate_bias"][...] = 0.5
    both = [
        network.nats(p, table[ids[:-1]], table[ids[1:]], network.zero_state(2, np.float64),
                     network.workspace(29, 2, np.float64), log_q=q)[0]
        for network, p, table, q in ((model, params, np.arange(6), log_q), (larger, after, at, log_q_after))
    ]  # fmt: skip
    assert np.abs(both[1] - both[0]).mean() <= 0.001


@pytest.mark.parametrize(
    ("character", "found"),
    [("A", "a"), ("é", "e"), ("É", "é"), ("Ñ", "n"), ("ß", ""), ("1", ""), ("\u0301", ""), ("ﬁ", ""), ("Ø", "")],
)
def test_the_relative_of_a_letter(character: str, found: str) -> None:
    assert relative(character, "aen" + ("é" if character == "É" else "")) == found


@pytest.mark.parametrize("cell", ["gru", "qrnn"])  # counts in the logits only, and as inputs, too
def test_a_network_without_counts_is_given_some(cell: str, parents: dict[str, Path], tmp_path: Path) -> None:
    """It begins at the geometric mean of what it said and what they say, and learns from there."""
    (tmp_path / "new.txt").write_text("The cat sat on the mat, and sat, and sat. 😀\n" * 30)
    settings = {"ngrams": "auto", "schedule": "constant", "warmup_steps": 0}
    run = train_from(tmp_path, parents[cell], steps=1, learning_rate=1e-12, **settings)
    parent = load(parents[cell])
    assert run.model.experts is not None
    at = places(parent.vocabulary.characters, run.model.vocabulary.characters)
    for name in ("readout.weight", "readout.bias"):
        assert np.allclose(run.model.params[name][at], parent.params[name] / 2, atol=1e-6)
    assert np.allclose(run.model.params["mixture.gate_bias"], 1 / 4, atol=1e-6)
    learned = train_from(tmp_path, parents[cell], "learned", steps=40, **settings)
    plain = train_from(tmp_path, parents[cell], "plain", steps=40, schedule="constant", warmup_steps=0)
    assert learned.val is not None
    assert plain.val is not None
    assert learned.val.nats_per_char < plain.val.nats_per_char
    parts = train_from(tmp_path, parents[cell], "parts", steps=15, **settings)
    resumed = charrnn.train(resume=parts.path, steps=40, callback=Listener())
    assert np.array_equal(resumed.model.params.vector, learned.model.params.vector)


def test_what_is_new_learns_faster(parents: dict[str, Path]) -> None:
    trainer, vocabulary = begun(Parent.read(parents["gru"]), OLD + "😀É")
    set_rates(trainer, vocabulary, "É😀")
    assert trainer.rates is not None
    rates, added = Parameters(trainer.params.layout, trainer.rates), [vocabulary.characters.index(c) for c in "É😀"]
    for name, axis in id_axes(trainer.model).items():
        assert (rates[name].take(added, axis=axis) == NEW_RATE).all(), name
    assert np.count_nonzero(trainer.rates != 1) == len(added) * sum(
        trainer.params[name].size // len(vocabulary) for name in id_axes(trainer.model)
    )


@pytest.mark.parametrize("new", [1, 5, 50])
@pytest.mark.parametrize("cell", EVERY_CELL)
def test_what_a_model_knew_stays(cell: str, new: int, parents: dict[str, Path]) -> None:
    parent = Parent.read(parents[cell])
    trainer, vocabulary = begun(parent, OLD + "".join(NEW[-new:] if new == 1 else NEW[:new]) * 3)
    assert len(vocabulary) == len(parent.model.vocabulary) + new
    check_every_character_keeps_its_numbers(parent, trainer, vocabulary)
    after = LanguageModel(trainer.model, trainer.params, vocabulary)
    val = OLD[-344:]
    moved = after.evaluate(val).nats_per_char - parent.model.evaluate(val).nats_per_char
    assert 0 < moved <= 0.001
    at = {c: k for k, c in enumerate(vocabulary.characters)}
    added = [at[c] for c in at if c not in parent.model.vocabulary and c != "é"]
    for name, axis in id_axes(trainer.model).items():
        array = trainer.params[name]
        assert np.ptp(array.take(added, axis=axis), axis=axis).max(initial=0) == 0, name  # all alike, but for é
        if "é" in at and not name.startswith("readout."):
            assert np.array_equal(array.take(at["é"], axis=axis), array.take(at["e"], axis=axis)), name


def test_an_emoji_alone_moves_nothing(parents: dict[str, Path]) -> None:
    test_what_a_model_knew_stays("gru", 1, parents)
    parent = Parent.read(parents["gru"])
    for character in ("😀", "\u0301"):
        trainer, vocabulary = begun(parent, OLD + character)
        check_every_character_keeps_its_numbers(parent, trainer, vocabulary)


def test_a_new_character_is_as_likely_as_one_seen_once(parents: dict[str, Path]) -> None:
    parent = Parent.read(parents["lstm"])
    trainer, vocabulary = begun(parent, OLD + "😀")
    nats = LanguageModel(trainer.model, trainer.params, vocabulary).score(OLD[:100] + "😀").per_char[-1]
    seen = parent.model.provenance["splits"]["train"]
    assert abs(float(nats) - max(np.log(seen), -np.log(2e-4))) < 1.5


def test_a_text_without_new_characters_changes_nothing(parents: dict[str, Path]) -> None:
    parent = Parent.read(parents["qrnn"])
    trainer, _ = begun(parent, OLD[:2000])
    assert np.array_equal(trainer.params.vector, parent.model.params.vector)


def test_a_model_that_the_new_text_does_not_suit_stays_the_best(parents: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text(OLD)
    run = train_from(tmp_path, parents["rnn"], steps=20, learning_rate=3.0)
    assert run.best_step == 0
    assert np.array_equal(run.model.params.vector, load(parents["rnn"]).params.vector)


def train_from(folder: Path, parent: Path, name: str = "run", **settings: Any) -> charrnn.Run:
    """A run on new.txt in the folder, of which every setting that is not given comes from the parent."""
    return charrnn.train(folder / "new.txt", out=folder / name, callback=Listener(), init_from=parent, **settings)


def test_settings_come_from_the_parent(parents: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("Ça va? 😀 One, two.\n" * 30)
    run = train_from(tmp_path, parents["gru"], steps=12, seq_len=8)
    config = run.config
    assert (config.cell, config.hidden_size, config.batch_size, config.seq_len) == ("gru", 12, 4, 8)
    assert config.learning_rate == pytest.approx(0.3 * SMALL["learning_rate"])
    assert run.model.vocabulary == Vocabulary(OLD + "Ça va? 😀 One, two.\n")


def test_a_short_text_gets_the_dropout_that_a_recipe_gives_it() -> None:
    start = {"cell": "qrnn", "num_layers": 2, "ngrams": "auto", "dropout": 0.2}
    assert resolve({}, None, 10_000, start, counted=True).config.dropout == 0.5
    assert (
        resolve({}, None, 10_000, start).config.dropout == 0.2
    )  # of a model without counts: it would learn too little
    assert resolve({}, None, 500_000, start, counted=True).config.dropout == 0.2
    assert (
        resolve({}, None, 500_000, {**start, "dropout": 0.3}, True).config.dropout == 0.3
    )  # never less than the model's
    assert resolve({"dropout": 0.1}, None, 10_000, {**start, "dropout": 0.1}, True).config.dropout == 0.1  # chosen
    assert (
        resolve({}, None, 10_000, {"cell": "gru", "dropout": 0.0}, True).config.dropout == 0.0
    )  # has no layers to drop between


def test_provenance_names_every_model_before(parents: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("Ça va? 😀 One, two.\n" * 30)
    first = train_from(tmp_path, parents["gru"], steps=12)
    second = train_from(tmp_path, first.path / "model.safetensors", "second", steps=12)
    names = [parent["name"] for parent in load(second.path).provenance["parents"]]
    assert names == ["run", "gru"]
    (latest, oldest) = second.model.provenance["parents"]
    assert (latest["text"], oldest["text_sha256"]) == ("new.txt", text_sha256(OLD))
    assert latest["sha256"] == Parent.read(first.path).sha256
    assert str(tmp_path) not in str(second.model.provenance)


def test_a_run_from_a_model_resumes_exactly_without_it(parents: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("Ça va? 😀 One, two.\n" * 30)
    parent = Path(shutil.copytree(parents["gru"], tmp_path / "parent"))
    whole = train_from(tmp_path, parent, "whole", steps=40, eval_every=10, schedule="constant")
    train_from(tmp_path, parent, "parts", steps=15, eval_every=10, schedule="constant", warmup_steps=0)
    same = train_from(tmp_path, parent, "same", steps=40, eval_every=10, schedule="constant", warmup_steps=0)
    shutil.rmtree(parent)
    resumed = charrnn.train(resume=tmp_path / "parts", steps=40, callback=Listener())
    assert np.array_equal(resumed.model.params.vector, same.model.params.vector)
    assert without_times(resumed.metrics)[-1] == without_times(same.metrics)[-1]
    assert resumed.model.provenance["parents"] == same.model.provenance["parents"]
    assert whole.step == 40


def test_a_list_from_a_model_of_a_text_and_back(parents: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("".join(f"Ann{k}\nBeo{k}\n" for k in range(40)))
    names = train_from(tmp_path, parents["gru"], documents="lines", steps=12)
    assert names.config.batching == "documents"
    assert names.model.vocabulary.characters[0] == BOUNDARY
    more = train_from(tmp_path, names.path, "more", steps=12)
    assert more.config.documents == "lines"
    text = train_from(tmp_path, names.path, "text", documents=None, steps=12)
    assert BOUNDARY not in text.model.vocabulary
    assert text.config.batching == "sequential"


@pytest.mark.parametrize("ngrams", ["none", "auto"])
def test_a_list_is_evaluated_in_the_vocabulary_of_its_model(ngrams: str, tmp_path: Path) -> None:
    """Which is larger than that of the list: by its own ids, every character would be another."""
    names = "".join(f"{first}{rest}\n" for first in "ABCDE" for rest in ("nna", "eo", "ara", "io", "mma"))
    (tmp_path / "old.txt").write_text(names.lower())
    settings = {"cell": "gru", "ngrams": ngrams, "documents": "lines", "batching": "documents"}
    parent = train(tmp_path / "old.txt", tmp_path / "parent", steps=10, **settings)
    (tmp_path / "new.txt").write_text(names.replace("n", "ñ"))
    run = train_from(tmp_path, parent.path, steps=10)
    assert len(run.model.vocabulary) > len(Vocabulary(names.replace("n", "ñ"), documents=True))
    assert run.val is not None
    for text in ((), (str(tmp_path / "new.txt"),)):
        assert evaluate(run.path, text, split="val").nats_per_char == pytest.approx(run.val.nats_per_char, abs=1e-6)
    assert evaluate(run.path, tmp_path / "new.txt").nats_per_char > 0
    ids, words = own_splits(run.path, run.model, Listener())
    assert run.model.evaluate_ids(ids).nats_per_char == pytest.approx(run.val.nats_per_char, abs=1e-6)
    assert "ñ" in words


def test_counts_go_along(tmp_path: Path) -> None:
    """Those of the text before, with the new text's added, stand beside those of the new text alone."""
    (tmp_path / "old.txt").write_text(OLD)
    parent = train(tmp_path / "old.txt", tmp_path / "parent", cell="qrnn", num_layers=2, ngrams="auto", steps=10)
    (tmp_path / "new.txt").write_text("Ça va? 😀 One, two.\n" * 30)
    listener = Listener()
    run = charrnn.train(
        tmp_path / "new.txt", out=tmp_path / "run", init_from=parent.path, steps=1, learning_rate=1e-12,
        callback=listener,
    )  # fmt: skip
    assert run.model.experts is not None
    assert parent.model.experts is not None
    assert run.model.experts.names == with_all(parent.model.experts.names)
    assert any("its counts go along" in message for message in listener.messages)
    before, after = parent.model.params["mixture.input_weight"], run.model.params["mixture.input_weight"]
    V, W = len(parent.model.vocabulary), len(run.model.vocabulary)
    at = places(run.model.vocabulary.characters, parent.model.vocabulary.characters)
    for s in range(4):
        of_expert, was = after[:, s * W : (s + 1) * W], before[:, s % 2 * V : (s % 2 + 1) * V]
        assert np.allclose(of_expert[:, at >= 0], was[:, at[at >= 0]] / 2, atol=1e-6)
        assert np.allclose(of_expert[:, at < 0], 0, atol=1e-6)
    for name in ("mixture.gate_weight", "mixture.gate_bias"):
        halves = run.model.params[name]
        assert np.allclose(halves[:2] + halves[2:], parent.model.params[name], atol=1e-6)
        assert np.allclose(halves[:2], halves[2:], atol=1e-6)
    ids = run.model.vocabulary.encode("The clock struck ")
    said = np.exp(OnText(run.model.experts, ids).log_q(np.array([0]), len(ids))[:, -1, 0])  # (S, V)
    words = [run.model.vocabulary.characters.index(c) for c in "ot"]  # one, two
    assert said[2:, words].sum(axis=1).min() > 0.9  # the old text is known
    assert said[:2, words].sum(axis=1).max() < 0.2


def test_a_run_with_counts_resumes_exactly_without_its_model(tmp_path: Path) -> None:
    """Also one that starts from such a run, and one that was killed before its first checkpoint."""
    (tmp_path / "old.txt").write_text(OLD)
    settings = {"schedule": "constant", "warmup_steps": 0, "eval_every": 10}
    parent = train(tmp_path / "old.txt", tmp_path / "parent", cell="gru", ngrams="auto", steps=10).path
    for child, text in (("child", "Ça va? 😀 One, two.\n"), ("grandchild", "Où? Là! The clock; one ÉTÉ.\n")):
        (tmp_path / "new.txt").write_text(text * 30)
        whole = train_from(tmp_path, parent, child, steps=20, **settings)
        parts = train_from(tmp_path, parent, f"{child}-parts", steps=11, **settings)
        assert whole.model.experts is not None
        assert len(whole.model.experts.names) == 4
        kept = Path(shutil.move(parent, tmp_path / f"gone-{child}"))
        resumed = charrnn.train(resume=parts.path, steps=20, callback=Listener())
        assert np.array_equal(resumed.model.params.vector, whole.model.params.vector)
        assert load(resumed.path).evaluate(text).nats_per_char == resumed.model.evaluate(text).nats_per_char
        assert resumed.model.generate("One", 30, seed=1) == whole.model.generate("One", 30, seed=1)
        (parts.path / "counts.safetensors").unlink()
        with pytest.raises(RunError, match=r"counts\.safetensors' is not a file"):
            charrnn.train(resume=parts.path, steps=30, callback=Listener())
        assert kept.exists()
        parent = whole.path


def test_with_the_old_text_mixed_in_both_are_counted_together(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text(OLD)
    parent = train(tmp_path / "old.txt", tmp_path / "parent", cell="gru", ngrams="auto", steps=10)
    (tmp_path / "new.txt").write_text("Ça va? 😀 One, two.\n" * 30)
    child = train_from(tmp_path, parent.path, "child", steps=5)
    (tmp_path / "third").mkdir()
    (tmp_path / "third" / "new.txt").write_text("Où? Là!\n" * 60)
    for folder, before in ((tmp_path, parent), (tmp_path / "third", child)):
        run = train_from(folder, before.path, "mixed", steps=5, mix_old=0.4)
        assert run.model.experts is not None
        assert run.model.experts.names == ("characters", "words")
        assert run.parent_val is not None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cell": "lstm"}, "cell lstm does not fit the model .*, which has cell gru: leave it out"),
        ({"hidden_size": 13}, "hidden_size 13 does not fit the model"),
        ({"recipe": "quick"}, "recipe quick and init_from both decide the settings"),
    ],
)
def test_what_cannot_fit_is_one_line(
    settings: dict[str, Any], message: str, parents: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "new.txt").write_text(OLD)
    with pytest.raises(ConfigError, match=message):
        train_from(tmp_path, parents["gru"], **settings)
    assert not (tmp_path / "run").exists()


def test_no_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text(OLD)
    with pytest.raises(RunError, match="there is no model at"):
        train_from(tmp_path, tmp_path / "nothing")


def test_ids_of_another_vocabulary_are_refused() -> None:
    with pytest.raises(RunError, match="lacks"):
        in_vocabulary(corpus_of("abc"), Vocabulary("ab"))


def test_what_was_forgotten_is_shown(parents: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("Ça va? 😀 One, two.\n" * 30)
    listener = Listener()
    run = charrnn.train(
        tmp_path / "new.txt", out=tmp_path / "run", init_from=parents["gru"], steps=60, learning_rate=0.02,
        callback=listener,
    )  # fmt: skip
    parent = load(parents["gru"])
    assert run.parent_val is not None
    before, after = run.parent_val
    assert before.nats_per_char == parent.provenance["val_nats_per_char"]
    assert after.nats_per_char == pytest.approx(run.model.evaluate(OLD[-344:]).nats_per_char)
    assert after.nats_per_char > before.nats_per_char + 0.1
    assert run.val is not None
    assert run.val.nats_per_char < 3.0
    assert "validation split of the text before (old.txt): " in listener.messages[-1]
    again = charrnn.train(resume=run.path, steps=60, patience=0, callback=Listener())
    assert again.parent_val == run.parent_val


def test_forgetting_is_not_shown_where_the_old_text_is_not_found(parents: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text(OLD)
    run = train_from(tmp_path, parents["gru"] / "model.safetensors", steps=5)
    assert run.parent_val is None


@pytest.mark.parametrize("cell", EVERY_CELL)
def test_frozen_layers_stay_but_for_new_characters(cell: str, tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text(OLD)
    parent = train(tmp_path / "old.txt", tmp_path / "parent", cell=cell, num_layers=2, steps=10, weight_decay=0.1)
    (tmp_path / "new.txt").write_text("Ça va? 😀 One, two.\n" * 30)
    settings = {"freeze_layers": 1, "steps": 20, "warmup_steps": 0, "schedule": "constant"}
    run = train_from(tmp_path, parent.path, learning_rate=0.05, **settings)
    assert run.best_step > 0
    before, after = parent.model, run.model
    axes, at = id_axes(before.network), places(before.vocabulary.characters, after.vocabulary.characters)
    lowest = before.network.layers[0].layout
    for name, array in before.params.items():
        old = after.params[name] if name not in axes else after.params[name].take(at, axis=axes[name])
        assert np.array_equal(old, array) == (name in lowest), name
    (name,) = lowest.keys() & axes.keys()
    new = [k for k in range(len(after.vocabulary)) if k not in at]
    assert np.ptp(after.params[name].take(new, axis=axes[name]), axis=axes[name]).max() > 0
    parts = train_from(tmp_path, parent.path, "parts", learning_rate=0.05, **{**settings, "steps": 12})
    resumed = charrnn.train(resume=parts.path, steps=20, callback=Listener())
    assert np.array_equal(resumed.model.params.vector, run.model.params.vector)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"freeze_layers": 1}, "freeze_layers 1 has no effect without init_from"),
        ({"freeze_layers": 2, "init_from": "run"}, "freeze_layers 2 is too large: the network has num_layers 1"),
    ],
)
def test_layers_that_cannot_be_frozen(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config(settings)


def test_some_lanes_read_the_old_text(parents: dict[str, Path], tmp_path: Path) -> None:
    new = "Ça va? 😀 One, two.\n" * 30
    (tmp_path / "new.txt").write_text(new)
    settings = {"steps": 60, "learning_rate": 0.02, "warmup_steps": 0, "schedule": "constant", "patience": 0}
    alone = train_from(tmp_path, parents["gru"], **settings)
    mixed = train_from(tmp_path, parents["gru"], "mixed", mix_old=0.5, **settings)
    assert alone.parent_val is not None
    assert mixed.parent_val is not None
    assert mixed.parent_val[1].nats_per_char < alone.parent_val[1].nats_per_char - 0.1
    parts = train_from(tmp_path, parents["gru"], "parts", mix_old=0.5, **{**settings, "steps": 25})
    resumed = charrnn.train(resume=parts.path, steps=60, callback=Listener())
    assert np.array_equal(resumed.model.params.vector, mixed.model.params.vector)


@pytest.mark.parametrize("batching", ["sequential", "random", "documents"])
def test_a_mixed_batch_is_both_texts_side_by_side(batching: str) -> None:
    config = make_config(
        {"batching": batching, "batch_size": 5, "seq_len": 4, "mix_old": 0.4, "init_from": "a", "log_every": 1}
    )
    ids = np.concatenate([np.arange(60), 100 + np.arange(90)]).astype(np.uint8)
    batcher = make_batcher(ids, config, old=90)
    for number in (0, 1, 7):
        batch = batcher[number]
        assert batch.inputs.shape == (4, 5)
        assert (batch.inputs[:, :3] < 60).all()
        assert (batch.inputs[:, 3:] >= 100).all()
        starts = batch.starts if batch.starts.ndim == 2 else batch.starts[None]
        assert np.array_equal(ids[starts][0], batch.inputs[0])
        assert np.array_equal(batch.targets, batch.inputs + 1)


def test_an_old_text_that_is_not_there_cannot_be_mixed_in(parents: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text(OLD)
    with pytest.raises(ConfigError, match=r"mix_old 0.5 needs the text of '.*': name a run folder"):
        train_from(tmp_path, parents["gru"] / "model.safetensors", mix_old=0.5)
    (tmp_path / "new.txt").write_text("".join(f"Ann{k}\nBeo{k}\n" for k in range(40)))
    with pytest.raises(ConfigError, match="mix_old cannot mix one text"):
        train_from(tmp_path, parents["gru"], mix_old=0.5, documents="lines")
