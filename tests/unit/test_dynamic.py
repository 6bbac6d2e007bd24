"""Dynamic evaluation: it learns from what it has scored, and only from that."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.config import ModelConfig
from charrnn.errors import DivergenceError
from charrnn.nn.layers import LAYERS
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.scoring import evaluate
from charrnn.training.dynamic import WINDOW, evaluate_dynamic


def network(cell: str) -> tuple[CharModel, Parameters]:
    model = CharModel(ModelConfig(9, cell, 16))
    return model, model.init_parameters(np.random.default_rng(0), np.float64)


@pytest.mark.parametrize("cell", sorted(LAYERS))
def test_without_learning_it_is_the_static_evaluation(cell: str, rng: np.random.Generator) -> None:
    model, params = network(cell)
    ids = rng.integers(0, 9, 5 * WINDOW + 7)
    before = params.vector.copy()
    assert evaluate_dynamic(model, params, ids, 0.0).nats_per_char == pytest.approx(
        evaluate(model, params, ids).nats_per_char, rel=1e-12
    )
    evaluate_dynamic(model, params, ids, 0.01)
    np.testing.assert_array_equal(params.vector, before)  # a copy learns


@pytest.mark.parametrize("cell", sorted(LAYERS))
def test_it_learns_the_habits_of_the_text(cell: str) -> None:
    model, params = network(cell)
    ids = np.tile(np.arange(9), 200)
    assert evaluate_dynamic(model, params, ids, 0.01).nats_per_char < 0.9 * evaluate(model, params, ids).nats_per_char


def test_nothing_is_predicted_by_what_has_seen_it(rng: np.random.Generator) -> None:
    """The first window is scored by the untouched network, and what comes later changes nothing that came before."""
    model, params = network("rnn")
    ids = rng.integers(0, 9, 3 * WINDOW + 1)
    first = evaluate_dynamic(model, params, ids[: WINDOW + 1], 0.5).nats_per_char
    assert first == pytest.approx(evaluate(model, params, ids[: WINDOW + 1]).nats_per_char, rel=1e-12)
    noise = rng.integers(0, 9, 40 * WINDOW)  # there is nothing to learn from it: who learns all the same, loses
    assert evaluate_dynamic(model, params, noise, 0.003).nats_per_char > np.log(9) - 0.02


def test_a_learning_rate_that_diverges_is_named() -> None:
    model, params = network("rnn")
    params = params.astype(np.float32)
    with pytest.raises(DivergenceError, match="a learning rate below 1e"):
        evaluate_dynamic(model, params, np.tile(np.arange(9), 60), 1e300)
