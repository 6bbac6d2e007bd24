"""Which code computes the network: NumPy, or the compiled library and the workers that share its work."""

from __future__ import annotations

import os
from collections.abc import Callable
from ctypes import c_int64

import numpy as np

from charrnn.arrays import Array
from charrnn.errors import ConfigError
from charrnn.nn.kernels.crew import Crew
from charrnn.nn.kernels.library import Functions, functions, instructions, pointer
from charrnn.nn.parameters import Parameters

INNER = 256  # as in c/product.h
COLUMNS = 64  # the least columns of a weight's gradient, or of a sum over rows, that are a worker's tile
ROWS = 64  # the least rows of a product, and of NORM_ROWS in c/norm.h

Rows = Callable[[int, int], object]  # does the rows from the first number to the second


CHOICES = ("auto", "numpy", "c")
VARIABLE = "CHARRNN_KERNELS"  # of the environment: what auto means


class Kernels:
    """The code that computes a network, and the crew of workers that share it.

    Parameters
    ----------
    wanted : {"auto", "numpy", "c"}
        `c` is the compiled library; `auto` is the library where there is one that this processor can run, else NumPy.
    workers : int
        Threads at work, this one included. Their number changes no bit of a result. NumPy's code is run by one.

    Raises
    ------
    ConfigError
        There is no library for `c`.
    """

    def __init__(self, wanted: str = "auto", workers: int = 1) -> None:
        if wanted == "auto":
            wanted = os.environ.get(VARIABLE, "auto")
        if wanted not in CHOICES:
            raise ConfigError(f"kernels '{wanted}' are not known: choose one of {', '.join(CHOICES)}")
        self.instructions = "" if wanted == "numpy" else instructions()
        if wanted == "c" and not self.instructions:
            raise ConfigError(
                "kernels 'c' are not there: the library was not built, or this processor cannot run it; use numpy, or "
                "install charrnn again where there is a C compiler"
            )
        self.crew = Crew(workers)

    @property
    def compiled(self) -> bool:
        return bool(self.instructions)

    @property
    def name(self) -> str:
        """The code and the instructions that it is compiled for: "numpy", or "c" with "v3" (AVX2), "v4" (AVX-512) …"""
        return f"c {self.instructions}" if self.compiled else "numpy"

    def functions(self, dtype: np.dtype) -> Functions:
        return functions(np.dtype(dtype), self.instructions)

    def sum_rows(self, rows: Array, out: Array) -> None:
        """out (K,) = the sum over the rows of (…, K)."""
        K = len(out)
        function = self.functions(rows.dtype)("sum_rows")
        N, source, target = c_int64(rows.size // K), pointer_of(rows), pointer_of(out)
        self.crew.over(K, lambda a, b: function(N, c_int64(K), c_int64(a), c_int64(b), source, target), COLUMNS)

    def sum_rows_by_id(self, rows: Array, ids: Array, out: Array) -> None:
        """out[v] (V, K) = the sum of the rows (…, K) whose id is v."""
        V, K = out.shape
        function = self.functions(rows.dtype)("sum_rows_by_id")
        arguments = pointer_of(rows), pointer_of(ids), pointer_of(out)
        N = c_int64(ids.size)
        self.crew.over(K, lambda a, b: function(N, c_int64(V), c_int64(K), c_int64(a), c_int64(b), *arguments), COLUMNS)


class Matrix:
    """A weight matrix (K, N) in C order, packed for the products of a window.

    A row of every product is the same bits whatever rows stand beside it, which NumPy's products do not promise.
    """

    def __init__(self, f: Functions, inner: int, columns: int, dtype: np.dtype) -> None:
        self.f, self.K, self.N = f, inner, columns
        self.dtype = np.dtype(dtype)
        self.forward_panels = f.panels(inner, columns, self.dtype)
        self.backward_panels = np.empty(0, self.dtype)  # until a gradient is asked for
        self._scratch: dict[int, Array] = {}

    def pack_forward(self, matrix: Array) -> None:
        K, N = c_int64(self.K), c_int64(self.N)
        self.f("pack")(K, N, N, pointer_of(matrix), pointer_of(self.forward_panels))

    def pack_backward(self, matrix: Array) -> None:
        K, N = c_int64(self.K), c_int64(self.N)
        if not len(self.backward_panels):
            self.backward_panels = self.f.panels(self.N, self.K, self.dtype)
        self.f("pack_transposed")(N, K, N, pointer_of(matrix), pointer_of(self.backward_panels))

    def forward(self, x: Array, out: Array, add: bool = False) -> Rows:
        """The function that writes, or adds, rows of x (…, K) matrix to rows of out (…, N)."""
        return self._product(self.K, self.N, x, self.forward_panels, out, add)

    def backward(self, d_out: Array, d_x: Array, add: bool = False) -> Rows:
        """The function that writes, or adds, rows of d_out (…, N) matrixᵀ to rows of d_x (…, K)."""
        return self._product(self.N, self.K, d_out, self.backward_panels, d_x, add)

    def _product(self, K: int, N: int, x: Array, panels: Array, out: Array, add: bool) -> Rows:
        product, size = self.f("product"), self.dtype.itemsize
        inner, columns, packed, x_at, out_at = c_int64(K), c_int64(N), pointer_of(panels), pointer(x), pointer(out)

        def rows(first: int, end: int) -> None:
            product(
                c_int64(end - first), inner, columns, c_int64(x_at + first * K * size), inner, packed,
                c_int64(out_at + first * N * size), columns, int(add),
            )  # fmt: skip

        return rows

    def gradient(self, crew: Crew, x: Array, d_out: Array, d_matrix: Array, skip: Array | None = None) -> None:
        """d_matrix (K, N) = Σ x d_outᵀ over the rows of x (…, K) and d_out (…, N)."""
        K, N, size = self.K, self.N, self.dtype.itemsize
        outer, count, inner, columns = self.f("outer"), c_int64(x.size // K), c_int64(K), c_int64(N)
        x_at, skip_at = pointer_of(x), None if skip is None else pointer_of(skip)
        d_out_at, d_matrix_at = pointer(d_out), pointer(d_matrix)

        def part(first: int, end: int) -> None:
            width = end - first
            needed = INNER * (K + width + 2 * self.f.panel)
            scratch = self._scratch.get(first)
            if scratch is None or scratch.size < needed:
                scratch = self._scratch[first] = np.empty(needed, self.dtype)
            outer(
                count, inner, c_int64(width), x_at, inner, skip_at, c_int64(d_out_at + first * size), columns,
                c_int64(d_matrix_at + first * size), columns, pointer_of(scratch),
            )  # fmt: skip

        crew.over(N, part, COLUMNS)


def pointer_of(array: Array) -> c_int64:
    """The address of the first number, as an argument. A pointer has 64 bits wherever the library is built."""
    return c_int64(pointer(array))


def ids_of(inputs: Array, vocab_size: int, out: Array) -> None:
    """Copy ids (T, B) to out, int64; the compiled code reads the rows that they name.

    Raises
    ------
    IndexError
        An id is not below vocab_size, or is negative.
    """
    out[...] = inputs
    if out.size and out.view(np.uint64).max() >= vocab_size:
        raise IndexError(f"ids must be from 0 to {vocab_size - 1}, not {out.min()} to {out.max()}")


def check_precision(params: Parameters, dtype: np.dtype) -> None:
    """Refuse parameters of another precision than the workspace: compiled code would read other numbers.

    Raises
    ------
    TypeError
        They differ.
    """
    if params.vector.dtype != dtype:
        raise TypeError(f"the parameters are {params.vector.dtype}, the workspace is {dtype}")
