"""The compiled library: found, checked and opened once, and its functions for one precision."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from charrnn.arrays import Array

VERSION = 5  # of the functions' arguments: a library of another version is not used
SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
PATH = Path(__file__).with_name("charrnn_kernels" + SUFFIX)
# The arguments of every function: i an integer, p an array's address or None, n a real number of the precision.
ARGUMENTS = {
    "panel_size": "",
    "pack": "iiipp",
    "pack_transposed": "iiipp",
    "product": "iiipippii",
    "outer": "iiipippipip",
    "sum_rows": "iiiipp",
    "sum_rows_by_id": "iiiiippp",
    "norm_forward": "iiipppp",
    "norm_backward": "iiippppppp",
    **{f"{cell}_{way}": "pii" for cell in ("rnn", "lstm", "gru", "pool") for way in ("forward", "backward")},
    "pairs_forward": "iiiippppp",
    "pairs_backward": "iiiiippppp",
    "logits_forward": "iiiiiippppppp",
    "logits_backward": "iiiiiippppp",
    "roots": "iiiiipp",
    "surprises": "iiipppp",
    "surprises_backward": "iiiippp",
    "pick": "iippp",
    "adam": "ippppnnnnn",
    "soften": "ippp",
    "replay": "ip",
    "repeat": "iippppp",
    "copy": "ipp",
    "shift": "iipp",
    "experts_read": "iiiipppppp",
}


def pointer(array: Array) -> int:
    """The address of the first number of an array in C order. The caller keeps it alive.

    Raises
    ------
    ValueError
        The array is not in C order, so compiled code would read other numbers.
    """
    if not array.flags.c_contiguous:
        raise ValueError(f"an array {array.shape} with strides {array.strides} is not in C order")
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(cast(Any, array)))  # four times as fast as the other way
    except (TypeError, ValueError):  # it is read-only, or empty
        address: int = array.__array_interface__["data"][0]
        return address


CALL = 14  # numbers of a call in a plan, as in c/replay.h: the function's address, then its arguments
Plan = list[list[int]]  # calls that `replay` makes again
_plans: dict[int, Plan] = {}  # of the threads that record


@contextmanager
def recorded() -> Iterator[Plan]:
    """Record the calls that this thread makes. They can be made again as long as their arrays stay in place."""
    plan = _plans[threading.get_ident()] = []
    try:
        yield plan
    finally:
        del _plans[threading.get_ident()]


def call(address: int, arguments: tuple[Any, ...]) -> list[int]:
    """A call as a plan has it: its arguments are integers, addresses, references or None."""
    numbers = [a if isinstance(a, int) else ctypes.addressof(a._obj) if a is not None else 0 for a in arguments]
    return [address, *numbers, *[0] * (CALL - 1 - len(numbers))]


@cache
def instructions() -> str:
    """The best instructions of the library that this processor runs: "v3" (AVX2), "v4" (AVX-512), "neon"; or ""."""
    try:
        library = ctypes.CDLL(str(PATH))
        best = library.charrnn_instructions
        version = ctypes.c_int.in_dll(library, "charrnn_kernels_version").value
    except (OSError, AttributeError, ValueError):
        return ""
    best.restype = ctypes.c_char_p
    return best().decode() if version == VERSION else ""


class Functions:
    """The functions of the library for one precision, by the names that they have in C."""

    def __init__(self, precision: str, instructions: str) -> None:
        library = ctypes.CDLL(str(PATH))
        number = ctypes.c_float if precision == "float32" else ctypes.c_double
        kinds = {"i": ctypes.c_int64, "p": ctypes.c_void_p, "n": number}
        self._functions: dict[str, Callable[..., Any]] = {}
        for name, arguments in ARGUMENTS.items():
            function = library[f"{name}_{precision}_{instructions}"]
            function.argtypes = [kinds[kind] for kind in arguments]
            function.restype = ctypes.c_int64 if name == "panel_size" else None
            self._functions[name] = function
        self.panel: int = self("panel_size")()

    def __call__(self, name: str) -> Callable[..., Any]:
        """The function `name`, which releases the interpreter's lock while it runs."""
        if _plans and threading.get_ident() in _plans:
            return partial(self._recorded, name)
        return self._functions[name]

    def _recorded(self, name: str, *arguments: Any) -> Any:
        _plans[threading.get_ident()].append(call(self.address(name), arguments))
        return self._functions[name](*arguments)

    def address(self, name: str) -> int:
        """Where the function `name` is."""
        return ctypes.cast(cast(Any, self._functions[name]), ctypes.c_void_p).value or 0

    def panels(self, inner: int, columns: int, dtype: np.dtype) -> Array:
        """Room for a matrix (inner, columns) that has been packed."""
        return np.empty(-(-columns // self.panel) * self.panel * inner, dtype)


@cache
def functions(dtype: np.dtype, of: str) -> Functions:
    """The functions for numbers of a type, compiled for a set of instructions."""
    return Functions(dtype.name, of)
