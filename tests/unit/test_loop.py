"""The compiled loop writes the characters that drawing and reading them one at a time would write."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from charrnn.generation import sample
from charrnn.generation.filters import FILTERS, SamplingConfig
from charrnn.generation.loop import compiled_loop
from charrnn.generation.sample import Writer
from charrnn.language_model import LanguageModel
from charrnn.nn.kernels.library import instructions
from charrnn.nn.kernels.twins import COMPILED_LAYERS
from charrnn.nn.stepper import make_stepper
from tests.broken_kernels import a_bug, can_be_broken
from tests.unit.test_score_many import model_of

LENGTH = 150  # of characters: more than the first few calls write
pytestmark = pytest.mark.skipif(not instructions(), reason="the compiled kernels are not there")


def writer_of(model: LanguageModel, lanes: int = 1, **sampling: float) -> Writer:
    prompt = model.prompt_ids("abc")
    return Writer(model.network, model.params, prompt, SamplingConfig(**sampling), 3, lanes, model.experts)


def written(writer: Writer, number: int) -> list[int]:
    ids = list(itertools.islice(writer.write(number), LENGTH))
    return ids[: ids.index(0) + 1] if writer.model.config.documents and 0 in ids else ids


@pytest.mark.parametrize("cell", COMPILED_LAYERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("documents", "experts"), [(False, False), (False, True), (True, True)])
@pytest.mark.parametrize("temperature", [0.0, 1e-300, 0.7, 1.0, 4.0])
def test_the_loop_writes_what_single_steps_write(
    cell: str, dtype: type, documents: bool, experts: bool, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(cell, documents, experts, dtype)
    writer = writer_of(model, temperature=temperature)
    assert writer._loop is not None
    found = [written(writer, number) for number in (0, 1, 2, 1)]
    monkeypatch.setattr(sample, "compiled_loop", lambda *_: None)
    assert found == [written(writer_of(model, temperature=temperature), number) for number in (0, 1, 2, 1)]


def test_of_equal_logits_temperature_zero_takes_the_first() -> None:
    model = model_of("rnn", documents=False)
    model.params.vector[:] = 0.0
    assert written(writer_of(model, temperature=0.0), 0) == [0] * LENGTH


@pytest.mark.parametrize(("name", "value"), [("top_k", 3), ("top_p", 0.5), ("min_p", 0.1)])
def test_other_rules_go_a_character_at_a_time(name: str, value: float) -> None:
    assert name in FILTERS
    model = model_of("rnn")
    assert writer_of(model, **{name: value})._loop is None
    assert writer_of(model, lanes=2)._loop is None
    assert compiled_loop(make_stepper(model.network, model.params, 1), None, SamplingConfig()) is not None


BUGS = [
    ("readout.h", "below / t :", "below * t :", 0.5),
    ("readout.h", "below < 0 || found++ ?", "below < 0 ?", 0.0),
    ("replay.h", "*u_now = u[k];", "*u_now = u[0];", 0.5),
    ("replay.h", "to[k] = from[k] + by;", "to[k] = from[k];", 0.5),
]


@can_be_broken
@pytest.mark.parametrize(("file", "right", "wrong", "temperature"), BUGS, ids=lambda each: str(each)[:20])
def test_a_bug_in_the_loop_is_caught(file: str, right: str, wrong: str, temperature: float, tmp_path: Path) -> None:
    model = model_of("qrnn", documents=False)
    model.params.vector *= temperature > 0
    expected = written(writer_of(model, temperature=temperature), 0)
    with a_bug(file, right, wrong, "float64", tmp_path) as instructions_of_it:
        model.network.kernels.instructions = instructions_of_it
        assert written(writer_of(model, temperature=temperature), 0) != expected
