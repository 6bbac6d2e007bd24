"""Which code computes the networks of a folder of tests. Its conftest.py imports one of these fixtures."""

from __future__ import annotations

import pytest

from charrnn.nn.kernels import kernels
from charrnn.nn.kernels.library import instructions


@pytest.fixture(autouse=True, params=["numpy", "c"])
def both_kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs with the NumPy code, and again with its compiled twin."""
    if request.param == "c" and not instructions():
        pytest.skip("the kernels are not compiled here")
    monkeypatch.setenv(kernels.VARIABLE, request.param)


@pytest.fixture(autouse=True)
def numpy_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The NumPy code, which is the definition."""
    monkeypatch.setenv(kernels.VARIABLE, "numpy")
