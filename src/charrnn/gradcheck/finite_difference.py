"""Central differences, for the reader who trusts nothing else: the loss is evaluated beside the point, and no more.

    ∇f·u = (8 (f(θ + hu) − f(θ − hu)) − (f(θ + 2hu) − f(θ − 2hu))) / 12h + O(h⁴)

the five-point formula. Subtracting nearly equal numbers costs about half of the digits.
"""

from __future__ import annotations

from collections.abc import Iterator

from charrnn.arrays import Array
from charrnn.gradcheck.case import Case
from charrnn.gradcheck.directions import compare_along_directions

STEP = 3e-3  # along directions of length 1: here rounding and the formula's own error are about equal


def compare_with_finite_differences(case: Case) -> Iterator[tuple[str, float]]:
    """The relative error of each array's gradient along random directions."""
    ws = case.workspace()

    def derivative(along: Array, along_state: Array) -> float:
        def difference(h: float) -> float:
            ahead = case.loss_at(case.params.vector + h * along, case.state + h * along_state, ws)
            behind = case.loss_at(case.params.vector - h * along, case.state - h * along_state, ws)
            return ahead.real - behind.real

        return (8.0 * difference(STEP) - difference(2.0 * STEP)) / (12.0 * STEP)

    return compare_along_directions(case, derivative)
