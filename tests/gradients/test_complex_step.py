"""Every gradient against complex-step derivatives (Squire & Trapp 1998), which need no other framework.

f(θ + ihu) = f(θ) + ih ∇f·u + O(h²): the imaginary part, over h, is the directional derivative, without any subtraction,
so that h can be so small that the error vanishes.
"""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.nn.parameters import Parameters
from tests.networks import EVERY_CELL, make_case

STEP = 1e-100


@pytest.mark.parametrize("cell", EVERY_CELL)
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_every_array_and_the_initial_state(cell: str, num_layers: int, rng: np.random.Generator) -> None:
    case = make_case(cell, num_layers)
    _, grads, _, d_state = case.loss_and_grads()

    def derivative(direction: np.ndarray, state_direction: np.ndarray) -> float:
        params = Parameters(case.model.layout, case.params.vector + 1j * STEP * direction)
        ws = case.model.workspace(*case.inputs.shape, np.complex128)
        nats, _ = case.model.nats(params, case.inputs, case.targets, case.state + 1j * STEP * state_direction, ws)
        return nats.mean().imag / STEP

    zero, zero_state = np.zeros_like(case.params.vector), np.zeros_like(case.state)
    for name in case.params:
        direction = Parameters(case.model.layout, zero.copy())
        direction[name][...] = rng.normal(size=direction[name].shape)
        expected = derivative(direction.vector, zero_state)
        assert np.vdot(grads.vector, direction.vector) == pytest.approx(expected, rel=1e-12, abs=1e-15), name
    direction = rng.normal(size=case.state.shape)
    assert np.vdot(d_state, direction) == pytest.approx(derivative(zero, direction), rel=1e-12, abs=1e-15)
