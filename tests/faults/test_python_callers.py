"""Mistakes in Python calls: our own errors, which name the argument and fit in a line, and nothing from inside."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import charrnn
from charrnn.inspection import activation, find_units, inspect_text
from charrnn.language_model import LanguageModel
from charrnn.sweeps import sweep
from charrnn.training.callback import Callback
from tests.faults.commands import BOOK
from tests.unit.test_score_many import model_of

NOT_TEXT: list[Any] = [None, 5, 1.5, True, b"The", ["The"], {"The": 1}, Path("The"), np.zeros(3)]
NOT_PATHS: list[Any] = [5, 1.5, True, b"run", {"run": 1}, np.zeros(3), "a\0b"]
NOT_NUMBERS: list[Any] = ["5", 1.5, b"5", [5], -1, float("nan"), {}]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("callers")
    (folder / "book.txt").write_text(BOOK)
    settings = {"cell": "rnn", "num_layers": 1, "hidden_size": 8, "seq_len": 16, "batch_size": 4}
    return charrnn.train(folder / "book.txt", out=folder / "run", steps=5, callback=Callback(), **settings).path


@pytest.fixture(scope="module")
def model(path: Path) -> LanguageModel:
    return charrnn.load(path)


def refuse(argument: str, call: Callable[[], Any]) -> str:
    with pytest.raises(charrnn.CharRNNError) as refused:
        call()
    message = str(refused.value)
    assert re.search(rf"\b{argument}\b", message), message
    assert "\n" not in message
    assert len(message) < 300
    return message


@pytest.mark.parametrize("value", NOT_TEXT, ids=repr)
def test_what_is_no_text(model: LanguageModel, value: Any) -> None:
    for method in (model.generate, model.stream):
        refuse("prompt", lambda method=method: method(value, 5))
    refuse("prompt", lambda: model.generate_many(2, value, 5))
    refuse("text", lambda: model.score(value))
    refuse("text", lambda: model.evaluate(value))
    refuse("text", lambda: inspect_text(model, value))
    refuse("text", lambda: find_units(model, value))
    refuse("text", lambda: activation(model, value, 0, 0))
    refuse("characters", lambda: LanguageModel.from_arrays({}, value))


@pytest.mark.parametrize("value", [None, 5, b".", [5], [None], ["a", b"b"], {"a": 1}, ""], ids=repr)
def test_what_is_no_stop_string(model: LanguageModel, value: Any) -> None:
    refuse("stop", lambda: model.generate("The", 5, stop=value))
    refuse("stop", lambda: model.stream("The", 5, stop=value))


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
def test_what_is_no_whole_number(model: LanguageModel, value: Any) -> None:
    refuse("length", lambda: model.generate("The", value))
    refuse("length", lambda: model.stream("The", value))
    refuse("seed", lambda: model.generate("The", 5, seed=value))
    refuse("num_samples", lambda: model.generate_many(value, "The", 5))
    refuse("top_k", lambda: model.generate("The", 5, top_k=value))
    refuse("layer", lambda: activation(model, "The clock", value, 0))
    refuse("unit", lambda: activation(model, "The clock", 0, value))
    refuse("top", lambda: inspect_text(model, "The clock", top=value))
    refuse("steps", lambda: charrnn.train(steps=value))


@pytest.mark.parametrize("value", NOT_PATHS, ids=repr)
def test_what_is_no_path(model: LanguageModel, path: Path, value: Any) -> None:
    refuse("run", lambda: charrnn.load(value))
    refuse("run", lambda: charrnn.evaluate(value))
    refuse("path", lambda: model.save(value))
    refuse("text", lambda: charrnn.train(value))
    refuse("text", lambda: charrnn.train([value]))
    refuse("text", lambda: charrnn.evaluate(path, value))
    refuse("out", lambda: charrnn.train(path.parent / "book.txt", out=value, steps=1))
    refuse("resume", lambda: charrnn.train(resume=value))
    if not isinstance(value, dict):
        refuse("spec", lambda: sweep(value))


def test_none_is_no_path(model: LanguageModel) -> None:
    refuse("run", lambda: charrnn.load(None))  # type: ignore[arg-type]
    refuse("run", lambda: charrnn.evaluate(None))  # type: ignore[arg-type]
    refuse("path", lambda: model.save(None))  # type: ignore[arg-type]
    refuse("text", lambda: charrnn.train(None))  # type: ignore[arg-type]
    refuse("text", lambda: charrnn.train([]))  # as from a pattern that no file fits: not the bundled novel


def test_the_other_arguments(model: LanguageModel, path: Path) -> None:
    refuse("callback", lambda: charrnn.train(callback="x"))  # type: ignore[arg-type]
    refuse("callback", lambda: charrnn.evaluate(path, callback=print))  # type: ignore[arg-type]
    refuse("encoding", lambda: charrnn.evaluate(path, path.parent / "book.txt", encoding=None))  # type: ignore[arg-type]
    refuse("split", lambda: charrnn.evaluate(path, split=5))  # type: ignore[arg-type]
    refuse("dynamic", lambda: charrnn.evaluate(path, dynamic="yes"))  # type: ignore[arg-type]
    refuse("dynamic_rate", lambda: charrnn.evaluate(path, dynamic_rate="x"))  # type: ignore[arg-type]
    refuse("on_unknown", lambda: model.score("The", on_unknown=None))  # type: ignore[arg-type]
    refuse("on_unknown", lambda: model.generate("The", on_unknown="ignore"))
    refuse("arrays", lambda: LanguageModel.from_arrays(None, "ab"))  # type: ignore[arg-type]
    refuse("arrays", lambda: LanguageModel.from_arrays({5: np.zeros(3)}, "ab"))  # type: ignore[dict-item]
    refuse("cell", lambda: LanguageModel.from_arrays({}, "ab", None))  # type: ignore[arg-type]
    refuse("recipe", lambda: charrnn.train(recipe=5))  # type: ignore[arg-type]
    refuse("hidden_size", lambda: charrnn.train(hidden_size="12"))


def test_a_text_where_a_path_was_meant_is_recognised(path: Path) -> None:
    for text in (BOOK, BOOK[:60], "The clock struck one, and the cat ran down the old clock again.", "é" * 200, "a\0b"):
        for call in (lambda t=text: charrnn.train(t), lambda t=text: charrnn.evaluate(path, t)):
            assert "looks like the text itself" in refuse("text", call) or text == "a\0b"


def test_a_path_where_a_text_was_meant_is_recognised(model: LanguageModel, path: Path) -> None:
    name = str(path.parent / "book.txt")
    assert "is the name of a file" in refuse("text", lambda: model.evaluate(name))
    assert model.score("The cat. The clock.").characters == 18
    # What a product scores comes from strangers: no answer may say which files there are.
    assert model.score(name, on_unknown="skip").characters > 1


@pytest.mark.parametrize("value", [None, 5, "The cat", b"The cat", {"The": 1}], ids=repr)
def test_what_is_no_list_of_texts(model: LanguageModel, value: Any) -> None:
    """A text alone would pass for a list of its characters: each scored, and none of them new."""
    refuse("texts", lambda: model.score_many(value))
    refuse("texts", lambda: model.score_stream(value))
    refuse("new_to", lambda: model.generate_many(2, new_to=value))


def test_stop_strings_from_an_iterator_stop_every_sample(model: LanguageModel) -> None:
    whole = model.generate_many(3, "The", 200, stop=["a", "e"], seed=1)
    assert model.generate_many(3, "The", 200, stop=iter(["a", "e"]), seed=1) == whole
    assert model.generate("The", 200, stop=iter(["a", "e"]), seed=1) == whole[0]
    assert len(whole[0]) < 200


def test_what_is_no_number_of_a_sample(model: LanguageModel) -> None:
    for value in ([-1], [1.5], "ab"):
        refuse("sample", lambda value=value: model.write(value, "The", 5))


def test_a_place_that_cannot_be_written_is_named(model: LanguageModel, tmp_path: Path) -> None:
    assert "cannot write" in refuse("place.npz", lambda: model.start("The").save(tmp_path / "none" / "place.npz"))


def test_a_model_is_saved_in_the_format_of_its_name(model: LanguageModel, tmp_path: Path) -> None:
    for name in ("m.npz", "m.safetensors"):
        model.save(tmp_path / name)
        assert charrnn.load(tmp_path / name).generate("The", 30, seed=1) == model.generate("The", 30, seed=1)
    assert set(np.load(tmp_path / "m.npz")) > {"charrnn", "readout.weight"}


def test_a_model_that_has_written_goes_to_other_processes_and_into_copies() -> None:
    """What compiled code reads of its counts is at addresses that mean nothing elsewhere."""
    model = model_of("qrnn", experts=True)
    wanted = model.write([0, 1], "ab", 30, seed=1)
    for other in (copy.deepcopy(model), ForkingPickler.loads(ForkingPickler.dumps(model))):
        assert other.write([0, 1], "ab", 30, seed=1) == wanted


def test_the_model_of_a_run_is_no_part_of_its_training(path: Path) -> None:
    """Workers serve one thread at a time: two at work with the same ones wait for each other for ever."""
    settings = {"cell": "rnn", "num_layers": 1, "hidden_size": 8, "seq_len": 16, "batch_size": 4, "kernels": "auto"}
    run = charrnn.train(path.parent / "book.txt", out=path.parent / "shared", steps=1, workers=2, **settings)
    assert run.model.network.kernels.crew.workers == 1
    other = ForkingPickler.loads(ForkingPickler.dumps(run)).model
    assert other.network.kernels.name == run.model.network.kernels.name
    assert other.evaluate(BOOK) == run.model.evaluate(BOOK) == charrnn.load(run.path).evaluate(BOOK)


def test_a_deep_copy_of_a_state_is_a_copy(model: LanguageModel) -> None:
    state = model.start("The").feed(" c")
    other = copy.deepcopy({"state": state})["state"]
    assert other.next_probs() == state.next_probs()
    assert other.feed("a").next_probs() == state.copy().feed("a").next_probs() != state.next_probs()
