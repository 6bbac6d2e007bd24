"""How many threads the linear algebra library may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def blas_threads(number: int) -> Iterator[None]:
    """Limit NumPy's matrix products to a number of threads, inside the block only."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=number, user_api="blas"):
        yield
