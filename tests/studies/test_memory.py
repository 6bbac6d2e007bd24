"""The study of memory: Jacobians against complex-step products, and the loss against context."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.config import ModelConfig
from charrnn.language_model import LanguageModel
from charrnn.nn.layers import LAYERS
from charrnn.nn.model import CharModel
from charrnn.scoring import evaluate_fresh_windows
from charrnn.studies.closing import FEWEST, by_distance, closing_finding, pairs
from charrnn.studies.jacobians import jacobian, memory
from charrnn.studies.memory import CONTEXT, by_context
from charrnn.studies.savings import REACH, cache_hits, saved, savings_finding, word_hits
from charrnn.text.vocabulary import Vocabulary

STEP = 1e-100


def network(cell: str, hidden_size: int = 9) -> tuple[CharModel, np.random.Generator]:
    return CharModel(ModelConfig(11, cell, hidden_size)), np.random.default_rng(4)


def complex_step_jacobian(model: CharModel, params, ids, state):
    """∂y_T/∂s, (H, S·H), column by column: lane j has an imaginary step in number j of the state."""
    (layer,), (S, H) = model.layers, state.shape
    lanes = np.repeat(state.astype(complex)[:, None], S * H, axis=1)
    for j in range(S * H):
        lanes[j // H, j, j % H] += 1j * STEP
    workspace = layer.workspace(len(ids), S * H, np.complex128)
    inputs = np.repeat(ids[:, None], S * H, axis=1)
    outputs = layer.forward(params.astype(np.complex128), inputs, lanes, workspace)
    return outputs[-1].imag.T / STEP


@pytest.mark.parametrize("cell", LAYERS)
@pytest.mark.parametrize("lag", [1, 2, 30])
def test_jacobians_are_complex_step_products(cell: str, lag: int) -> None:
    model, rng = network(cell)
    params = model.init_parameters(rng, np.float64)
    ids, state = rng.integers(0, 11, lag), rng.normal(0, 0.5, (model.state_shape[1], 9))
    ours, theirs = jacobian(model, params, ids, state), complex_step_jacobian(model, params, ids, state)
    assert ours.shape == theirs.shape == (9, model.state_shape[1] * 9)
    assert abs(np.linalg.norm(ours) / np.linalg.norm(theirs) - 1) < 1e-10
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-12 * np.abs(theirs).max())


def test_a_linear_memory_fades_as_its_matrix_says() -> None:
    """A vanilla network with weights so small that tanh is straight: J is Wᵏ."""
    model, rng = network("rnn")
    params = model.init_parameters(rng, np.float64)
    params.vector[:] = 0
    rotation, _ = np.linalg.qr(rng.normal(size=(9, 9)))
    params["recurrent.weight_hh_l0"][...] = 0.8 * rotation
    ids = rng.integers(0, 11, 200)
    found = memory(model, params, ids, np.array([100, 150, 200]), (1, 5, 20))
    assert found == pytest.approx([0.8, 0.8**5, 0.8**20])


@pytest.mark.parametrize("cell", LAYERS)
def test_the_loss_by_context_is_that_of_fresh_windows(cell: str) -> None:
    model, rng = network(cell)
    params = model.init_parameters(rng, np.float64)
    ids = rng.integers(0, 11, CONTEXT + 1)
    losses = by_context(LanguageModel(model, params, Vocabulary("abcdefghijk")), ids)
    assert len(losses) == CONTEXT
    assert losses.mean() == pytest.approx(evaluate_fresh_windows(model, params, ids, CONTEXT).nats_per_char)


def test_pairs_close_inside_a_paragraph() -> None:
    text = 'a (b [c] "d") e) "f\n\ng" h'
    found = [(text[a], text[b], b - a) for a, b in pairs(text)]
    assert found == [("[", "]", 2), ('"', '"', 2), ("(", ")", 10)]  # the quote of the last paragraph only opens


def test_the_cost_of_closing_is_a_mean_by_distance() -> None:
    closed = [(0, 5)] * FEWEST + [(0, 30)] * FEWEST + [(0, 200)] * (FEWEST - 1)
    nats = np.zeros(300)
    nats[5], nats[30], nats[200] = 0.5, 2.0, 9.0
    found = by_distance(nats, closed)
    assert found[[0, 2]].tolist() == [0.5, 2.0]
    assert np.isnan(found[[1, 3, 4]]).all(), "too few pairs"
    said = closing_finding({"rnn": found, "6-gram": found + 1}, closed)
    assert "1–10 characters after the opening: rnn 0.50, 6-gram 1.50" in said
    assert "21–40 characters after the opening: rnn 2.00, 6-gram 3.00" in said
    assert "too few" in closing_finding({"rnn": np.full(5, np.nan)}, [])


def test_a_cache_knows_what_it_has_read_and_how_far_back() -> None:
    text = "the clock. " + "the clock! "
    assert np.flatnonzero(cache_hits(text)).tolist() == [*range(16, 20)]  # after "the c" again; then "." is wrong
    far = "abcdeX" + "." * (REACH + 1) + "abcde"
    assert not cache_hits(far + "X")[-1]
    assert cache_hits("abcdeX" + "." * 100 + "abcdeX")[-1]


def test_a_word_list_knows_how_words_go_on_and_end() -> None:
    train = "clock clock cloud clock"
    hits = word_hits(train, "clock clown")
    assert "".join("clock clown"[k] for k in np.flatnonzero(hits)) == "lock lo"  # "cloc" is likelier than "clou"
    assert not word_hits(train, "zebra").any()


def test_errors_are_saved_by_what_gives_more_than_half() -> None:
    nats = np.array([0.1, 1.0, 2.0, 3.0, 0.2])
    hits = {"a": np.array([True, True, False, False, True]), "b": np.array([False, True, True, False, False])}
    found = saved(nats, hits)
    assert found == pytest.approx({"errors": 0.6, "a": 1 / 3, "b": 2 / 3, "any of them": 2 / 3})
    said = savings_finding({"rnn": found})
    assert "rnn: 60% of the characters are errors; a would save 33% of them, b 67%, any of them 67%." in said
