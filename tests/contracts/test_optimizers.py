"""What every registered optimiser must do. New ones are tested by being registered."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.training.optimizers import OPTIMIZERS, SLICE, SWEEP
from tests.reference import specification

pytestmark = pytest.mark.parametrize("name", OPTIMIZERS)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_it_equals_its_specification_number_by_number(name: str, weight_decay: float, rng: np.random.Generator) -> None:
    params, gradients = rng.normal(size=4), rng.normal(size=(20, 4))
    paths = [
        specification(name)(theta, gradients[:, k], alpha=0.01, weight_decay=weight_decay)
        for k, theta in enumerate(params)
    ]
    optimizer = OPTIMIZERS[name](4, params.dtype, weight_decay)
    for t, g in enumerate(gradients):
        optimizer.step(params, g, 0.01)
        np.testing.assert_allclose(params, [path[t] for path in paths], rtol=1e-12)


def test_each_setting_that_it_declares_reaches_it(name: str) -> None:
    kind = OPTIMIZERS[name]
    assert kind.usual_rate > 0
    for setting in kind.settings:
        value = 0.5 * getattr(kind, setting.name)
        assert getattr(kind(1, np.dtype("f4"), own={setting.name: value}), setting.name) == value


def test_it_goes_downhill_and_forgets_nothing_between_slices(name: str) -> None:
    whole, parts = np.linspace(-1, 1, 2 * SLICE), np.linspace(-1, 1, 2 * SLICE)
    one, first, second = (OPTIMIZERS[name](size, whole.dtype, 0.1) for size in (2 * SLICE, SLICE, SLICE))
    for _ in range(20):
        one.step(whole, whole.copy(), 0.01)
        first.step(parts[:SLICE], parts[:SLICE].copy(), 0.01)
        second.step(parts[SLICE:], parts[SLICE:].copy(), 0.01)
    np.testing.assert_array_equal(whole, parts)
    assert np.square(whole).mean() < 0.9 / 3


def test_it_updates_in_place_and_leaves_the_gradient_alone(name: str, rng: np.random.Generator) -> None:
    params, g = np.ones(3), rng.normal(size=3)
    view, before = params[:], g.copy()
    OPTIMIZERS[name](3, params.dtype).step(params, g, 0.1)
    assert (view != 1).all()
    np.testing.assert_array_equal(g, before)


def test_its_memory_and_step_are_all_that_it_knows(name: str, rng: np.random.Generator) -> None:
    params, gradients = rng.normal(size=5), rng.normal(size=(8, 5))
    one, two = (OPTIMIZERS[name](5, params.dtype) for _ in range(2))
    for g in gradients[:4]:
        one.step(params, g, 0.01)
    resumed = params.copy()
    two.t = one.t
    for key, array in one.memory.items():
        two.memory[key][...] = array
    for g in gradients[4:]:
        one.step(params, g, 0.01)
        two.step(resumed, g, 0.01)
    np.testing.assert_array_equal(resumed, params)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_arithmetic_stays_in_the_precision_of_the_parameters(name: str, dtype: type) -> None:
    params = np.ones(3, dtype)
    optimizer = OPTIMIZERS[name](3, params.dtype, 0.1)
    optimizer.step(params, params.copy(), 0.01)
    assert {a.dtype for a in (params, *optimizer.memory.values())} == {np.dtype(dtype)}
    assert np.isfinite(params).all()


def test_what_is_remembered_of_a_gradient_that_stays_zero_does_not_become_denormal(name: str) -> None:
    params = np.ones(2, np.float32)
    optimizer = OPTIMIZERS[name](2, params.dtype)
    optimizer.step(params, np.ones(2, np.float32), 0.001)
    for _ in range(4 * SWEEP):
        optimizer.step(params, np.array([0, 1], np.float32), 0.001)
    for memory in optimizer.memory.values():
        assert memory[0] == 0.0 or abs(memory[0]) >= np.finfo(np.float32).tiny
