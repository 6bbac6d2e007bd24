"""What every registered cell must do, whatever its equations. New cells are tested by being registered."""

from __future__ import annotations

import numpy as np
import pytest

from tests.networks import EVERY_CELL, EVERY_STACK, B, T, V, float_arrays, small_case

pytestmark = [
    pytest.mark.parametrize("cell", EVERY_CELL),
    pytest.mark.parametrize(("num_layers", "dropout", "num_experts"), EVERY_STACK),
]


def test_every_number_in_the_buffers_is_written_before_it_is_read(
    cell: str, num_layers: int, dropout: float, num_experts: int
) -> None:
    results = []
    for fill in (0.0, np.nan):
        case = small_case(cell, num_layers, dropout, num_experts)
        ws, grads = case.workspace(), case.params.zeros_like()
        for array in (*float_arrays(ws), grads.vector):
            array[...] = fill
        loss, grads, state, d_state = case.gradients(ws, grads)
        results.append((loss, grads.vector, state, d_state))
    for zero_filled, nan_filled in zip(*results, strict=True):
        np.testing.assert_array_equal(zero_filled, nan_filled)


def test_a_second_step_in_the_same_workspace_gives_the_same_result(
    cell: str, num_layers: int, dropout: float, num_experts: int
) -> None:
    case = small_case(cell, num_layers, dropout, num_experts)
    ws, grads = case.workspace(), case.params.zeros_like()
    one, two = case.gradients(ws, grads), case.gradients(ws, grads)
    np.testing.assert_array_equal(one.grads.vector, two.grads.vector)
    np.testing.assert_array_equal(one.final_state, two.final_state)
    np.testing.assert_array_equal(one.initial_state_grad, two.initial_state_grad)
    assert one.loss == two.loss


def test_one_long_window_equals_its_pieces_with_the_state_carried(
    cell: str, num_layers: int, dropout: float, num_experts: int
) -> None:
    case = small_case(cell, num_layers, dropout, num_experts, seq_len=6)
    whole, _ = case.model.forward(case.params, case.inputs, case.state, case.workspace(), log_q=case.log_q)
    whole = whole.copy()
    ws = case.model.workspace(2, B, np.float64)
    state, held, pieces = case.state, [], []
    for start in (0, 2, 4):
        log_q = case.log_q[:, start : start + 2] if num_experts else None
        logits, state = case.model.forward(case.params, case.inputs[start : start + 2], state, ws, log_q=log_q)
        pieces.append(logits.copy())
        held.append((state, state.copy()))
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=1e-13, atol=1e-13)
    for kept, as_it_was in held:  # a state that was handed out does not change when the workspace is used again
        np.testing.assert_array_equal(kept, as_it_was)


def test_the_given_state_is_not_changed(cell: str, num_layers: int, dropout: float, num_experts: int) -> None:
    case = small_case(cell, num_layers, dropout, num_experts)
    before = case.state.copy()
    case.gradients()
    np.testing.assert_array_equal(case.state, before)


def test_a_character_changes_only_its_own_lane_from_its_own_step_on(
    cell: str, num_layers: int, dropout: float, num_experts: int
) -> None:
    case = small_case(cell, num_layers, dropout, num_experts)
    before = case.model.forward(case.params, case.inputs, case.state, case.workspace(), log_q=case.log_q)[0].copy()
    t, lane = 2, 1
    inputs = case.inputs.copy()
    inputs[t, lane] = (inputs[t, lane] + 1) % V
    after, _ = case.model.forward(case.params, inputs, case.state, case.workspace(), log_q=case.log_q)
    changed = (after != before).any(axis=2)
    expected = np.zeros((T, B), bool)
    expected[t:, lane] = True
    np.testing.assert_array_equal(changed, expected)


def test_the_state_of_a_lane_changes_only_that_lane(
    cell: str, num_layers: int, dropout: float, num_experts: int
) -> None:
    case = small_case(cell, num_layers, dropout, num_experts)
    before = case.model.forward(case.params, case.inputs, case.state, case.workspace(), log_q=case.log_q)[0].copy()
    state = case.state.copy()
    state[:, :, 2] += 0.5
    after, _ = case.model.forward(case.params, case.inputs, state, case.workspace(), log_q=case.log_q)
    np.testing.assert_array_equal((after != before).any(axis=(0, 2)), [False, False, True])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_arithmetic_stays_in_the_precision_of_the_parameters(
    cell: str, num_layers: int, dropout: float, num_experts: int, dtype: type
) -> None:
    case = small_case(cell, num_layers, dropout, num_experts, dtype=dtype)
    ws = case.workspace()
    _, grads, state, d_state = case.gradients(ws)
    assert {a.dtype for a in (*float_arrays(ws), grads.vector, state, d_state)} == {np.dtype(dtype)}


def test_float32_agrees_with_float64(cell: str, num_layers: int, dropout: float, num_experts: int) -> None:
    exact, rough = (
        small_case(cell, num_layers, dropout, num_experts),
        small_case(cell, num_layers, dropout, num_experts, dtype=np.float32),
    )
    rough.params.vector[...] = exact.params.vector
    loss64, grads64, *_ = exact.gradients()
    rough = rough._replace(inputs=exact.inputs, targets=exact.targets)
    rough.state[...] = exact.state
    if num_experts:
        rough.log_q[...] = exact.log_q
    loss32, grads32, *_ = rough.gradients()
    assert loss32 == pytest.approx(loss64, rel=1e-6)
    np.testing.assert_allclose(grads32.vector, grads64.vector, rtol=1e-3, atol=1e-6)


def test_the_initial_loss_is_near_that_of_guessing(
    cell: str, num_layers: int, dropout: float, num_experts: int
) -> None:
    case = small_case(cell, num_layers, dropout, num_experts)
    params = case.model.init_parameters(np.random.default_rng(0), np.float64)
    case = case._replace(params=params, state=np.zeros_like(case.state))
    if num_experts:
        case.log_q[...] = -np.log(V)
    assert case.gradients()[0] == pytest.approx(np.log(V), rel=0.15)
