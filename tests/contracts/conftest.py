"""Every test here runs with the NumPy code, and again with its compiled twin."""

from __future__ import annotations

import pytest

from charrnn.nn.kernels import kernels
from charrnn.nn.kernels.library import instructions


@pytest.fixture(autouse=True, params=["numpy", "c"])
def kernels_in_use(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The kernels that a network without a choice of its own uses."""
    name: str = request.param
    if name == "c" and not instructions():
        pytest.skip("the kernels are not compiled here")
    monkeypatch.setenv(kernels.VARIABLE, name)
    return name
