"""Fixtures that several tests share."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the suite runs one process per core
os.environ.setdefault("OMP_NUM_THREADS", "1")  # PyTorch, likewise
# Hundreds of child processes start: what one compiles serves the others.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import numpy as np
import pytest

CORPORA = Path(os.environ.get("CHARRNN_TEST_CORPORA", Path(__file__).parents[2] / "shared" / "corpora"))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture
def tinyshakespeare() -> Path:
    path = CORPORA / "tinyshakespeare.txt"
    if not path.is_file():
        pytest.skip("tinyshakespeare.txt is not part of the project: name its folder in CHARRNN_TEST_CORPORA")
    return path


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A short text with a structure that a network can learn."""
    path = tmp_path / "book.txt"
    path.write_text("The clock struck one, and the cat ran down.\nThe clock struck two, and the cat ran up.\n" * 40)
    return path
