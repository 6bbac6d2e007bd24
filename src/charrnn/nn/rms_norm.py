"""Root-mean-square normalisation (Zhang & Sennrich 2019): every row gets the same length, every column its own scale.

    r = 1 / √(mean_j x_j² + ε)                                           [rmsnorm.1]
    u = n · x̂;   x̂ = r x                                                 [rmsnorm.2]

    dn = Σ d_u · x̂                                                       [rmsnorm.3]
    d_x = r (g − x̂ · mean_j(x̂_j g_j));   g = d_u · n                     [rmsnorm.4]

Derived in docs/derivations/rmsnorm.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.nn.parameters import Parameters

EPS = 1e-6


class NormWorkspace:
    """The arrays of a normalisation of N rows of H numbers, allocated once."""

    def __init__(self, rows: int, size: int, dtype: npt.DTypeLike) -> None:
        self.x_hat = np.empty((rows, size), dtype)
        self.r = np.empty((rows, 1), dtype)
        self.scratch = np.empty((rows, size), dtype)


class RMSNorm:
    """A normalisation with a scale n (H,), the parameter `name`."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.size = name, size
        self.layout = {name: (size,)}

    def initialize(self, params: Parameters) -> None:
        params[self.name][...] = 1.0

    def workspace(self, rows: int, dtype: npt.DTypeLike) -> NormWorkspace:
        return NormWorkspace(rows, self.size, dtype)

    def forward(self, params: Parameters, x: Array, ws: NormWorkspace, out: Array) -> None:
        """x (N, H) to u (N, H), written to `out`."""
        np.einsum("nh,nh->n", x, x, out=ws.r[:, 0])
        ws.r /= self.size
        ws.r += EPS
        np.sqrt(ws.r, out=ws.r)
        np.divide(1.0, ws.r, out=ws.r)  # [rmsnorm.1]
        np.multiply(x, ws.r, out=ws.x_hat)
        np.multiply(ws.x_hat, params[self.name], out=out)  # [rmsnorm.2]

    def backward_(self, params: Parameters, d_u: Array, ws: NormWorkspace, grads: Parameters) -> None:
        """d_u (N, H) becomes d_x; dn is written to `grads`."""
        n = params[self.name]
        np.multiply(d_u, ws.x_hat, out=ws.scratch)
        np.sum(ws.scratch, axis=0, out=grads[self.name])  # [rmsnorm.3]
        d_u *= n  # now g
        mean = np.einsum("nh,nh->n", ws.x_hat, d_u) / self.size
        np.multiply(ws.x_hat, mean[:, None], out=ws.scratch)
        d_u -= ws.scratch
        d_u *= ws.r  # [rmsnorm.4]
