"""The limit on the threads of linear algebra belongs to the process: whoever ends first, it is kept and restored."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from charrnn.threads import blas_threads


def limits() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture(autouse=True, scope="module")
def callers_limit() -> Iterator[None]:
    with threadpool_limits(2, user_api="blas"):
        yield


def test_the_callers_limit_is_restored() -> None:
    with blas_threads(1):
        assert limits() == {1}
    assert limits() == {2}


def test_the_innermost_block_of_a_thread_holds() -> None:
    with blas_threads(1):
        with blas_threads(2):
            assert limits() == {2}
        assert limits() == {1}
    assert limits() == {2}


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_blocks_of_two_threads_that_overlap(first_ends_first: bool) -> None:
    """The block that ends first must not end the other's limit, nor the last leave its own behind."""
    entered, leave = [threading.Event(), threading.Event()], [threading.Event(), threading.Event()]

    def hold(k: int) -> None:
        with blas_threads(1):
            entered[k].set()
            leave[k].wait(10)

    threads = [threading.Thread(target=hold, args=(k,)) for k in (0, 1)]
    for thread, event in zip(threads, entered, strict=True):
        thread.start()
        event.wait(10)
    for k in (0, 1) if first_ends_first else (1, 0):
        assert limits() == {1}
        leave[k].set()
        threads[k].join(10)
    assert limits() == {2}


@given(order=st.integers(1, 6).flatmap(lambda n: st.permutations(range(n))), data=st.data())
def test_blocks_that_end_in_any_order(order: list[int], data: st.DataObject) -> None:
    """As generators do, which keep a block open while others come and go."""
    numbers = data.draw(st.lists(st.integers(1, 2), min_size=len(order), max_size=len(order)))
    blocks = [blas_threads(number) for number in numbers]
    for block in blocks:
        block.__enter__()
    for k in order:
        blocks[k].__exit__(None, None, None)
    assert limits() == {2}
