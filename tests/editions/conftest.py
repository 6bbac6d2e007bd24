"""An edition is compared with the NumPy code, which is the definition."""

from __future__ import annotations

import pytest

from charrnn.nn.kernels import kernels


@pytest.fixture(autouse=True)
def numpy_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kernels.VARIABLE, "numpy")
