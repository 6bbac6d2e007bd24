"""Whole runs of a network that knows what counts say: from the text to the file, and from every door the same."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

import charrnn
from charrnn.errors import ConfigError, RunError
from charrnn.ngrams import OnText
from charrnn.runs.files import read_arrays, write_arrays
from tests.torture.kills import contents
from tests.training.test_runs import Listener, interrupt_at, train

SETTINGS = {"cell": "qrnn", "num_layers": 2, "ngrams": "auto", "steps": 40, "eval_every": 20, "sample_every": 20}


@pytest.fixture
def run(book: Path, tmp_path: Path) -> charrnn.Run:
    return train(book, tmp_path / "run", **SETTINGS)


def test_it_begins_where_the_counts_are_and_goes_on_from_there(book: Path, tmp_path: Path) -> None:
    plain = train(book, tmp_path / "plain", **{**SETTINGS, "ngrams": "none"})
    knowing = train(book, tmp_path / "knowing", **SETTINGS)
    assert plain.val is not None
    assert knowing.val is not None
    assert knowing.val.nats_per_char < 0.9 * plain.val.nats_per_char
    assert knowing.model.experts is not None
    assert knowing.model.experts.names == ("characters", "words")


def test_a_model_from_its_file_is_the_model_that_was_trained(run: charrnn.Run, book: Path) -> None:
    text, found = book.read_text()[:900], charrnn.load(run.path)
    np.testing.assert_array_equal(found.score(text).per_char, run.model.score(text).per_char)
    assert found.generate("The ", 80, seed=4) == run.model.generate("The ", 80, seed=4)
    assert charrnn.evaluate(run.path, callback=Listener()).nats_per_char == run.val.nats_per_char  # type: ignore[union-attr]


def test_a_text_read_in_windows_or_a_character_at_a_time_is_the_same(run: charrnn.Run, book: Path) -> None:
    model, text = run.model, book.read_text()[300:700]
    ids, state, ws = model.vocabulary.encode(text), model.network.zero_state(1), model.network.workspace(1, 1)
    reader = model.reader(1)
    assert reader is not None
    nats = []
    for k, following in itertools.pairwise(ids):
        log_q = reader.read(np.array([k]))
        logits, state = model.network.forward(model.params, np.array([[k]]), state, ws, log_q=log_q)
        shares = np.exp(logits[0, 0].astype(float))
        assert (shares / shares.sum()).sum() == pytest.approx(1, abs=1e-6)
        nats.append(-np.log(shares[following] / shares.sum()))
    np.testing.assert_allclose(model.score(text).per_char, nats, atol=1e-5)


@pytest.mark.parametrize("batching", ["sequential", "random", "chunked"])
def test_equal_seeds_give_equal_runs_and_a_resumed_run_is_the_run_that_was_not_interrupted(
    batching: str, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**SETTINGS, "batching": batching, "dropout": 0.2}
    for name in ("one", "two"):
        train(book, tmp_path / name, **settings)
    with monkeypatch.context() as patch:
        interrupt_at(17, patch)
        with pytest.raises(KeyboardInterrupt, match="saved at step 17"):
            train(book, tmp_path / "parts", **settings)
    charrnn.train(resume=tmp_path / "parts", callback=Listener())
    assert contents(tmp_path / "one") == contents(tmp_path / "two") == contents(tmp_path / "parts")


def test_a_run_is_not_resumed_with_other_counts(run: charrnn.Run) -> None:
    checkpoint = run.path / "checkpoint.safetensors"
    arrays, header = read_arrays(checkpoint)
    assert run.model.experts is not None
    assert header["counts_sha256"] == run.model.experts.counts_sha256
    write_arrays(checkpoint, arrays, {**header, "counts_sha256": "0" * 64})
    with pytest.raises(RunError, match="has other counts"):
        charrnn.train(resume=run.path, steps=50, callback=Listener())


def test_a_run_is_resumed_with_the_experts_that_it_has(run: charrnn.Run) -> None:
    with pytest.raises(ConfigError, match="a resumed run keeps its ngrams 'auto'"):
        charrnn.train(resume=run.path, steps=50, ngrams="none", callback=Listener())


def test_what_adapts_is_given_beside_the_static_loss(run: charrnn.Run) -> None:
    result = charrnn.evaluate(run.path, in_context=True, dynamic=True, callback=Listener())
    assert result.in_context is not None
    assert result.dynamic is not None
    assert len({result.nats_per_char, result.in_context.nats_per_char, result.dynamic.nats_per_char}) == 3
    assert list(result.as_dict())[-4:] == [
        "in_context_nats_per_char", "in_context_bits_per_char", "dynamic_nats_per_char", "dynamic_bits_per_char",
    ]  # fmt: skip


def test_a_model_without_counts_cannot_count(book: Path, tmp_path: Path) -> None:
    plain = train(book, tmp_path / "plain", steps=3)
    with pytest.raises(ConfigError, match="has no counts to add a text to"):
        charrnn.evaluate(plain.path, in_context=True, callback=Listener())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda arrays, header: header.pop("experts"), "has 2 count models, but the file names \\[\\]"),
        (lambda arrays, header: header.update(experts=["words"]), "has 2 count models"),
        (lambda arrays, header: header.update(experts=["words", "sentences"]), "expert 'sentences' is not known"),
        (lambda arrays, header: header.update(experts=[1, {}]), "expert 1 is not known"),
        (lambda arrays, header: header.update(experts="ab"), "names 'ab'"),
        (lambda arrays, header: header.update(experts=["words", "words"]), "wrong type or shape|wrong levels"),
        (lambda arrays, header: arrays.pop("counts.keys"), "lacks counts.keys"),
        (lambda arrays, header: arrays.update({"counts.more": np.zeros(3, np.uint8)}), "counts.more"),
        (lambda arrays, header: arrays.update({"counts.keys": np.zeros(3, np.uint8)}), "damaged"),
    ],
)
def test_a_file_whose_counts_do_not_fit_is_refused_in_one_line(change, words: str, run: charrnn.Run) -> None:
    path = run.path / "model.safetensors"
    arrays, header = read_arrays(path)
    change(arrays, header)
    write_arrays(path, arrays, header)
    with pytest.raises(RunError, match=words) as refused:
        charrnn.load(path)
    assert "\n" not in str(refused.value)


def test_training_sees_counts_without_the_block_that_it_reads(run: charrnn.Run) -> None:
    """Counts that contain the answer would be surer of the training text than of any other."""
    assert run.model.experts is not None
    at_most = OnText(run.model.experts, run.train_ids)
    with_answers = [at_most.log_q(np.array([s]), 200)[:, :, 0] for s in range(0, 2000, 200)]
    ids = np.asarray(run.train_ids)
    own = np.concatenate(
        [q[:, np.arange(200), ids[200 * k + 1 : 200 * k + 201]] for k, q in enumerate(with_answers)], 1
    )
    said = -own.mean()
    assert run.metrics[0]["train_loss"] > 1.5 * said
