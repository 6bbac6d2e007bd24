"""The number of threads that the linear algebra library may use: one owner of a limit that the whole process shares."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def blas_threads(number: int, unless_set: bool = False) -> Iterator[None]:
    """Limit NumPy's matrix products to a number of threads, inside the block only.

    Our products are small: a second thread mostly waits, on a busy machine for seconds, and changes the last digits.

    The limit is the process's, so blocks in several threads share it: of those that are open at the same time, the
    smallest number holds (within one thread, that of the innermost block). Whichever block ends last restores the limit
    that the process had before the first began.

    Parameters
    ----------
    unless_set : bool
        Leave the number as it is if this thread is inside a block already.
    """
    if unless_set and _LIMIT.open_in_this_thread():
        yield
        return
    block = _LIMIT.enter(number)
    try:
        yield
    finally:
        _LIMIT.leave(block)


class _Limit:
    """The open blocks of all threads, and the numbers of threads that the libraries had before them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.blocks: dict[object, tuple[int, int]] = {}  # block → the thread that opened it, and its number
        self.before: list[tuple[Any, int]] = []  # library → its number of threads before the first block

    def enter(self, number: int) -> object:
        block = object()
        with self.lock:
            if not self.blocks:
                self.before = [(library, library.num_threads) for library in _libraries()]
            self.blocks[block] = (threading.get_ident(), number)
            self._apply()
        return block

    def open_in_this_thread(self) -> bool:
        with self.lock:
            return any(thread == threading.get_ident() for thread, _ in self.blocks.values())

    def leave(self, block: object) -> None:
        with self.lock:
            del self.blocks[block]
            if self.blocks:
                self._apply()
            else:
                for library, number in self.before:
                    _set_threads(library, number)

    def _apply(self) -> None:
        innermost = dict(self.blocks.values())  # by thread: blocks are in the order in which they were opened
        for library, _ in self.before:
            _set_threads(library, min(innermost.values()))


_LIMIT = _Limit()


def _set_threads(library: Any, number: int) -> None:
    # Newer versions of threadpoolctl let only the thread that set a limit first set it again, in silence otherwise.
    # Our lock does what that is for, and work is done in any thread.
    getattr(library, "_real_set_num_threads", library.set_num_threads)(number)


@cache
def _libraries() -> list[Any]:
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
