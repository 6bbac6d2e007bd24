"""Many samples side by side: no sample depends on the others, and no step is spent on one that has ended."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from charrnn.errors import ConfigError
from charrnn.generation import WritesTexts, sample, side_by_side
from charrnn.language_model import LanguageModel
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.nn.stepper import Stepper, lanes_are_independent, make_stepper
from tests.kernels_in_use import both_kernels  # noqa: F401
from tests.networks import EVERY_CELL
from tests.unit.test_score_many import model_of


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of lanes that each step computes."""
    found: list[int] = []

    def counted(model: CharModel, params: Parameters, lanes: int) -> Stepper:
        stepper, used = make_stepper(model, params, lanes), [lanes]
        step, use = stepper.step, stepper.use

        def counting(ids: np.ndarray, log_q: np.ndarray | None = None) -> np.ndarray:
            found.append(used[0])
            return step(ids, log_q)

        def using(number: int) -> None:
            used[0] = number
            use(number)

        stepper.step, stepper.use = counting, using  # type: ignore[method-assign]
        return stepper

    monkeypatch.setattr(sample, "make_stepper", counted)
    return found


@pytest.mark.parametrize("cell", EVERY_CELL)
@pytest.mark.parametrize("experts", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_document_is_the_same_whatever_the_number_of_lanes_is(cell: str, experts: bool, dtype: type) -> None:
    model = model_of(cell, experts=experts, dtype=dtype)
    alone = [model.write([number], length=12, seed=3)[0] for number in range(30)]
    assert len({len(text) for text, _ in alone}) > 4
    assert {ended for _, ended in alone} == {True, False}
    for lanes in (1, 2, 7, 30, 50):
        assert list(model.write_stream(range(30), length=12, seed=3, lanes=lanes)) == alone
    assert model.write([17, 4], length=12, seed=3) == [alone[17], alone[4]]


@pytest.mark.parametrize("prompt", ["", "abc"])
@pytest.mark.parametrize("lanes", [2, 6, 100])  # one lane reads some characters for nothing, in a compiled loop
def test_a_step_of_a_lane_reads_a_character_that_a_document_continues_with(
    prompt: str, lanes: int, steps: list[int]
) -> None:
    model = model_of("qrnn", experts=True)
    texts = list(model.write_stream(range(100), prompt, 40, seed=3, lanes=lanes))
    # Of a document that has ended, all characters are read; of one that is cut, the last is not.
    read = sum(len(text) - (not ended) for text, ended in texts)
    if lanes_are_independent(model.network):
        assert sum(steps) == read
    else:  # NumPy computes all lanes: some for nothing, at the end
        assert read <= lanes * len(steps) < read + lanes * 40


def test_nothing_is_written_that_nobody_asks_for(steps: list[int]) -> None:
    model = model_of("gru")
    documents = model.write_stream(itertools.count(), length=40, seed=3, lanes=8)
    first = [next(documents) for _ in range(20)]
    assert first == model.write(range(20), length=40, seed=3)
    assert sum(steps) < 60 * 40 * 2


def test_a_long_document_holds_back_a_limited_number_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    begin = sample.Writer.begin
    monkeypatch.setattr(
        sample.Writer, "begin", lambda self, lane, number: (begun.append(number), begin(self, lane, number))[1]
    )
    monkeypatch.setattr(side_by_side, "AHEAD", 5)
    model = model_of("gru")
    expected = [model.write([number], length=400, seed=3)[0] for number in range(200)]
    begun.clear()
    most = 0
    for given, text in enumerate(model.write_stream(range(200), length=400, seed=3, lanes=4)):
        most = max(most, len(begun) - given)
        assert text == expected[given]
    assert begun == list(range(200))
    assert most <= 20
    assert most > 4


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return model_of("rnn")


def test_documents_of_no_character_and_of_no_length(model: LanguageModel) -> None:
    assert model.write(range(3), length=0, seed=1) == [("", False)] * 3
    assert model.write([], length=5, seed=1) == []
    texts = model.write(range(500), length=1, seed=1)
    assert all(len(text) == (0 if ended else 1) for text, ended in texts)
    assert {ended for _, ended in texts} == {True, False}


@pytest.mark.parametrize("unique", [False, True])
def test_new_and_unique_documents_are_the_first_of_their_kind(unique: bool, model: LanguageModel) -> None:
    every = [text for text, _ in model.write(range(400), "a", 2, seed=1)]
    known = {"a" + text for text in every[:40]}
    expected: list[str] = []
    for text in every:
        if "a" + text not in known and not (unique and text in expected):
            expected.append(text)
    found = model.generate_many(12, "a", 2, seed=1, unique=unique, new_to=sorted(known))
    assert found == expected[:12]
    assert (len(set(found)) == len(found)) == unique


def test_it_gives_up_after_a_hundred_tries_for_each(model: LanguageModel, steps: list[int]) -> None:
    assert model.generate_many(3, length=1, greedy=True, unique=True, seed=1) == [model.generate(length=1, greedy=True)]


def test_choosing_is_for_documents() -> None:
    model = model_of("rnn", documents=False)
    for options in ({"unique": True}, {"new_to": ["a"]}):
        with pytest.raises(ConfigError, match="are for a model of documents"):
            model.generate_many(2, "a", 5, **options)
    with pytest.raises(ConfigError, match="lanes 0 is too small"):
        model.write_stream(range(2), lanes=0)  # at the call, not at the first sample
    with pytest.raises(ConfigError, match="unique"):
        model.generate_many(2, "a", 5, unique="yes")


def test_what_writes_texts_must_say_what_its_texts_follow() -> None:
    with pytest.raises(TypeError, match="prompt_ids"):
        WritesTexts()  # type: ignore[abstract]
    assert WritesTexts.__abstractmethods__ == {"prompt_ids"}
