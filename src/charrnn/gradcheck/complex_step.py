"""Complex-step differentiation (Squire & Trapp 1998): exact to rounding, and in need of no other framework.

    f(θ + i h u) = f(θ) + i h ∇f·u − h²/2 … , so that ∇f·u = Im f(θ + i h u) / h + O(h²)

There is no subtraction, hence no cancellation: h can be so small that the error vanishes. It is the training code that
runs, on complex numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from charrnn.arrays import Array
from charrnn.gradcheck.case import Case
from charrnn.gradcheck.directions import compare_along_directions

STEP = 1e-100


def compare_with_complex_step(case: Case) -> Iterator[tuple[str, float]]:
    """The relative error of each array's gradient along random directions."""
    ws = case.workspace(np.complex128)

    def derivative(along: Array, along_state: Array) -> float:
        shifted = case.loss_at(case.params.vector + 1j * STEP * along, case.state + 1j * STEP * along_state, ws)
        return shifted.imag / STEP

    return compare_along_directions(case, derivative)
