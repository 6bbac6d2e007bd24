"""Scores of many documents: each the same alone, in any batch and in any order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from charrnn.config import ModelConfig
from charrnn.errors import TextError
from charrnn.inspection.reading import inspect_text
from charrnn.language_model import LanguageModel
from charrnn.ngrams import Experts
from charrnn.nn.model import CharModel
from charrnn.scoring import HeldOut, lines
from charrnn.text.vocabulary import Vocabulary
from tests.networks import EVERY_CELL

RNG = np.random.default_rng(0)
TEXTS = ["".join(RNG.choice(list("abcdef "), n)) + "x" for n in (*RNG.integers(0, 40, 150), 700, 300)]


def model_of(cell: str, documents: bool = True, experts: bool = False, dtype: Any = np.float64) -> LanguageModel:
    vocabulary = Vocabulary("abcdef x\n", documents)
    counts = (
        Experts.count(["characters"], vocabulary.characters, vocabulary.encode("abcabxc fed " * 9)) if experts else None
    )
    network = CharModel(ModelConfig(len(vocabulary), cell, 10, 2, num_experts=int(experts), documents=documents))
    params = network.init_parameters(np.random.default_rng(1), dtype)
    params.vector += np.random.default_rng(2).normal(0, 0.2, len(params.vector))
    return LanguageModel(network, params, vocabulary, experts=counts)


@pytest.mark.parametrize("cell", EVERY_CELL)
@pytest.mark.parametrize("documents", [True, False])
def test_a_score_is_the_same_alone_in_a_batch_and_in_any_order(
    cell: str, documents: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(cell, documents)
    alone = [model.score_many([text])[0].per_char for text in TEXTS]
    together = [score.per_char for score in model.score_many(TEXTS)]
    backwards = [score.per_char for score in model.score_many(TEXTS[::-1])][::-1]
    monkeypatch.setattr(lines, "BLOCK", 500)
    in_blocks = [score.per_char for score in model.score_stream(iter(TEXTS))]
    for expected, *others in zip(alone, together, backwards, in_blocks, strict=True):
        for other in others:
            np.testing.assert_allclose(other, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", EVERY_CELL)
@pytest.mark.parametrize("experts", [False, True])
def test_it_is_the_score_of_one_text(cell: str, experts: bool) -> None:
    model = model_of(cell, experts=experts)
    for text, score in zip(TEXTS, model.score_many(TEXTS), strict=True):
        assert len(score.per_char) == len(text) + 1
        np.testing.assert_allclose(score.per_char, model.score(text).per_char, rtol=1e-12, atol=1e-12)
        assert score.nats == pytest.approx(score.per_char.sum())
        assert score.nats_per_char == pytest.approx(score.per_char.mean())
        assert score.percentile is None


@pytest.mark.parametrize("experts", [False, True])
def test_a_model_of_one_text_reads_a_line_after_a_line_end_and_to_the_next(experts: bool) -> None:
    model = model_of("lstm", documents=False, experts=experts)
    for text, score in zip(TEXTS, model.score_many(TEXTS), strict=True):
        np.testing.assert_allclose(score.per_char, model.score(f"\n{text}\n").per_char, rtol=1e-12, atol=1e-12)


def test_probabilities_of_all_short_documents_come_to_one() -> None:
    vocabulary = Vocabulary("ab", documents=True)
    network = CharModel(ModelConfig(3, "gru", 6, documents=True))
    params = network.init_parameters(np.random.default_rng(0), np.float64)
    params["readout.bias"][...] = [4.0, 0.0, 0.0]  # documents are short
    model = LanguageModel(network, params, vocabulary)
    texts = [""]
    for _ in range(9):
        texts += [text + c for text in texts if len(text) == max(map(len, texts)) for c in "ab"]
    assert np.exp([-score.nats for score in model.score_many(texts)]).sum() == pytest.approx(1.0, abs=1e-6)


def test_percentiles_and_thresholds() -> None:
    held_out = HeldOut.of([np.full(3, value) for value in np.arange(200, 0, -1) / 100])
    assert held_out is not None
    assert held_out.documents == 200
    assert held_out.percentile(0.0) == 0.0
    assert held_out.percentile(1.0) == 50.0
    assert held_out.percentile(9.0) == 100.0
    assert held_out.threshold(0.01) == 1.98  # two of 200 lie above it
    assert held_out.threshold(0.001) is None
    assert HeldOut.of([]) is None


def test_lanes_become_about_equally_long() -> None:
    dealt = lines.deal([5, 1, 9, 3, 3, 3], 3)
    assert sorted(k for lane in dealt for k in lane) == [0, 1, 2, 3, 4, 5]
    assert max(sum([5, 1, 9, 3, 3, 3][k] for k in lane) for lane in dealt) == 9


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(TextError, match="not in the model's vocabulary"):
        model_of("rnn").score_many(["abc", "é"])
    plain = LanguageModel(CharModel(ModelConfig(2, "rnn", 3)), model_of("rnn").params, Vocabulary("ab"))
    with pytest.raises(TextError, match="a line of 1 known characters cannot be scored"):
        plain.score_many(["a"])


@pytest.mark.parametrize("experts", [False, True])
def test_an_inspection_of_a_document_begins_with_its_first_character(experts: bool) -> None:
    model = model_of("gru", experts=experts)
    seen = inspect_text(model, TEXTS[5])
    assert len(seen.nats) == len(seen.ranks) == len(seen.alternatives) == len(TEXTS[5])
    assert len(seen.gates) == (len(TEXTS[5]) if experts else 0)
    np.testing.assert_allclose(seen.nats, model.score(TEXTS[5]).per_char[:-1], rtol=1e-9)
    assert "\0" not in [each.character for alternatives in seen.alternatives for each in alternatives]
