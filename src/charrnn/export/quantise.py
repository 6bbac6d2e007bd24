"""Whole numbers of one byte instead of floats: a quarter of the size, for a loss that is measured at every export.

A row of a matrix is what one unit reads, and has a scale of its own:

    s_i = max_j |W_ij| / 127;   Q_ij = W_ij / s_i, rounded to the nearest whole number

Vectors (biases, norms) are few numbers and stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from charrnn.arrays import Array
from charrnn.language_model import LanguageModel
from charrnn.nn.parameters import Parameters
from charrnn.runs.npz_file import SCALE, dequantised

LARGEST = 127  # of a whole number of one byte with a sign; −128 stays unused, so that both sides are alike


def quantised(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays, with each matrix W (rows, columns) as Q int8 and, under `NAME.scale`, s (rows,) float32."""
    found: dict[str, Array] = {}
    for name, array in arrays.items():
        if array.ndim != 2:
            found[name] = array.astype(np.float32)
            continue
        scale = (np.abs(array).max(axis=1) / LARGEST).astype(np.float32)
        scale[scale < np.finfo(np.float32).tiny] = 1  # a row of zeros, or of what a float32 cannot tell from them
        found[name] = np.rint(array / scale[:, None]).clip(-LARGEST, LARGEST).astype(np.int8)
        found[name + SCALE] = scale
    return found


def rounded(model: LanguageModel, arrays: Mapping[str, Array]) -> LanguageModel:
    """The model that someone has who reads such arrays: with float32 parameters, all its computations as they were."""
    params = Parameters.zeros(model.params.layout, np.float32)
    for name, array in dequantised(arrays).items():
        params[name][...] = array
    return LanguageModel(model.network, params, model.vocabulary, model.provenance, model.experts)


WAYS: dict[str, Callable[[Mapping[str, Array]], dict[str, Array]]] = {"int8": quantised, "none": dict}
