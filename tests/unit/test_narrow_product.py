"""Products of few rows, cut into groups of columns, are the products."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.nn.narrow_product import LEAST_COLUMNS, WITHOUT_PACKING, column_groups, narrow_product


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("gates", [(), (3,)])
@pytest.mark.parametrize(("rows", "inner", "columns"), [(16, 256, 256), (5, 512, 512), (2, 30, 30), (40, 256, 256)])
def test_a_narrow_product_is_the_product(
    rows: int, inner: int, columns: int, gates: tuple[int, ...], dtype: type, rng: np.random.Generator
) -> None:
    x = rng.standard_normal((*gates, rows, inner)).astype(dtype)
    weight = rng.standard_normal((*gates, inner, columns)).astype(dtype)
    out = np.full((*gates, rows, columns), np.nan, dtype)
    narrow_product(weight, out)(x)
    np.testing.assert_allclose(out, x @ weight, rtol=0, atol=1e-3 if dtype == np.float32 else 1e-10)


def test_one_row_of_a_single_lane() -> None:
    out = np.empty(3)
    narrow_product(np.arange(6.0).reshape(2, 3), out)(np.array([1.0, 2.0]))
    assert out.tolist() == [6.0, 9.0, 12.0]


@pytest.mark.parametrize("rows", [2, 16, 32])
@pytest.mark.parametrize("size", [64, 200, 256, 333, 512, 1024])
def test_groups_fit_the_limit_and_are_wide_enough(rows: int, size: int) -> None:
    groups = column_groups(rows, size, size)
    assert size % groups == 0
    if groups > 1:
        assert size // groups >= LEAST_COLUMNS
        assert rows * size * size // (groups // 2) > WITHOUT_PACKING  # no more groups than it takes


def test_what_needs_no_cutting_is_not_cut() -> None:
    assert column_groups(1, 2048, 2048) == 1  # a vector
    assert column_groups(64, 512, 512) == 1  # many rows
    assert column_groups(16, 200, 200) == 1  # small enough
    assert column_groups(16, 256, 256) == 2
    assert column_groups(32, 512, 512) == 16
