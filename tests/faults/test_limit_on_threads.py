"""Two threads in one program: the same bytes as alone, and afterwards the caller's number of threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import charrnn
from charrnn.inspection import activation, activations, find_units, inspect_text
from charrnn.language_model import LanguageModel
from charrnn.nn.model import CharModel
from charrnn.scoring import evaluate, evaluate_fresh_windows, score
from charrnn.training.callback import Callback
from charrnn.training.dynamic import evaluate_dynamic
from tests.faults.commands import BOOK

CALLERS = 2
SETTINGS = {"cell": "lstm", "hidden_size": 128, "num_layers": 1, "dropout": 0.0, "seed": 1}
TEXT = BOOK[:400]


def limits() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture(autouse=True, scope="module")
def callers_limit() -> Iterator[None]:
    with threadpool_limits(CALLERS, user_api="blas"):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("threads")
    (folder / "book.txt").write_text(BOOK)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> LanguageModel:
    return charrnn.train(folder / "book.txt", out=folder / "model", steps=4, callback=Callback(), **SETTINGS).model


def model_bytes(folder: Path, name: str) -> bytes:
    run = charrnn.train(folder / "book.txt", out=folder / name, steps=8, callback=Callback(), **SETTINGS)
    return (run.path / "model.safetensors").read_bytes()


def test_a_training_beside_a_text_that_is_written_gives_the_same_bytes(folder: Path, model: LanguageModel) -> None:
    alone = model_bytes(folder, "alone")
    ended, found, seen = threading.Event(), [], set()

    def write() -> None:
        while not ended.is_set():  # calls that begin and end while the training runs
            model.generate("The ", 20, seed=1)
            next(model.stream("The ", 5, seed=1))

    def train() -> None:
        try:
            found.append(model_bytes(folder, "beside"))
        finally:
            ended.set()

    threads = [threading.Thread(target=write), threading.Thread(target=train)]
    for thread in threads:
        thread.start()
    while not ended.wait(0.002):
        seen |= limits()
    for thread in threads:
        thread.join(60)
    assert found == [alone]
    assert limits() == {CALLERS}
    assert seen <= {1, CALLERS}


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_the_callers_number_returns_whoever_ends_first(model: LanguageModel, first_ends_first: bool) -> None:
    lengths = (50, 400) if first_ends_first else (400, 50)
    threads = [threading.Thread(target=model.generate, args=("The ", length)) for length in lengths]
    for thread in threads:
        thread.start()
        time.sleep(0.001)
    for thread in threads:
        thread.join(60)
    assert limits() == {CALLERS}


def ids(model: LanguageModel) -> Any:
    return model.vocabulary.encode(TEXT)


DOORS: dict[str, Callable[[LanguageModel, Path], Any]] = {
    "generate": lambda m, _: m.generate("The ", 9, seed=1),
    "generate_many": lambda m, _: m.generate_many(2, "The ", 9, seed=1),
    "stream": lambda m, _: list(m.stream("The ", 9, seed=1)),
    "model.score": lambda m, _: m.score(TEXT).per_char.tolist(),
    "model.evaluate": lambda m, _: m.evaluate(TEXT),
    "scoring.score": lambda m, _: score(m.network, m.params, ids(m)).per_char.tolist(),
    "scoring.evaluate": lambda m, _: evaluate(m.network, m.params, ids(m)),
    "fresh windows": lambda m, _: evaluate_fresh_windows(m.network, m.params, ids(m), 20),
    "dynamic": lambda m, _: evaluate_dynamic(m.network, m.params, ids(m)),
    "inspect_text": lambda m, _: inspect_text(m, TEXT),
    "activations": lambda m, _: activations(m, TEXT).tolist(),
    "activation": lambda m, _: activation(m, TEXT, 0, 3).tolist(),
    "find_units": lambda m, _: find_units(m, TEXT),
    "charrnn.evaluate": lambda _, f: charrnn.evaluate(f / "model", callback=Callback(), dynamic=True),
    "charrnn.train": lambda _, f: charrnn.train(
        f / "book.txt", out=f / f"run-{time.monotonic_ns()}", steps=2, callback=Callback(), **SETTINGS
    ).model.arrays()["readout.weight"].tolist(),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_every_door_that_computes_takes_the_limit(
    model: LanguageModel, folder: Path, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[int]] = []
    for name in ("forward", "nats", "loss_and_grads"):
        computed = getattr(CharModel, name)

        def look(self: CharModel, *args: Any, computed: Callable[..., Any] = computed, **named: Any) -> Any:
            seen.append(limits())
            return computed(self, *args, **named)

        monkeypatch.setattr(CharModel, name, look)
    expected = DOORS[door](model, folder)
    assert seen
    assert all(each == {1} for each in seen)
    assert limits() == {CALLERS}
    with threadpool_limits(1, user_api="blas"):
        assert DOORS[door](model, folder) == expected


def test_a_stream_that_is_held_holds_no_limit(model: LanguageModel) -> None:
    pieces = model.stream("The ", 20, seed=1)
    assert limits() == {CALLERS}
    text = next(pieces)
    assert limits() == {CALLERS}
    text += "".join(pieces)
    assert text == model.generate("The ", 20, seed=1)
    assert np.isfinite(model.params.vector).all()
