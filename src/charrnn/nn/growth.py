"""A network over a larger vocabulary: the numbers of every character move to its new id, and new characters begin.

    U'[:, j] = U[:, i] for the new id j of the character with the old id i;  U'[:, new] = mean_i U[:, i]     [growth.1]
    V'[j] = V[i], c'_j = c_i;  V'[new] = 0, c'_new = b                                                      [growth.2]

With V'[new] = 0 a new character has the logit b after every text, and K of them add to the surprise at each old one
log(1 + K exp(b) / Z), Z = Σ_i exp(o_i).                                                                    [growth.3]

An axis of an array is indexed by ids if it grows with the vocabulary: no list of such arrays has to be kept, and a new
cell needs no line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from charrnn.arrays import Array
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters

SILENT = ("readout.weight", "mixture.input_weight")  # new characters begin at zero in these, elsewhere at the mean


def id_axes(network: CharModel) -> dict[str, int]:
    """The axis, of each array that has one, along which a character's numbers are found by its id."""
    larger = CharModel(replace(network.config, vocab_size=network.config.vocab_size + 1), network.kernels).layout
    return {
        name: axis
        for name, shape in network.layout.items()
        for axis, (size, more) in enumerate(zip(shape, larger[name], strict=True))
        if size != more
    }


def places(characters: str, others: str) -> Array:
    """The id among `others` of each of `characters`, both sorted; −1 for one that the others lack."""
    rank: Mapping[str, int] = {character: k for k, character in enumerate(others)}
    return np.array([rank.get(character, -1) for character in characters], np.intp)


def grown(
    network: CharModel, params: Parameters, characters: str, larger: CharModel, wanted: str, bias: float
) -> Parameters:
    """The parameters of a network over `characters`, for one over the characters `wanted`: [growth.1] and [growth.2].

    Parameters
    ----------
    bias : float
        b, where a new character begins in the readout.
    """
    after = Parameters.zeros(larger.layout, params.vector.dtype)
    axes, source = id_axes(network), places(wanted, characters)
    known = source >= 0
    for name, array in params.items():
        if name not in axes:
            after[name][...] = array
            continue
        blocks = array.shape[axes[name]] // len(characters)  # one for each expert, in what the experts say
        old = np.moveaxis(array, axes[name], 0).reshape(blocks, len(characters), -1)
        new = np.empty((blocks, len(wanted), old.shape[2]), old.dtype)
        new[:, known] = old[:, source[known]]
        begin = bias if name == "readout.bias" else 0.0 if name in SILENT else old.mean(axis=1, keepdims=True)
        new[:, ~known] = begin
        shape = (len(wanted) * blocks, *np.delete(array.shape, axes[name]))
        after[name][...] = np.moveaxis(new.reshape(shape), 0, axes[name])
    return after
