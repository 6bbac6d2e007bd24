"""What every registered sampling rule must do. New rules are tested by being registered."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from charrnn.errors import ConfigError
from charrnn.generation.filters import FILTERS, apply_filters, apply_filters_by_row, make_sampling, probabilities
from charrnn.settings import Setting

NUMBERS = {"int": [1, 2, 4, 100], "float": [1e-300, 1e-8, 0.3, 0.9, 1.0 - 1e-16, 2.0]}


def values(setting: Setting) -> list[float]:
    """Values in the range of a setting, its ends among them, without the one that changes nothing."""
    candidates = [setting.least, *NUMBERS[setting.kind], setting.most]
    return [value for value in dict.fromkeys(candidates) if value != setting.default and in_range(setting, value)]


def in_range(setting: Setting, value: float | None) -> bool:
    try:
        return setting.check(value) is not None
    except ConfigError:
        return False


every_value = [(name, value) for name, rule in FILTERS.items() for value in values(rule.setting)]
logits_arrays = arrays(
    np.float64, st.tuples(st.integers(1, 3), st.integers(1, 6)), elements=st.floats(-1e4, 1e4, allow_nan=False)
)


@pytest.mark.parametrize("name", FILTERS)
def test_its_setting_has_its_name_and_its_default_is_in_range(name: str) -> None:
    setting = FILTERS[name].setting
    assert setting.name == name
    assert setting.check(setting.default) == setting.default
    assert setting.help
    assert len(values(setting)) > 2


@pytest.mark.parametrize("name", FILTERS)
@given(logits=logits_arrays)
def test_the_default_changes_nothing_at_all(name: str, logits: np.ndarray) -> None:
    edited = logits.copy()
    FILTERS[name](edited, FILTERS[name].setting.default)
    np.testing.assert_array_equal(edited, logits)


@pytest.mark.parametrize(("name", "value"), every_value)
@given(logits=logits_arrays, data=st.data())
def test_a_character_stays_in_every_row_and_what_was_removed_stays_removed(
    name: str, value: float, logits: np.ndarray, data: st.DataObject
) -> None:
    removed = data.draw(arrays(bool, logits.shape))
    removed[:, data.draw(st.integers(0, logits.shape[1] - 1))] = False
    logits[removed] = -np.inf
    edited = logits.copy()
    FILTERS[name](edited, value)
    assert (edited[removed] == -np.inf).all()
    assert (edited < np.inf).all()  # nor NaN
    probs = probabilities(edited)
    assert np.isfinite(probs).all()
    np.testing.assert_allclose(probs.sum(axis=1), 1.0)
    assert (probs[removed] == 0).all()


@pytest.mark.parametrize("name", FILTERS)
def test_a_value_for_each_row_does_what_it_does_to_the_row_alone(name: str, rng: np.random.Generator) -> None:
    rule = FILTERS[name]
    some = values(rule.setting)
    column = np.array([[value] for value in [*some, rule.setting.default, *some]])
    logits = rng.normal(0, 3, (len(column), 7)).round(1)  # some are equal
    edited = logits.copy()
    rule(edited, column)
    for row, value, alone in zip(edited, column[:, 0].tolist(), logits[:, None], strict=True):
        rule(alone, value)
        assert row.tobytes() == alone.tobytes()


@pytest.mark.parametrize("name", FILTERS)
def test_it_works_beside_the_other_rules(name: str, rng: np.random.Generator) -> None:
    some = values(FILTERS[name].setting)
    others = [{}, {"temperature": 0.7}, {"top_p": 0.9, "top_k": 4}, {"greedy": True}]
    configs = [make_sampling({**other, name: value}) for value in some for other in others]
    logits = rng.normal(0, 3, (len(configs), 11))
    together = logits.copy()
    apply_filters_by_row(together, configs)
    for row, config, alone in zip(together, configs, logits[:, None], strict=True):
        apply_filters(alone, config)
        np.testing.assert_array_equal(np.isfinite(row), np.isfinite(alone[0]))
        assert np.isfinite(row).any()
