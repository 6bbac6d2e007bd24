"""Dynamic evaluation: it learns from what it has scored, and only from that."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.config import ModelConfig
from charrnn.errors import DivergenceError
from charrnn.ngrams import Experts, OnText
from charrnn.nn.layers import LAYERS
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.scoring import evaluate
from charrnn.training.dynamic import ALONE, evaluate_dynamic
from charrnn.training.in_context import SHARE_OF_TEXT, evaluate_in_context
from charrnn.training.online_mixture import OnlineMixture

WINDOW = ALONE.window
CHARACTERS = " abcdefgh"


def network(cell: str, num_experts: int = 0) -> tuple[CharModel, Parameters]:
    model = CharModel(ModelConfig(9, cell, 16, num_experts=num_experts))
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


@pytest.mark.parametrize("length", [1, 31, 32, 33, 100])  # the last character begins a window, ends one, or neither
@pytest.mark.parametrize("how", ["static", "in context", "dynamic", "dynamic, without experts"])
def test_every_character_has_a_share_that_nothing_about_it_decides(
    how: str, length: int, rng: np.random.Generator
) -> None:
    """The probabilities of all characters after a text sum to 1: none is predicted by what has seen it."""
    names = [] if how.endswith("without experts") else ["characters", "words"]
    model, params = network("qrnn", len(names))
    experts = Experts.count(names, CHARACTERS, rng.integers(0, 9, 300)) if names else None
    read = rng.integers(0, 9, length)

    def total(ids: np.ndarray) -> float:
        if len(ids) < 2:
            return 0.0
        if how.startswith("dynamic"):
            found = evaluate_dynamic(model, params, ids, 0.01, experts)
        elif how == "in context":
            found = evaluate_in_context(model, params, ids, experts)
        else:
            found = evaluate(model, params, ids, OnText(experts, ids))
        return found.nats_per_char * found.characters

    before = total(read)
    shares = [np.exp(before - total(np.append(read, k))) for k in range(9)]
    assert sum(shares) == pytest.approx(1, abs=1e-6)


def test_experts_that_count_what_was_read_learn_its_words(rng: np.random.Generator) -> None:
    model, params = network("qrnn", 2)
    experts = Experts.count(["characters", "words"], CHARACTERS, rng.integers(0, 9, 2000))
    ids = np.tile(rng.integers(0, 9, 12), 30)
    static = evaluate(model, params, ids, OnText(experts, ids)).nats_per_char
    counting = evaluate_in_context(model, params, ids, experts).nats_per_char
    dynamic = evaluate_dynamic(model, params, ids, experts=experts).nats_per_char
    assert counting < 0.7 * static
    assert dynamic < 0.8 * static


def test_in_context_is_the_network_mixed_with_the_counts_of_the_text_alone(rng: np.random.Generator) -> None:
    """By definition: at each character, counts of exactly what stands before it, and [src.10] with constant weights."""
    model, params = network("qrnn", 2)
    experts = Experts.count(["characters", "words"], CHARACTERS, rng.integers(0, 9, 300))
    ids = np.tile(rng.integers(0, 9, 7), 4)

    def last(counts: Experts, end: int) -> np.ndarray:
        return OnText(counts, ids).log_q(np.array([0]), end, np.float64)[:, -1:]  # (S, 1, 1, V)

    nats, state = [], model.zero_state(1, np.float64)
    for end in range(1, len(ids)):
        log_q = last(experts.added(ids[:end]), end)
        logits, state = model.forward(
            params, ids[end - 1 : end, None], state, model.workspace(1, 1, np.float64), log_q=log_q
        )
        alone = last(experts.without_counts().added(ids[:end]), end)[:, 0, 0]
        mixed = (1 - SHARE_OF_TEXT) * logits[0, 0] + SHARE_OF_TEXT / 2 * alone.sum(axis=0)
        nats.append(np.log(np.exp(mixed).sum()) - mixed[ids[end]])
    assert evaluate_in_context(model, params, ids, experts).nats_per_char == pytest.approx(
        np.mean(nats), abs=1e-7
    )  # float32 counts


def test_the_weights_of_a_mixture_follow_its_gradient(rng: np.random.Generator) -> None:
    log_probs = np.log(rng.dirichlet(np.ones(5), (3, 40)))  # (K, T, V)
    targets = log_probs[1].argmax(axis=1)  # the second predictor is right
    mixture, probe = OnlineMixture([1 / 3] * 3, 0.002), OnlineMixture([1 / 3] * 3, 0.0)
    before = mixture.weights.copy()
    mixture.nats(log_probs, targets)
    step = (mixture.weights - before) / 0.002
    for k in range(3):
        surprise = []
        for move in (1e-5, -1e-5):
            probe.weights = before + move * (np.arange(3) == k)
            surprise.append(probe.nats(log_probs, targets).sum())
        assert step[k] == pytest.approx((surprise[1] - surprise[0]) / 2e-5, rel=1e-6)
    assert mixture.weights.argmax() == 1
