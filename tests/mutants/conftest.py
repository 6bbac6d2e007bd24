"""Bugs are planted in the NumPy code, which is the definition; those in the compiled code have a test of their own."""

from __future__ import annotations

import pytest

from charrnn.nn.kernels import kernels


@pytest.fixture(autouse=True)
def numpy_kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kernels.VARIABLE, "numpy")
