"""What every registered layer must do on its own: it equals its specification, and keeps to the protocol."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from charrnn.gradcheck.case import Case, relative_error
from charrnn.nn.parameters import Parameters
from tests.networks import EVERY_CELL, B, H, T, V, small_case
from tests.reference import specification

STEP = 1e-100  # of complex-step derivatives
pytestmark = [pytest.mark.parametrize("cell", EVERY_CELL), pytest.mark.parametrize("index", [0, 1])]


class Alone:
    """Layer number `index` of a small network, with inputs, a state and a gradient of its outputs."""

    def __init__(self, cell: str, index: int, dropout: float = 0.0) -> None:
        self.case: Case = small_case(cell, 2, dropout)
        self.layer, self.params, self.state = self.case.model.layers[index], self.case.params, self.case.state[index]
        rng = np.random.default_rng(3)
        self.inputs = rng.normal(size=(T, B, H)) if index else self.case.inputs
        self.x = self.inputs if index else np.eye(V)[self.inputs]  # as numbers
        self.d_outputs = rng.normal(size=(T, B, H))
        self.ws = self.layer.workspace(T, B, np.float64)
        self.grads = self.params.zeros_like()
        self.suffix = f"_l{index}"

    def local(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """This layer's arrays by the names they have in its specification."""
        return {n.removeprefix("recurrent.").removesuffix(self.suffix): arrays[n] for n in self.layer.layout}

    def forward(self, rng: np.random.Generator | None = None) -> np.ndarray:
        return self.layer.forward(self.params, self.inputs, self.state, self.ws, rng)

    def backward(self) -> np.ndarray | None:
        return self.layer.backward(self.params, self.d_outputs, self.ws, self.grads)


def test_outputs_and_final_state_equal_the_specification(cell: str, index: int) -> None:
    one = Alone(cell, index)
    outputs, final_state = specification(cell)(one.local(one.params), one.x, one.state)
    np.testing.assert_allclose(one.forward(), outputs, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(one.ws.final_state, final_state, rtol=1e-12, atol=1e-14)


def test_gradients_equal_the_complex_step_derivatives_of_the_specification(cell: str, index: int) -> None:
    one, rng = Alone(cell, index), np.random.default_rng(4)
    one.forward()
    d_inputs = one.backward()
    places = {**one.local(one.grads), "state": one.ws.d_initial_state, "x": d_inputs}
    values = {**one.local(one.params), "state": one.state, "x": one.x}
    for name, gradient in places.items():
        if gradient is None:  # of characters
            continue
        along = rng.normal(size=gradient.shape)
        shifted = {**values, name: values[name] + 1j * STEP * along}
        outputs, _ = specification(cell)(shifted, shifted.pop("x"), shifted.pop("state"))
        expected = (outputs.imag * one.d_outputs).sum() / STEP
        assert relative_error(np.vdot(gradient, along), expected) < 1e-12, name


def test_only_its_own_gradients_are_written_and_nothing_that_it_reads(cell: str, index: int) -> None:
    one = Alone(cell, index)
    read = (one.params.vector, one.inputs, one.state, one.d_outputs)
    before = [array.copy() for array in read]
    one.grads.vector[...] = np.nan
    one.forward()
    one.backward()
    for array, copy in zip(read, before, strict=True):
        np.testing.assert_array_equal(array, copy)
    for name, array in one.grads.items():
        assert np.isnan(array).all() if name not in one.layer.layout else np.isfinite(array).all(), name


def test_shapes_are_those_of_the_protocol(cell: str, index: int) -> None:
    one = Alone(cell, index)
    S = len(one.layer.states)
    assert one.forward().shape == one.ws.outputs.shape == one.ws.shown.shape == (T, B, H)
    d_inputs = one.backward()
    assert d_inputs.shape == (T, B, H) if index else d_inputs is None
    assert one.ws.final_state.shape == one.ws.d_initial_state.shape == (S, B, H)


def test_what_is_shown_of_a_unit_lies_between_minus_one_and_one_and_changes(cell: str, index: int) -> None:
    one = Alone(cell, index)
    one.params.vector *= 3.0
    one.state = one.state.clip(-1, 1)
    one.forward()
    shown = np.array(one.ws.shown)
    assert np.abs(shown).max() <= 1
    assert (shown.std(axis=(0, 1)) > 0).all()


def test_it_drops_something_exactly_if_it_says_so(cell: str, index: int) -> None:
    one = Alone(cell, index, dropout=0.4)
    assert one.layer.dropout in (0.0, 0.4)
    kept = one.forward().copy()
    dropped = one.forward(np.random.default_rng(0))
    assert np.array_equal(kept, dropped) == (one.layer.dropout == 0.0)


def test_arrays_start_from_the_generator_alone(cell: str, index: int) -> None:
    layer = Alone(cell, index).layer
    one, two, other = (Parameters.zeros(layer.layout, np.float64) for _ in range(3))
    for params, seed in ((one, 0), (two, 0), (other, 1)):
        layer.initialize(params, np.random.default_rng(seed))
    np.testing.assert_array_equal(one.vector, two.vector)
    assert not np.array_equal(one.vector, other.vector)
