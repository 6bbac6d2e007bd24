"""Predictors mixed after training: the weights are the best ones, and are measured where they were not fitted."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.studies import mixing
from charrnn.studies.mixing import fitted_weights, mixed_nats, two_fold
from charrnn.training.online_mixture import log_softmax

TRUE = np.array([0.9, 0.2, 0.5])


def predictors(count: int, characters: int) -> np.ndarray:
    """Log-probabilities (K, N, V) of predictors that differ."""
    rng = np.random.default_rng(5)
    return np.array([log_softmax(2 * rng.normal(size=(characters, 5))) for _ in range(count)])


def drawn(log_probs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Characters (N,) drawn from a mixture."""
    probs = np.exp(log_softmax(np.tensordot(weights, log_probs, 1)))
    uniform = np.random.default_rng(6).random((len(probs), 1))
    return np.minimum((probs.cumsum(axis=1) < uniform).sum(axis=1), 4)


def test_fitted_weights_are_those_that_the_text_was_drawn_with() -> None:
    log_probs = predictors(3, 40_000)
    np.testing.assert_allclose(fitted_weights(log_probs, drawn(log_probs, TRUE)), TRUE, atol=0.02)


def test_no_other_weights_are_less_surprised() -> None:
    log_probs = predictors(2, 300)
    targets = drawn(log_probs, TRUE[:2])
    weights = fitted_weights(log_probs, targets)
    best = mixed_nats(weights, log_probs, targets).mean()
    for k in range(2):
        for change in (-0.01, 0.01):
            assert mixed_nats(weights + change * np.eye(2)[k], log_probs, targets).mean() > best


def test_equal_predictors_share_the_weight_of_one() -> None:
    log_probs = predictors(1, 2000)
    targets = drawn(log_probs, np.array([0.6]))
    alone = fitted_weights(log_probs, targets)
    np.testing.assert_allclose(fitted_weights(np.repeat(log_probs, 2, axis=0), targets), [alone[0] / 2] * 2, rtol=1e-4)


def test_a_predictor_that_is_always_right_ends_the_search() -> None:
    sure = log_softmax(9.0 * np.eye(5)[np.arange(50) % 5])[None]
    weights = fitted_weights(sure, np.arange(50) % 5)
    assert weights[0] > 1
    assert mixed_nats(weights, sure, np.arange(50) % 5).max() < 1e-3


def test_the_probabilities_of_a_mixture_sum_to_one() -> None:
    log_probs = predictors(3, 30)
    total = sum(np.exp(-mixed_nats(TRUE, log_probs, np.full(30, v))) for v in range(5))
    np.testing.assert_allclose(total, 1, rtol=1e-12)


def test_the_size_of_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    log_probs = predictors(2, 100)
    targets = drawn(log_probs, TRUE[:2])
    whole = two_fold(log_probs, targets)
    monkeypatch.setattr(mixing, "BLOCK", 7)
    np.testing.assert_allclose(two_fold(log_probs, targets).nats, whole.nats, rtol=1e-9)


def test_no_character_is_measured_with_weights_that_saw_it() -> None:
    log_probs = predictors(2, 101)
    targets = drawn(log_probs, TRUE[:2])
    before, changed = two_fold(log_probs, targets).nats, targets.copy()
    changed[60] = (changed[60] + 1) % 5  # in the second half, by which the first is measured
    after = two_fold(log_probs, changed).nats
    same = np.arange(101) >= 50
    same[60] = False
    np.testing.assert_array_equal(after[same], before[same])
    assert (after[:50] != before[:50]).all()
