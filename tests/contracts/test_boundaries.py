"""Boundaries inside a window: where `fresh` says so, every registered layer forgets, forward and backward.

A window with boundaries is the same computation as its stretches one by one, each in a window and a lane of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from charrnn.gradcheck import METHODS, available
from charrnn.gradcheck.autograd import compare_with_torch
from charrnn.gradcheck.complex_step import compare_with_complex_step
from charrnn.gradcheck.finite_difference import compare_with_finite_differences
from charrnn.gradcheck.twins import TWINS
from tests.networks import EVERY_CELL, EVERY_STACK, B, H, float_arrays, small_case

LENGTH = 9
CLOSE = {"rtol": 1e-11, "atol": 1e-13}
needs_torch = pytest.mark.skipif("torch" not in available(), reason="PyTorch is the oracle: pip install torch==2.13.0")
every_cell = pytest.mark.parametrize("cell", EVERY_CELL)
every_stack = pytest.mark.parametrize(("num_layers", "dropout", "num_experts"), EVERY_STACK)


class Stretch(NamedTuple):
    lane: int
    start: int
    stop: int
    carries: bool  # it begins with the state before the window

    @property
    def place(self) -> tuple[slice, slice]:
        return slice(self.start, self.stop), slice(self.lane, self.lane + 1)


def stretches(fresh: np.ndarray) -> Iterator[Stretch]:
    for lane, column in enumerate(fresh.T):
        cuts = [0, *(t for t in np.flatnonzero(column).tolist() if t), len(column)]
        for start, stop in itertools.pairwise(cuts):
            yield Stretch(lane, start, stop, carries=not column[start])


class Numbers:
    """A source of dropout masks that gives each layer's stretch the numbers that it has in the whole window."""

    def __init__(self, layers: int, stretch: Stretch | None = None) -> None:
        whole = np.random.default_rng(5).random((layers, B, LENGTH * H), np.float32)
        if stretch:
            whole = whole[:, stretch.lane : stretch.lane + 1, stretch.start * H : stretch.stop * H]
        self.rows = iter(whole)

    def random(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
        row = next(self.rows)
        out = np.zeros(shape, dtype)
        out[:, : row.shape[1]] = row
        return out


@every_cell
@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_a_layer_reads_a_window_as_it_reads_its_stretches(cell: str, index: int, dropout: float) -> None:
    case = small_case(cell, 2, dropout, boundaries=True, seq_len=LENGTH)
    layer, state, fresh, rng = case.model.layers[index], case.state[index], case.fresh, np.random.default_rng(3)
    inputs = rng.normal(size=(LENGTH, B, H)) if index else case.inputs
    d_outputs = rng.normal(size=(LENGTH, B, H))
    ws, grads = layer.workspace(LENGTH, B, np.float64), case.params.zeros_like()
    outputs = layer.forward(case.params, inputs, state, ws, Numbers(1), fresh).copy()
    d_inputs = layer.backward(case.params, d_outputs, ws, grads)
    d_state, summed = np.zeros_like(state), case.params.zeros_like()
    for stretch in stretches(fresh):
        place, lane = stretch.place, stretch.place[1]
        part, part_grads = layer.workspace(stretch.stop - stretch.start, 1, np.float64), case.params.zeros_like()
        before = state[:, lane] if stretch.carries else np.zeros_like(state[:, lane])
        alone = layer.forward(case.params, inputs[place], before, part, Numbers(1, stretch))
        np.testing.assert_allclose(outputs[place], alone, **CLOSE)
        d_alone = layer.backward(case.params, d_outputs[place], part, part_grads)
        if d_inputs is not None:
            np.testing.assert_allclose(d_inputs[place], d_alone, **CLOSE)
        if stretch.carries:
            d_state[:, lane] = part.d_initial_state
        if stretch.stop == LENGTH:
            np.testing.assert_allclose(ws.final_state[:, lane], part.final_state, **CLOSE)
        summed.vector += part_grads.vector
    np.testing.assert_allclose(grads.vector, summed.vector, **CLOSE)
    np.testing.assert_allclose(ws.d_initial_state, d_state, **CLOSE)
    assert not d_state[:, fresh[0]].any()
    assert d_state[:, ~fresh[0]].any()


@every_cell
@every_stack
def test_loss_and_gradients_are_those_of_the_stretches(
    cell: str, num_layers: int, dropout: float, num_experts: int
) -> None:
    case = small_case(cell, num_layers, dropout, num_experts, boundaries=True, seq_len=LENGTH)
    model, ws, grads = case.model, case.workspace(), case.params.zeros_like()
    loss, final = model.loss_and_grads(
        case.params, case.inputs, case.targets, case.state, ws, grads, Numbers(num_layers), case.log_q, case.fresh
    )
    total, summed = 0.0, case.params.zeros_like()
    for stretch in stretches(case.fresh):
        place, lane = stretch.place, stretch.place[1]
        length, part_grads = stretch.stop - stretch.start, case.params.zeros_like()
        state = case.state[:, :, lane] * stretch.carries
        part_loss, part_final = model.loss_and_grads(
            case.params, case.inputs[place], case.targets[place], state, model.workspace(length, 1, np.float64),
            part_grads, Numbers(num_layers, stretch), case.log_q[:, place[0], lane] if num_experts else None,
        )  # fmt: skip
        share = length / (LENGTH * B)
        total += part_loss * share
        summed.vector += part_grads.vector * share
        if stretch.stop == LENGTH:
            np.testing.assert_allclose(final[:, :, lane], part_final, **CLOSE)
    assert loss == pytest.approx(total, rel=1e-13)
    np.testing.assert_allclose(grads.vector, summed.vector, **CLOSE)


@every_cell
@every_stack
def test_gradients_across_boundaries_equal_derivatives(
    cell: str, num_layers: int, dropout: float, num_experts: int
) -> None:
    case = small_case(cell, num_layers, dropout, num_experts, boundaries=True, seq_len=LENGTH)
    assert max(error for _, error in compare_with_complex_step(case)) < METHODS["complex-step"].tolerance
    assert max(error for _, error in compare_with_finite_differences(case)) < METHODS["finite-difference"].tolerance


@needs_torch
@pytest.mark.parametrize("cell", sorted(TWINS))
@pytest.mark.parametrize(("num_layers", "num_experts"), [(1, 0), (3, 0), (2, 2)])
def test_gradients_across_boundaries_equal_pytorchs(cell: str, num_layers: int, num_experts: int) -> None:
    case = small_case(cell, num_layers, 0.0, num_experts, boundaries=True, seq_len=LENGTH)
    assert max(error for _, error in compare_with_torch(case)) <= 1e-14


@every_cell
@every_stack
def test_what_came_before_a_boundary_cannot_be_seen(
    cell: str, num_layers: int, dropout: float, num_experts: int
) -> None:
    case = small_case(cell, num_layers, dropout, num_experts, boundaries=True, seq_len=LENGTH)
    before = case.gradients()
    case.state[:, :, case.fresh[0]] = np.nan
    after = case.gradients()
    np.testing.assert_array_equal(after.grads.vector, before.grads.vector)
    np.testing.assert_array_equal(after.final_state, before.final_state)


@every_cell
@every_stack
def test_without_a_boundary_inside_nothing_changes(
    cell: str, num_layers: int, dropout: float, num_experts: int
) -> None:
    case = small_case(cell, num_layers, dropout, num_experts)
    plain = case.gradients()
    nowhere = case._replace(fresh=np.zeros(case.inputs.shape, bool)).gradients()
    np.testing.assert_array_equal(nowhere.grads.vector, plain.grads.vector)
    np.testing.assert_array_equal(nowhere.initial_state_grad, plain.initial_state_grad)
    first = np.zeros(case.inputs.shape, bool)
    first[0, 1] = True
    found = case._replace(fresh=first).gradients()
    case.state[:, :, 1] = 0.0
    expected = case.gradients()
    np.testing.assert_array_equal(found.grads.vector, expected.grads.vector)
    np.testing.assert_array_equal(found.final_state, expected.final_state)


@every_cell
@every_stack
def test_a_workspace_serves_windows_with_and_without_boundaries(
    cell: str, num_layers: int, dropout: float, num_experts: int
) -> None:
    case = small_case(cell, num_layers, dropout, num_experts, boundaries=True, seq_len=LENGTH)
    ws = case.workspace()
    case.gradients(ws)  # allocates what boundaries need
    results = []
    for fill in (0.0, np.nan):
        for each in (case, case._replace(fresh=None)):
            for array in float_arrays(ws):
                if case.log_q is None or not np.shares_memory(array, case.log_q):
                    array[...] = fill
            results.append(each.gradients(ws))
    for found, expected in zip(results, [case.gradients(), case._replace(fresh=None).gradients()] * 2, strict=True):
        np.testing.assert_array_equal(found.grads.vector, expected.grads.vector)
        np.testing.assert_array_equal(found.initial_state_grad, expected.initial_state_grad)
        np.testing.assert_array_equal(found.final_state, expected.final_state)


@every_cell
def test_one_lane_forgets_too(cell: str) -> None:
    case = small_case(cell, 2, boundaries=True, seq_len=LENGTH)
    whole, _ = case.model.forward(case.params, case.inputs, case.state, case.workspace(), fresh=case.fresh)
    for lane in range(B):
        one = slice(lane, lane + 1)
        ws = case.model.workspace(LENGTH, 1, np.float64)
        alone, _ = case.model.forward(
            case.params, case.inputs[:, one], case.state[:, :, one], ws, fresh=case.fresh[:, one]
        )
        np.testing.assert_allclose(alone, whole[:, one], **CLOSE)


def test_a_window_that_does_not_say_it_for_every_step_is_refused() -> None:
    case = small_case("rnn")
    for fresh in (np.zeros(B, bool), np.zeros(case.inputs.shape, int)):
        with pytest.raises(ValueError, match=r"fresh must be an array \(5, 3\) of bool"):
            case.model.forward(case.params, case.inputs, case.state, case.workspace(), fresh=fresh)
