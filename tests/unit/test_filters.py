"""What each sampling rule promises besides the contract, and the draw that follows them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.errors import ConfigError
from charrnn.generation.filters import FILTERS, apply_filters, apply_filters_by_row, make_sampling, probabilities, top_p
from charrnn.generation.sample import draw
from tests.contracts.test_filters import logits_arrays, values

# The rules of top-k's family: they remove from the unlikely end, or change how unlikely it is.
FAMILY = ["temperature", "top_k", "top_p", "min_p"]
every_value = [(name, value) for name in FAMILY for value in values(FILTERS[name].setting)]


@pytest.mark.parametrize(("name", "value"), every_value)
@given(logits=logits_arrays)
def test_the_likeliest_stays(name: str, value: float, logits: np.ndarray) -> None:
    edited = logits.copy()
    FILTERS[name](edited, value)
    probs = probabilities(edited)
    rows = np.arange(len(logits))
    assert (probs[rows, logits.argmax(axis=1)] == probs.max(axis=1)).all()
    assert (probs[rows, logits.argmax(axis=1)] > 0).all()


def test_rows_with_settings_of_their_own_do_not_meet(rng: np.random.Generator) -> None:
    settings = [
        {}, {"greedy": True}, {"temperature": 0}, {"temperature": 0.7, "top_p": 0.9}, {"top_k": 3, "min_p": 0.1},
        {"temperature": 2, "top_k": 5, "top_p": 0.8, "min_p": 0.01}, {"greedy": True, "top_p": 0.5}, {},
    ]  # fmt: skip
    configs = [make_sampling(values) for values in settings]
    logits = rng.normal(0, 3, (len(configs), 11))
    together = logits.copy()
    apply_filters_by_row(together, configs)
    for row, config, alone in zip(together, configs, logits[:, None], strict=True):
        apply_filters(alone, config)
        np.testing.assert_array_equal(np.isfinite(row), np.isfinite(alone[0]))
        if not config.greedy:
            assert row.tobytes() == alone.tobytes()


@pytest.mark.parametrize(("name", "value"), every_value)
@given(logits=logits_arrays)
def test_the_order_is_kept(name: str, value: float, logits: np.ndarray) -> None:
    edited = logits.copy()
    FILTERS[name](edited, value)
    for before, after in zip(logits, edited, strict=True):
        order = np.argsort(-before, kind="stable")
        assert (after[order][:-1] >= after[order][1:]).all()


def test_top_k_keeps_k_and_of_equals_the_first() -> None:
    logits = np.array([[0.0, 3.0, 1.0, 1.0, 1.0]])
    FILTERS["top_k"](logits, 2)
    np.testing.assert_array_equal(np.isfinite(logits), [[False, True, True, False, False]])


@given(logits=logits_arrays, p=st.floats(0.01, 0.99))
def test_top_p_keeps_the_smallest_set_that_reaches_p(logits: np.ndarray, p: float) -> None:
    probs = probabilities(logits)
    top_p(logits, p)
    for row, kept in zip(probs, np.isfinite(logits), strict=True):
        assert row[kept].sum() >= p - 1e-12
        if kept.sum() > 1:
            assert row[kept].sum() - row[kept].min() < p + 1e-12
        if not kept.all():
            assert row[kept].min() >= row[~kept].max()


def test_top_p_on_a_distribution_worked_out_by_hand() -> None:
    logits = np.log(np.array([[0.5, 0.25, 0.15, 0.1]]))
    for p, kept in ((0.5, 1), (0.51, 2), (0.75, 2), (0.76, 3), (0.89, 3), (0.91, 4)):
        edited = logits.copy()
        top_p(edited, p)
        assert np.isfinite(edited).sum() == kept, p


def test_min_p_compares_with_the_likeliest() -> None:
    logits = np.log(np.array([[0.5, 0.25, 0.15, 0.1]]))
    FILTERS["min_p"](logits, 0.25)
    np.testing.assert_array_equal(np.isfinite(logits), [[True, True, True, False]])


def test_temperature_divides_the_logits() -> None:
    logits = np.array([[1.0, 2.0, 3.0]])
    edited = logits.copy()
    FILTERS["temperature"](edited, 0.5)
    np.testing.assert_allclose(probabilities(edited), probabilities(logits * 2))


@pytest.mark.parametrize("settings", [{"temperature": 0}, {"greedy": True}, {"top_k": 1}, {"temperature": 1e-300}])
def test_the_extremes_are_greedy(settings: dict[str, float], rng: np.random.Generator) -> None:
    logits = rng.normal(size=(50, 9))
    ids = draw(logits, make_sampling(settings), rng.random(50))
    np.testing.assert_array_equal(ids, logits.argmax(axis=1))


def test_drawing_follows_the_distribution_and_never_takes_what_was_removed(rng: np.random.Generator) -> None:
    probs = np.array([0.0, 0.5, 0.3, 0.0, 0.2])
    with np.errstate(divide="ignore"):
        logits = np.tile(np.log(probs), (40_000, 1))
    counts = np.bincount(draw(logits, make_sampling({}), rng.random(40_000)), minlength=5)
    assert counts[0] == counts[3] == 0
    np.testing.assert_allclose(counts / 40_000, probs, atol=0.01)


@pytest.mark.parametrize("u", [0.0, 1.0 - 2**-53])
def test_drawing_at_the_ends_of_the_unit_interval(u: float) -> None:
    logits = np.array([[-np.inf, 0.0, 1.0, -np.inf]])
    assert draw(logits, make_sampling({}), np.array([u])) == (1 if u == 0 else 2)


def test_filters_apply_in_the_order_of_the_field() -> None:
    assert [name for name in FILTERS if name in FAMILY] == FAMILY
    logits = np.log(np.array([[0.5, 0.25, 0.15, 0.1]]))
    apply_filters(logits, make_sampling({"top_k": 2, "top_p": 0.7}))  # of the two that are left, one has share 2/3
    assert np.isfinite(logits).sum() == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -0.1}, "temperature -0.1 is too small"),
        ({"top_k": 1.5}, "top_k must be a whole number"),
        ({"top_k": -1}, "top_k -1 is too small"),
        ({"top_p": 1.01}, "top_p 1.01 is too large"),
        ({"min_p": float("nan")}, "min_p must be a finite number"),
        ({"topp": 0.9}, "no setting is called 'topp': did you mean 'top_p'"),
    ],
)
def test_settings_out_of_range(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_sampling(settings)
