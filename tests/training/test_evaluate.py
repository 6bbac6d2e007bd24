"""`charrnn.evaluate`: the figures of the command, from Python."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import charrnn
from charrnn.errors import ConfigError, RunError, TextError
from charrnn.scoring import evaluate as evaluate_ids
from charrnn.training.callback import Callback
from charrnn.training.evaluate import RunEvaluation
from tests.training.test_runs import Listener, train


@pytest.fixture
def run(book: Path, tmp_path: Path) -> charrnn.Run:
    return train(book, tmp_path / "run", steps=30, test_fraction=0.1)


def test_every_part_of_the_runs_own_text(run: charrnn.Run, book: Path) -> None:
    assert run.val is not None
    assert run.test is not None
    val, test = charrnn.evaluate(run.path), charrnn.evaluate(run.path, split="test")
    assert (val.split, val.characters, val.nats_per_char) == ("val", run.val.characters, run.val.nats_per_char)
    assert (test.split, test.characters, test.nats_per_char) == ("test", run.test.characters, run.test.nats_per_char)
    expected = evaluate_ids(run.model.network, run.model.params, run.train_ids)
    assert charrnn.evaluate(run.path, str(book), split="train").nats_per_char == expected.nats_per_char
    whole = charrnn.evaluate(run.path / "model.safetensors", [book])
    assert (whole.split, whole.characters) == ("text", len(book.read_text()) - 1)


def test_the_dynamic_evaluation_comes_after_the_static_one(run: charrnn.Run) -> None:
    seen: list[RunEvaluation] = []
    result = charrnn.evaluate(run.path, dynamic=True, dynamic_rate=0.003, on_result=seen.append)
    assert result.dynamic is not None
    assert result.dynamic.characters == result.characters
    assert seen == [replace(result, dynamic=None), result]
    assert list(result.as_dict())[-2:] == ["dynamic_nats_per_char", "dynamic_bits_per_char"]
    assert result.as_dict()["dynamic_nats_per_char"] == result.dynamic.nats_per_char
    assert "dynamic_nats_per_char" not in seen[0].as_dict()


def test_what_was_skipped_is_reported(run: charrnn.Run, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_bytes(b"the c\xc3\xa9at\r\n")
    listener = Listener()
    result = charrnn.evaluate(run.path, tmp_path / "other.txt", on_unknown="skip", callback=listener)
    assert (result.split, result.characters) == ("text", 7)
    assert listener.messages == [
        f"{tmp_path}/other.txt: turned 1 CRLF line ends into LF",
        "skipped 1 unknown characters",
    ]
    with pytest.raises(TextError, match="'é'"):
        charrnn.evaluate(run.path, tmp_path / "other.txt", callback=Callback())


def test_with_rate_0_nothing_but_a_mixture_learns(run: charrnn.Run, book: Path, tmp_path: Path) -> None:
    result = charrnn.evaluate(run.path, dynamic=True, dynamic_rate=0)
    assert result.dynamic is not None
    assert result.dynamic.nats_per_char == pytest.approx(result.nats_per_char, rel=1e-6)
    with_counts = train(book, tmp_path / "counts", steps=30, ngrams="auto")
    found = charrnn.evaluate(with_counts.path, in_context=True, dynamic=True, dynamic_rate=0)
    assert found.dynamic is not None
    assert found.in_context is not None
    assert found.dynamic.nats_per_char != found.in_context.nats_per_char
    faster = charrnn.evaluate(with_counts.path, dynamic=True, dynamic_rate=0.003).dynamic
    assert faster is not None
    assert faster.nats_per_char != found.dynamic.nats_per_char


def test_any_number_of_workers_gives_the_same_figures(run: charrnn.Run) -> None:
    first, *others = (charrnn.evaluate(run.path, dynamic=True, workers=workers) for workers in (1, 3, "auto"))
    assert all(other == first for other in others)
    with pytest.raises(charrnn.ConfigError, match="workers 0 is too small: it must be at least 1"):
        charrnn.evaluate(run.path, workers=0)


def test_what_does_not_fit_is_refused(run: charrnn.Run, book: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("the cat")
    for arguments, options, error, message in [
        ((run.path, tmp_path / "other.txt"), {"split": "val"}, ConfigError, "is a part of the run's own text"),
        ((run.path,), {"split": "vall"}, ConfigError, "did you mean 'val'"),
        ((run.path,), {"dynamic_rate": 0.1}, ConfigError, "has no effect without"),
        ((run.path,), {"dynamic": True, "dynamic_rate": float("inf")}, ConfigError, "must be a finite number"),
        ((run.path,), {"dynamic": True, "dynamic_rate": -1}, ConfigError, "must be at least 0"),
        ((run.path / "model.safetensors",), {}, RunError, "is a model without its text"),
    ]:
        with pytest.raises(error, match=message):
            charrnn.evaluate(*arguments, **options)
    book.write_text("another text altogether")
    with pytest.raises(RunError, match="has changed since the run"):
        charrnn.evaluate(run.path)
    book.unlink()
    with pytest.raises(RunError, match="if the text has moved"):
        charrnn.evaluate(run.path)
