"""Which code computes the network: NumPy, or the compiled library and the workers that share its work."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from charrnn.arrays import Array
from charrnn.errors import ConfigError
from charrnn.nn.kernels.crew import Crew
from charrnn.nn.kernels.library import Functions, functions, instructions, pointer
from charrnn.nn.parameters import Parameters

INNER, MOST_ROWS = 256, 12  # as in c/product.h, at most
COLUMNS = 32  # the least columns of a weight's gradient, or of a sum over rows, that are a worker's tile
PACKING = 25  # the time to pack a number, in multiplications of a product, about
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
                "kernels 'c' are missing: the library was not built, or this processor cannot run it; use numpy, or "
                "reinstall charrnn with a C compiler present"
            )
        self.crew = Crew(workers)

    @property
    def compiled(self) -> bool:
        return bool(self.instructions)

    @property
    def name(self) -> str:
        """ "numpy" or "c". Kernels of one name give the same bits, whatever instructions they are compiled for."""
        return "c" if self.compiled else "numpy"

    def functions(self, dtype: np.dtype) -> Functions:
        return functions(np.dtype(dtype), self.instructions)

    def sum_rows(self, rows: Array, out: Array) -> None:
        """out (K,) = the sum over the rows of (…, K)."""
        K = len(out)
        function = self.functions(rows.dtype)("sum_rows")
        N, source, target = rows.size // K, pointer(rows), pointer(out)
        self.crew.over(K, lambda a, b: function(N, K, a, b, source, target), 20 * rows.size, COLUMNS)

    def sum_rows_by_id(self, rows: Array, ids: Array, out: Array) -> None:
        """out[v] (V, K) = the sum of the rows (…, K) whose id is v."""
        V, K = out.shape
        function = self.functions(rows.dtype)("sum_rows_by_id")
        arguments = pointer(rows), pointer(ids), pointer(out)
        self.crew.over(K, lambda a, b: function(ids.size, V, K, a, b, *arguments), 20 * rows.size, COLUMNS)


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

    def pack_forward(self, crew: Crew, matrix: Array) -> None:
        """Pack the matrix for `forward`."""
        self._pack(crew, "pack", self.K, self.N, 1, matrix, self.forward_panels)

    def pack_backward(self, crew: Crew, matrix: Array) -> None:
        """Pack the matrix for `backward`."""
        if not len(self.backward_panels):
            self.backward_panels = self.f.panels(self.N, self.K, self.dtype)
        self._pack(crew, "pack_transposed", self.N, self.K, self.N, matrix, self.backward_panels)

    def _pack(self, crew: Crew, name: str, inner: int, columns: int, apart: int, matrix: Array, panels: Array) -> None:
        """`columns` columns of `inner` numbers; in the matrix, columns are `apart` numbers apart."""
        pack, size, row = self.f(name), self.dtype.itemsize, self.N
        matrix_at, panels_at = pointer(matrix), pointer(panels)

        def part(first: int, end: int) -> None:
            pack(inner, end - first, row, matrix_at + first * apart * size, panels_at + first * inner * size)

        crew.over(columns, part, PACKING * matrix.size, COLUMNS)

    def forward(self, x: Array, out: Array, add: bool = False) -> Rows:
        """The function that writes, or adds, rows of x (…, K) matrix to rows of out (…, N)."""
        return self._product(self.K, self.N, x, self.forward_panels, out, add)

    def backward(self, d_out: Array, d_x: Array, add: bool = False) -> Rows:
        """The function that writes, or adds, rows of d_out (…, N) matrixᵀ to rows of d_x (…, K)."""
        return self._product(self.N, self.K, d_out, self.backward_panels, d_x, add)

    def _product(self, K: int, N: int, x: Array, panels: Array, out: Array, add: bool) -> Rows:
        product, size = self.f("product"), self.dtype.itemsize
        packed, x_at, out_at = pointer(panels), pointer(x), pointer(out)

        def rows(first: int, end: int) -> None:
            product(end - first, K, N, x_at + first * K * size, K, packed, out_at + first * N * size, N, add)

        return rows

    def gradient(self, crew: Crew, x: Array, d_out: Array, d_matrix: Array, skip: Array | None = None) -> None:
        """d_matrix (K, N) = Σ x d_outᵀ over the rows of x (…, K) and d_out (…, N)."""
        K, N, size = self.K, self.N, self.dtype.itemsize
        outer, count = self.f("outer"), x.size // K
        x_at, skip_at = pointer(x), None if skip is None else pointer(skip)
        d_out_at, d_matrix_at = pointer(d_out), pointer(d_matrix)

        def part(first: int, end: int) -> None:
            width = end - first
            needed = INNER * (K + MOST_ROWS + self.f.panel)
            scratch = self._scratch.get(first)
            if scratch is None or scratch.size < needed:
                scratch = self._scratch[first] = np.empty(needed, self.dtype)
            outer(
                count, K, width, x_at, K, skip_at, d_out_at + first * size, N,
                d_matrix_at + first * size, N, pointer(scratch),
            )  # fmt: skip

        crew.over(N, part, x.size * N, COLUMNS)


def boundaries(fresh: Array | None) -> tuple[Array | None, int | None]:
    """The steps and lanes (T, B) whose state begins at zero, as the compiled code reads them, and their address."""
    if fresh is None or not fresh.any():
        return None, None
    kept = np.ascontiguousarray(fresh, np.uint8)
    return kept, pointer(kept)


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
