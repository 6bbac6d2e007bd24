"""Whom a network trusts where: the gates are those that predict a character, and its place is that in the word."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.config import ModelConfig
from charrnn.language_model import LanguageModel
from charrnn.ngrams import Experts
from charrnn.nn.model import CharModel
from charrnn.studies.trust import LAST, POSITIONS, by_position, positions_in_word, read, trust_rows
from charrnn.text.vocabulary import Vocabulary

TEXT = "ab cde f. don't ghijklmnop " * 12  # longer than a window that evaluation reads
CHAINS = ("characters", "words")


def model_of(text: str, cell: str) -> tuple[LanguageModel, np.ndarray]:
    """An untrained network with experts that have counted the text, in float64, and the text's ids."""
    vocabulary = Vocabulary("".join(sorted(set(text))))
    ids = vocabulary.encode(text)
    experts = Experts.count(CHAINS, vocabulary.characters, ids)
    network = CharModel(ModelConfig(len(vocabulary), cell, 6, num_experts=len(CHAINS)))
    params = network.init_parameters(np.random.default_rng(1), np.float64)
    return LanguageModel(network, params, vocabulary, experts=experts), ids


def test_positions_in_a_hand_made_text() -> None:
    text = "Ab c'd, 中文e abcdefghij"
    vocabulary = Vocabulary("".join(sorted(set(text))))
    found = positions_in_word(vocabulary.characters, vocabulary.encode(text))
    assert found.tolist() == [1, 2, 0, 1, 2, 3, 0, 0, 1, 1, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8]
    assert len(POSITIONS) == LAST + 1


def test_means_by_position() -> None:
    values = np.array([[1.0, 10.0], [3.0, 30.0], [5.0, 50.0]])
    found = by_position(values, np.array([2, 0, 2]))
    assert {p: mean.tolist() for p, mean in found.items()} == {0: [3, 30], 2: [3, 30]}


def test_the_gate_at_a_first_letter_is_that_after_a_space() -> None:
    """A network made by hand trusts the characters after a space only, and the words by a quarter everywhere."""
    model, ids = model_of(TEXT, "rnn")
    params, space = model.params, model.vocabulary.encode(" ")[0]
    params.vector[:] = 0
    params["recurrent.weight_ih_l0"][0] = -50
    params["recurrent.weight_ih_l0"][0, space] = 50  # the first unit is 1 after a space, −1 after anything else
    params["mixture.gate_weight"][0, 0] = 0.5
    params["mixture.gate_bias"][:] = 0.5, 0.25
    positions = positions_in_word(model.vocabulary.characters, ids)[1:]
    gates = read(model, ids).gates
    rows = trust_rows(CHAINS, [gates, 3 * gates], {"any": np.ones(len(positions))}, positions)
    assert list(rows) == list(range(LAST + 1))
    for p, row in rows.items():
        assert row["position"] == POSITIONS[p]
        assert row["gate_characters"] == pytest.approx(2.0 if p == 1 else 0.0)
        assert row["gate_characters_spread"] == pytest.approx(1.0 if p == 1 else 0.0)
        assert row["gate_words"] == pytest.approx(0.5)
        assert row["loss: any"] == 1
    assert sum(row["share"] for row in rows.values()) == pytest.approx(1)


@pytest.mark.parametrize("cell", ["rnn", "qrnn"])
def test_reading_gives_the_surprises_of_evaluation(cell: str) -> None:
    model, ids = model_of(TEXT, cell)
    log_probs, gates = read(model, ids)
    assert gates.shape == (len(ids) - 1, 2)
    np.testing.assert_allclose(np.exp(log_probs.astype(float)).sum(axis=1), 1, rtol=1e-5)
    nats = -log_probs[np.arange(len(log_probs)), ids[1:]].mean()
    assert nats == pytest.approx(model.evaluate_ids(ids).nats_per_char, rel=1e-5)
