"""Directional derivatives, the common ground of the two methods that need no other framework.

A gradient g is compared with derivatives along random directions u: g·u against the derivative of the loss along u,
in each array on its own, in the initial state, and in all of them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from charrnn.arrays import Array
from charrnn.gradcheck.case import INITIAL_STATE, Case, relative_error
from charrnn.nn.parameters import Parameters

DIRECTIONS = 3  # for each array: it is unlikely that the derivative nearly vanishes along all of them
ALL = "all together"

Derivative = Callable[[Array, Array], float]  # along a direction in the parameters (P,) and one in the state


def compare_along_directions(case: Case, derivative: Derivative) -> Iterator[tuple[str, float]]:
    """The relative error of each array's gradient."""
    rng = np.random.default_rng(1)
    result = case.gradients()
    for name in [*case.params, INITIAL_STATE, ALL]:
        ours, expected = np.empty(DIRECTIONS), np.empty(DIRECTIONS)
        for k in range(DIRECTIONS):
            along = Parameters(case.model.layout, np.zeros_like(case.params.vector))
            along_state = np.zeros_like(case.state)
            for part in along if name == ALL else [name] if name in along else []:
                along[part][...] = rng.normal(size=along[part].shape)
            if name in (INITIAL_STATE, ALL):
                along_state[...] = rng.normal(size=along_state.shape)
            length = np.sqrt(np.vdot(along.vector, along.vector) + np.vdot(along_state, along_state))
            along.vector /= length
            along_state /= length
            ours[k] = np.dot(result.grads.vector, along.vector) + np.vdot(result.initial_state_grad, along_state)
            expected[k] = derivative(along.vector, along_state)
        yield name, relative_error(ours, expected)
