"""Optimisers: update rules for the parameters. A new rule is one class here and one line in OPTIMIZERS.

All work on the flat vector of parameters θ with its gradient g, a slice at a time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from charrnn.arrays import Array
from charrnn.config import REGISTRIES
from charrnn.settings import Setting

BETA2 = Setting(
    "beta2", "float",
    "how slowly adam (usually 0.999) and rmsprop (0.99) forget the size of past gradients",
    optional=True, least=0, below=1, group="optimiser",
)  # fmt: skip
SLICE = 65536  # numbers updated at a time, so that the arrays of a slice of a large model stay in the caches
SWEEP = 256  # steps between sweeps for denormal numbers


class Optimizer(ABC):
    """The base of all rules: a memory of past gradients, and decoupled weight decay (Loshchilov & Hutter 2019).

        θ ← θ − α λ θ                               [adam.5]   before the step, where λ > 0

    Where a gradient stays exactly zero, its memory decays into denormal numbers, which make an update up to three times
    as slow; a sweep every 256 steps sets to zero what is far too small to have an effect.

    Parameters
    ----------
    size : int
        P, the number of parameters.
    own : mapping, optional
        The values of the settings that the rule declares, by name; by default the rule's usual values.
    """

    usual_rate: ClassVar[float]  # a learning rate to start with
    settings: ClassVar[tuple[Setting, ...]] = ()  # those that the rule alone reads; each is an attribute, too
    # The names of the memories, which hold a number for each parameter; values below this times the smallest normal
    # number count as zero.
    remembered: ClassVar[dict[str, float]]

    def __init__(
        self, size: int, dtype: np.dtype, weight_decay: float = 0.0, own: Mapping[str, Any] | None = None
    ) -> None:
        self.weight_decay = weight_decay
        for each in self.settings:
            setattr(self, each.name, (own or {}).get(each.name, getattr(self, each.name)))
        self.t = 0
        self.memory = {name: np.zeros(size, dtype) for name in self.remembered}
        self._scratch = np.empty(min(size, SLICE), dtype)

    def step(self, params: Array, grads: Array, learning_rate: float) -> None:
        """Update params (P,) in place from grads (P,)."""
        self.t += 1
        self.update_all(params, grads, learning_rate)
        if self.t % SWEEP == 0:
            for name, negligible in self.remembered.items():
                m = self.memory[name]
                m[np.abs(m) < np.finfo(m.dtype).tiny * negligible] = 0.0

    def update_all(self, params: Array, grads: Array, learning_rate: float) -> None:
        """Update params (P,), a slice at a time."""
        for start in range(0, len(params), SLICE):
            span = slice(start, start + SLICE)
            theta, g = params[span], grads[span]
            if self.weight_decay:
                theta *= 1.0 - learning_rate * self.weight_decay  # [adam.5]
            memory = [m[span] for m in self.memory.values()]
            self.update(theta, g, memory, self._scratch[: len(g)], learning_rate)

    @abstractmethod
    def update(self, theta: Array, g: Array, memory: list[Array], scratch: Array, learning_rate: float) -> None:
        """Update a slice; memory has one array for each name in `remembered`, and all arrays have one length."""


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, Algorithm 1).

    With learning rate α and t = 1, 2, …:

        m ← β₁ m + (1 − β₁) g                       [adam.1]
        v ← β₂ v + (1 − β₂) g²                      [adam.2]
        m̂ = m / (1 − β₁ᵗ);   v̂ = v / (1 − β₂ᵗ)      [adam.3]
        θ ← θ − α m̂ / (√v̂ + ε)                      [adam.4]

    m and v are kept divided by 1 − β, and all constants are gathered in two, which saves three of thirteen passes over
    memory:

        m' ← β₁ m' + g;   v' ← β₂ v' + g²           [adam.6]
        θ ← θ − α' m' / (√v' + ε')                  [adam.7]
        ε' = ε √(1 − β₂ᵗ) / √(1 − β₂)
        α' = α (1 − β₁) √(1 − β₂ᵗ) / ((1 − β₁ᵗ) √(1 − β₂))

    Libraries differ on where ε goes: as here it is added to √v̂, after the bias correction, as in the paper and in
    PyTorch.
    """

    remembered: ClassVar[dict[str, float]] = {"m": 1e8, "v": 1e2}
    settings: ClassVar[tuple[Setting, ...]] = (BETA2,)
    usual_rate = 0.003
    beta1, eps = 0.9, 1e-8
    beta2: float = 0.999

    def update(self, theta: Array, g: Array, memory: list[Array], scratch: Array, learning_rate: float) -> None:
        """One slice."""
        m, v = memory
        eps, rate = self.constants(learning_rate)
        m *= self.beta1
        m += g
        np.multiply(g, g, out=scratch)
        v *= self.beta2
        v += scratch  # [adam.6]
        np.sqrt(v, out=scratch)
        scratch += eps
        np.divide(m, scratch, out=scratch)
        scratch *= rate
        theta -= scratch  # [adam.7]

    def constants(self, learning_rate: float) -> tuple[float, float]:
        """ε' and α' of [adam.7]."""
        m_correction = (1.0 - self.beta1**self.t) / (1.0 - self.beta1)
        v_correction = (1.0 - self.beta2**self.t) / (1.0 - self.beta2)
        return self.eps * v_correction**0.5, learning_rate * v_correction**0.5 / m_correction


def _step_by_root_(theta: Array, g: Array, v: Array, eps: float, scratch: Array, learning_rate: float) -> None:
    """θ ← θ − α g / (√v + ε)."""
    np.sqrt(v, out=scratch)
    scratch += eps
    np.divide(g, scratch, out=scratch)
    scratch *= learning_rate
    theta -= scratch


class AdaGrad(Optimizer):
    """AdaGrad (Duchi, Hazan & Singer 2011, diagonal form): steps shrink with the sum of all past squared gradients.

    s ← s + g²                                  [adagrad.1]
    θ ← θ − α g / (√s + ε)                      [adagrad.2]
    """

    remembered: ClassVar[dict[str, float]] = {"s": 0.0}
    usual_rate = 0.03
    eps = 1e-10

    def update(self, theta: Array, g: Array, memory: list[Array], scratch: Array, learning_rate: float) -> None:
        """One slice."""
        (s,) = memory
        np.multiply(g, g, out=scratch)
        s += scratch  # [adagrad.1]
        _step_by_root_(theta, g, s, self.eps, scratch, learning_rate)  # [adagrad.2]


class RMSProp(Optimizer):
    """RMSProp (Hinton 2012, lecture 6e): AdaGrad with a memory that fades.

    v ← ρ v + (1 − ρ) g²                        [rmsprop.1]
    θ ← θ − α g / (√v + ε)                      [rmsprop.2]
    """

    remembered: ClassVar[dict[str, float]] = {"v": 1e2}
    settings: ClassVar[tuple[Setting, ...]] = (BETA2,)
    usual_rate = 0.003
    eps = 1e-8
    beta2: float = 0.99  # ρ

    def update(self, theta: Array, g: Array, memory: list[Array], scratch: Array, learning_rate: float) -> None:
        """One slice."""
        (v,) = memory
        np.multiply(g, g, out=scratch)
        scratch *= 1.0 - self.beta2
        v *= self.beta2
        v += scratch  # [rmsprop.1]
        _step_by_root_(theta, g, v, self.eps, scratch, learning_rate)  # [rmsprop.2]


class SGD(Optimizer):
    """Gradient descent with momentum (Polyak 1964).

    m ← μ m + g                                 [sgd.1]
    θ ← θ − α m                                 [sgd.2]
    """

    remembered: ClassVar[dict[str, float]] = {"m": 1e8}
    usual_rate = 0.03
    momentum = 0.9

    def update(self, theta: Array, g: Array, memory: list[Array], scratch: Array, learning_rate: float) -> None:
        """One slice."""
        (m,) = memory
        m *= self.momentum
        m += g  # [sgd.1]
        np.multiply(m, learning_rate, out=scratch)
        theta -= scratch  # [sgd.2]


OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": Adam, "adagrad": AdaGrad, "rmsprop": RMSProp, "sgd": SGD}
REGISTRIES["optimizer"] = OPTIMIZERS
