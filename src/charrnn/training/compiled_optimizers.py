"""The compiled twins of optimisers, one pass over memory each; an optimiser without one runs in NumPy."""

from __future__ import annotations

import numpy as np

from charrnn.arrays import Array
from charrnn.config import TrainConfig
from charrnn.nn.kernels import Kernels
from charrnn.nn.kernels.library import pointer
from charrnn.training.optimizers import OPTIMIZERS, SLICE, Adam, Optimizer


class CompiledAdam(Adam):
    """Adam by the function in c/optimizer.h."""

    kernels: Kernels

    def update_all(self, params: Array, grads: Array, learning_rate: float) -> None:
        """Update params (P,), shared among the workers."""
        m, v, dtype = self.memory["m"], self.memory["v"], params.dtype
        if not all(a.dtype == dtype and a.flags.c_contiguous and len(a) == len(m) for a in (params, grads, m, v)):
            raise TypeError("parameters, gradient and memory must be vectors of one length and precision")
        eps, rate = self.constants(learning_rate)
        keep = 1.0 - learning_rate * self.weight_decay  # [adam.5]
        constants = keep, self.beta1, self.beta2, eps, rate
        adam, places = self.kernels.functions(dtype)("adam"), [pointer(a) for a in (params, grads, m, v)]
        size = dtype.itemsize

        def part(first: int, end: int) -> None:
            adam(end - first, *(place + first * size for place in places), *constants)

        self.kernels.crew.over(len(params), part, 60 * len(params), SLICE)


COMPILED_OPTIMIZERS: dict[str, type[CompiledAdam]] = {"adam": CompiledAdam}


def make_optimizer(config: TrainConfig, size: int, dtype: np.dtype, kernels: Kernels) -> Optimizer:
    """The optimiser that a configuration names, for a number of parameters."""
    arguments = size, dtype, config.weight_decay, config.own
    if kernels.compiled and config.optimizer in COMPILED_OPTIMIZERS:
        optimizer = COMPILED_OPTIMIZERS[config.optimizer](*arguments)
        optimizer.kernels = kernels
        return optimizer
    return OPTIMIZERS[config.optimizer](*arguments)
