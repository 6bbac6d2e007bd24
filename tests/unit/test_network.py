"""Parameters, initialisation, the readout and its numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import ModelConfig
from charrnn.nn.initializers import orthogonal_
from charrnn.nn.layers import LAYERS
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters
from charrnn.nn.readout import Readout
from charrnn.randomness import stream


@given(st.lists(st.one_of(st.tuples(st.integers(1, 5)), st.tuples(st.integers(1, 5), st.integers(1, 5))), max_size=6))
def test_views_tile_the_vector_exactly(shapes: list[tuple[int, ...]]) -> None:
    layout = {f"array{k}": shape for k, shape in enumerate(shapes)}
    params = Parameters.zeros(layout)
    for name, shape in layout.items():
        assert params[name].shape == shape
        params[name][...] += 1.0
    np.testing.assert_array_equal(params.vector, np.ones_like(params.vector))


def test_transposed_matrices_are_contiguous_and_a_wrong_length_is_refused() -> None:
    params = Parameters.zeros({"w": (2, 3), "b": (2,)})
    assert params["w"].T.flags.c_contiguous
    assert params.zeros_like().layout == params.layout
    with pytest.raises(ValueError, match="the layout holds 8 numbers"):
        Parameters(params.layout, np.zeros(7))


def test_orthogonal_blocks_keep_lengths(rng: np.random.Generator) -> None:
    array = Parameters.zeros({"w": (12, 4)}, np.float64)["w"]
    orthogonal_(array, rng)
    for block in array.reshape(3, 4, 4):
        np.testing.assert_allclose(block @ block.T, np.eye(4), atol=1e-12)


@pytest.mark.parametrize("cell", sorted(LAYERS))
def test_initial_parameters_depend_on_the_seed_alone(cell: str) -> None:
    model = CharModel(ModelConfig(9, cell, 8, 2))
    one, two, other = (model.init_parameters(stream(s, "initialisation")).vector for s in (0, 0, 1))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)
    assert one.dtype == np.float32
    np.testing.assert_array_equal(
        one, model.init_parameters(stream(0, "initialisation"), np.float64).vector.astype("f4")
    )


def readout_nats(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    readout = Readout(2, logits.shape[1])
    ws = readout.workspace(len(logits), 1, logits.dtype)
    ws.logits[:, 0] = logits
    return readout.nats(targets[:, None], ws)


def test_uniform_logits_cost_the_logarithm_of_the_vocabulary() -> None:
    np.testing.assert_allclose(readout_nats(np.full((3, 8), 2.5), np.array([0, 3, 7])), np.log(8))


def test_a_constant_added_to_all_logits_changes_nothing(rng: np.random.Generator) -> None:
    logits, targets = rng.normal(size=(6, 5)), rng.integers(0, 5, 6)
    np.testing.assert_allclose(readout_nats(logits + 12.0, targets), readout_nats(logits, targets), rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_do_not_overflow(dtype: type) -> None:
    logits = np.array([[1e30, -1e30, 0.0], [1e30, 1e30, -1e30]], dtype)
    np.testing.assert_allclose(readout_nats(logits, np.array([0, 1])), [0.0, np.log(2)], rtol=1e-6, atol=1e-12)


def test_streams_are_independent_of_one_another() -> None:
    draws = {
        (seed, name, position): stream(seed, name, position).random()
        for seed in (0, 1) for name in ("batching", "sampling") for position in (0, 1)
    }  # fmt: skip
    assert len(set(draws.values())) == len(draws)
