"""The compiled library: found, checked and opened once, and its functions for one precision."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np

from charrnn.arrays import Array

VERSION = 1  # of the functions' arguments: a library of another version is not used
SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
PATH = Path(__file__).with_name("charrnn_kernels" + SUFFIX)
PRECISIONS = ("float32", "float64", "complex128")


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
        self._library = ctypes.CDLL(str(PATH))
        self._suffix = f"_{precision}_{instructions}"
        self._found: dict[str, Callable[..., Any]] = {}
        self.panel: int = self("panel_size", ctypes.c_int64)()

    def __call__(self, name: str, result: Any = None) -> Callable[..., Any]:
        """The function `name`, which releases the interpreter's lock while it runs."""
        function = self._found.get(name)
        if function is None:
            function = self._found[name] = self._library[name + self._suffix]
            function.restype = result
        return function

    def panels(self, inner: int, columns: int, dtype: np.dtype) -> Array:
        """Room for a matrix (inner, columns) that has been packed."""
        return np.empty(-(-columns // self.panel) * self.panel * inner, dtype)


@cache
def functions(dtype: np.dtype, of: str) -> Functions:
    """The functions for numbers of a type, compiled for a set of instructions."""
    return Functions(dtype.name, of)
