"""The fast vanilla RNN against the naive one, and the row gather against one-hot products."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.gradcheck import METHODS
from charrnn.gradcheck.case import make_case
from charrnn.gradcheck.complex_step import compare_with_complex_step
from charrnn.nn.one_hot import SMALL, gather_rows, sum_rows_by_id
from tests.networks import EVERY_CELL, small_case
from tests.reference import rnn


def test_loss_gradients_and_states_equal_the_naive_loops() -> None:
    case = small_case("rnn")
    loss, grads, state, d_state = case.gradients()
    p = case.params
    U, W, b = p["recurrent.weight_ih_l0"], p["recurrent.weight_hh_l0"], p["recurrent.bias_ih_l0"]
    expected_loss, expected, final, d_h0 = rnn.loss_and_grads(
        U, W, b, p["readout.weight"], p["readout.bias"], case.inputs, case.targets, case.state[0, 0]
    )
    assert loss == pytest.approx(expected_loss, rel=1e-14)
    names = {"weight_ih": "U", "weight_hh": "W", "bias_ih": "b"}
    for name, symbol in names.items():
        np.testing.assert_allclose(grads[f"recurrent.{name}_l0"], expected[symbol], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(grads["readout.weight"], expected["V"], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(grads["readout.bias"], expected["c"], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(state[0, 0], final, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(d_state[0, 0], d_h0, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("count", [1, 40, SMALL // 30, SMALL // 30 + 1])
def test_rows_gathered_and_summed_by_id_equal_one_hot_products(count: int, rng: np.random.Generator) -> None:
    vocab_size, width = 30, 4
    ids = rng.integers(0, 25, count).astype(np.uint8)  # five characters never occur
    one_hot = np.eye(vocab_size)[ids]
    table, rows = rng.normal(size=(vocab_size, width)), rng.normal(size=(count, width))
    out = np.full((count, width), np.nan)
    gather_rows(table, ids, out)
    np.testing.assert_array_equal(out, one_hot @ table)
    summed = np.full((vocab_size, width), np.nan)
    sum_rows_by_id(rows, ids, summed)
    np.testing.assert_allclose(summed, one_hot.T @ rows, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", EVERY_CELL)
def test_a_window_shorter_than_the_vocabulary(cell: str) -> None:
    case = make_case(cell, 2, hidden_size=6, seq_len=5, batch_size=3, vocab_size=40)
    assert max(error for _, error in compare_with_complex_step(case)) <= METHODS["complex-step"].tolerance
