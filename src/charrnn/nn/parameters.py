"""Every trainable number of a model in one flat vector, with a named view for each array.

One vector, because the optimiser, clipping, checkpoints and gradient checks treat all parameters alike; named views,
because the network does not.

Matrices have PyTorch's shape, (outputs, inputs), but are stored with the inputs outermost (Fortran order): the
transpose `W.T`, which every forward product multiplies by, is then C-contiguous, and row k of `W.T` is what input
character k adds to each unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array

Layout = Mapping[str, tuple[int, ...]]


class Parameters(Mapping[str, Array]):
    """A flat vector (P,) and its views by name.

    Parameters
    ----------
    layout : mapping of str to tuple of int
        The name and shape of every array, in the order of the vector.
    vector : (P,) array
        The numbers themselves; views share its memory.
    """

    def __init__(self, layout: Layout, vector: Array) -> None:
        size = sum(prod(shape) for shape in layout.values())
        if vector.shape != (size,):
            raise ValueError(f"the layout holds {size:,} numbers, the vector has shape {vector.shape}")
        self.layout = dict(layout)
        self.vector = vector
        self._views: dict[str, Array] = {}
        start = 0
        for name, shape in self.layout.items():
            end = start + prod(shape)
            self._views[name] = vector[start:end].reshape(shape[::-1]).T
            start = end

    @classmethod
    def zeros(cls, layout: Layout, dtype: npt.DTypeLike = np.float32) -> Parameters:
        return cls(layout, np.zeros(sum(prod(shape) for shape in layout.values()), dtype))

    def zeros_like(self) -> Parameters:
        return Parameters(self.layout, np.zeros_like(self.vector))

    def astype(self, dtype: npt.DTypeLike) -> Parameters:
        """A copy in another precision."""
        return Parameters(self.layout, self.vector.astype(dtype))

    def __getitem__(self, name: str) -> Array:
        return self._views[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)
