"""Adam, on the flat vector of all parameters."""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array

SLICE = 16384  # numbers updated at a time, so that the five arrays of a slice stay in the processor's cache
SWEEP = 256  # steps between sweeps for denormal numbers


class Adam:
    """Adam (Kingma & Ba 2015, Algorithm 1), with decoupled weight decay (Loshchilov & Hutter 2019) if asked for.

    With gradient g, learning rate α and t = 1, 2, …:

        m ← β₁ m + (1 − β₁) g                       [adam.1]
        v ← β₂ v + (1 − β₂) g²                      [adam.2]
        m̂ = m / (1 − β₁ᵗ);   v̂ = v / (1 − β₂ᵗ)      [adam.3]
        θ ← θ − α m̂ / (√v̂ + ε)                      [adam.4]
        θ ← θ − α λ θ                               [adam.5]   before [adam.4], where λ > 0

    Libraries differ on where ε goes: as here it is added to √v̂, after the bias correction, as in the paper and in
    PyTorch. Where a gradient stays exactly zero, m and v decay into denormal numbers, which cost the processor up to
    three times the time of an update; a sweep every 256 steps sets what is far below any effect to zero.

    Parameters
    ----------
    size : int
        P, the number of parameters.
    """

    def __init__(
        self,
        size: int,
        dtype: np.dtype,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.beta1, self.beta2, self.eps, self.weight_decay = beta1, beta2, eps, weight_decay
        self.t = 0
        self.m = np.zeros(size, dtype)
        self.v = np.zeros(size, dtype)
        self._scratch = np.empty(min(size, SLICE), dtype)

    def step(self, params: Array, grads: Array, learning_rate: float) -> None:
        """Update params (P,) in place from grads (P,)."""
        self.t += 1
        m_correction = 1.0 - self.beta1**self.t
        sqrt_v_correction = (1.0 - self.beta2**self.t) ** 0.5
        for start in range(0, len(params), SLICE):
            span = slice(start, start + SLICE)
            theta, g, m, v = params[span], grads[span], self.m[span], self.v[span]
            scratch = self._scratch[: len(g)]
            np.multiply(g, 1.0 - self.beta1, out=scratch)
            m *= self.beta1
            m += scratch  # [adam.1]
            np.multiply(g, g, out=scratch)
            scratch *= 1.0 - self.beta2
            v *= self.beta2
            v += scratch  # [adam.2]
            np.sqrt(v, out=scratch)
            scratch /= sqrt_v_correction
            scratch += self.eps
            np.divide(m, scratch, out=scratch)
            scratch *= learning_rate / m_correction  # [adam.3]
            if self.weight_decay:
                theta *= 1.0 - learning_rate * self.weight_decay  # [adam.5]
            theta -= scratch  # [adam.4]
        if self.t % SWEEP == 0:
            tiny = np.finfo(self.m.dtype).tiny
            self.m[np.abs(self.m) < tiny * 1e8] = 0.0
            self.v[self.v < tiny * 1e2] = 0.0
