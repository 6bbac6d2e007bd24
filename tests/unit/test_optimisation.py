"""Adam and the other rules, clipping, schedules and the budget."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from charrnn.config import DEFAULT_STEPS, make_config
from charrnn.training.budget import Budget
from charrnn.training.gradients import clip_by_global_norm_
from charrnn.training.optimizers import OPTIMIZERS, SLICE, SWEEP, Adam
from charrnn.training.schedules import FLOOR, SCHEDULES, learning_rate_at
from tests.reference.adam import adam


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_adam_equals_the_paper_number_by_number(weight_decay: float, rng: np.random.Generator) -> None:
    params, gradients = rng.normal(size=4), rng.normal(size=(20, 4))
    expected = [adam(theta, gradients[:, k], weight_decay=weight_decay) for k, theta in enumerate(params)]
    optimizer = Adam(4, params.dtype, weight_decay=weight_decay)
    for t, g in enumerate(gradients):
        optimizer.step(params, g, 0.001)
        np.testing.assert_allclose(params, [path[t] for path in expected], rtol=1e-14)


def test_adam_follows_pytorch(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here: pip install torch==2.13.0")
    params, gradients = rng.normal(size=SLICE + 10), rng.normal(size=(30, SLICE + 10))
    theirs = torch.nn.Parameter(torch.tensor(params.copy()))
    oracle, optimizer = (
        torch.optim.AdamW([theirs], lr=0.002, weight_decay=0.05),
        Adam(len(params), params.dtype, weight_decay=0.05),
    )
    for g in gradients:
        optimizer.step(params, g, 0.002)
        theirs.grad = torch.tensor(g)
        oracle.step()
    np.testing.assert_allclose(params, theirs.detach().numpy(), rtol=1e-12, atol=1e-15)


PEERS = {"adagrad": ("Adagrad", {}), "rmsprop": ("RMSprop", {}), "sgd": ("SGD", {"momentum": 0.9})}


@pytest.mark.parametrize("name", PEERS)
def test_the_other_rules_follow_pytorch(name: str, rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here: pip install torch==2.13.0")
    params, gradients = rng.normal(size=SLICE + 10), rng.normal(size=(30, SLICE + 10))
    theirs = torch.nn.Parameter(torch.tensor(params.copy()))
    peer, settings = PEERS[name]
    oracle = getattr(torch.optim, peer)([theirs], lr=0.02, **settings)
    optimizer = OPTIMIZERS[name](len(params), params.dtype)
    for g in gradients:
        optimizer.step(params, g, 0.02)
        theirs.grad = torch.tensor(g)
        oracle.step()
    np.testing.assert_allclose(params, theirs.detach().numpy(), rtol=1e-12, atol=1e-14)


def test_adam_ignores_the_scale_of_the_gradient(rng: np.random.Generator) -> None:
    small, large = np.zeros(5), np.zeros(5)
    one, two = Adam(5, small.dtype), Adam(5, large.dtype)
    for g in rng.normal(size=(10, 5)) + 3:
        one.step(small, g, 0.01)
        two.step(large, 1000 * g, 0.01)
    np.testing.assert_allclose(small, large, rtol=1e-6)


def test_the_moments_of_characters_no_longer_seen_do_not_become_denormal() -> None:
    optimizer, params = Adam(2, np.dtype(np.float32)), np.ones(2, np.float32)
    optimizer.step(params, np.ones(2, np.float32), 0.001)
    for _ in range(4 * SWEEP):
        optimizer.step(params, np.array([0, 1], np.float32), 0.001)
    assert optimizer.memory["m"][0] == 0.0
    assert optimizer.memory["m"][1] == pytest.approx(10.0, rel=1e-5)  # of a gradient of 1, divided by 1 − β₁
    assert optimizer.memory["v"][0] > 0


def test_clipping_keeps_the_direction_and_returns_the_norm_before(rng: np.random.Generator) -> None:
    grads = rng.normal(size=50)
    before, norm = grads.copy(), float(np.linalg.norm(grads))
    assert clip_by_global_norm_(grads, norm / 4) == pytest.approx(norm, rel=1e-14)
    np.testing.assert_allclose(grads, before / 4, rtol=1e-14)


@pytest.mark.parametrize("max_norm", [0.0, 1e9])
def test_short_gradients_are_not_touched(max_norm: float, rng: np.random.Generator) -> None:
    grads = rng.normal(size=50)
    before = grads.copy()
    clip_by_global_norm_(grads, max_norm)
    np.testing.assert_array_equal(grads, before)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_start_at_one_and_never_rise(name: str) -> None:
    factors = [SCHEDULES[name](k / 100) for k in range(101)]
    assert factors[0] == 1.0
    assert all(a >= b > 0 for a, b in itertools.pairwise(factors))
    assert factors[-1] == pytest.approx(1.0 if name == "constant" else FLOOR)


def test_warm_up_rises_in_a_straight_line() -> None:
    rates = [learning_rate_at(2.0, "constant", 4, step, 0.0) for step in range(6)]
    assert rates == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]
    assert learning_rate_at(2.0, "constant", 100, 4, 0.05) == 1.0  # half of the longest warm-up
    assert learning_rate_at(2.0, "constant", 100, 9, 0.1) == 2.0
    assert learning_rate_at(2.0, "cosine", 0, 0, 0.5) == pytest.approx(2.0 * (1 + FLOOR) / 2)
    assert learning_rate_at(2.0, "linear", 0, 99, 1.7) == pytest.approx(2.0 * FLOOR)


def test_the_first_limit_of_the_budget_counts() -> None:
    assert Budget.of(make_config({}), 100) == Budget(DEFAULT_STEPS, None)
    assert Budget.of(make_config({"epochs": 2.5, "steps": 900}), 100) == Budget(250, None)
    assert Budget.of(make_config({"minutes": 2}), 100) == Budget(None, 120.0)
    both = Budget.of(make_config({"minutes": 1, "steps": 100}), 100)
    assert both.progress(50, 10) == 0.5
    assert both.progress(50, 45) == 0.75
    assert both.seconds_left(50, 10) == pytest.approx(10)
    assert both.seconds_left(0, 0) is None
    assert not math.isnan(both.progress(0, 0))
