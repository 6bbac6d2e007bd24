"""The number of threads that the linear algebra library may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def blas_threads(number: int) -> Iterator[None]:
    """Limit NumPy's matrix products to a number of threads, inside the block only.

    Our products are small: a second thread mostly waits, for seconds on a busy machine, and changes the last digits.
    """
    with _controller().limit(limits=number, user_api="blas"):
        yield


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
