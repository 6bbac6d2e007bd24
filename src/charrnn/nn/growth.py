"""A network over a larger vocabulary: the numbers of every character move to its new id, and new characters begin.

    U'[:, j] = U[:, i] for the new id j of the character with the old id i;  U'[:, new] = U[:, r] or mean U  [growth.1]
    V'[j] = V[i], c'_j = c_i;  V'[new] = 0, c'_new = b                                                      [growth.2]

r is the *relative* of a new character: the same letter in the other case or without its accent. One that has none is
read as the mean of all. With V'[new] = 0 a new character has the logit b after every text, and K of them add to the
surprise at each old one

    log(1 + K exp(b) / Z), Z = Σ_i exp(o_i).                                                                [growth.3]

An axis of an array is indexed by ids if it grows with the vocabulary: no list of such arrays has to be kept, and a new
cell needs no line here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from charrnn.arrays import Array
from charrnn.config import BOUNDARY
from charrnn.nn.model import CharModel
from charrnn.nn.parameters import Parameters

ENDS = {BOUNDARY: "\n", "\n": BOUNDARY}
GATES = ("mixture.gate_weight", "mixture.gate_bias")
SILENT = ("readout.weight", "mixture.input_weight")  # new characters begin at zero in these


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


def relative(character: str, known: str) -> str:
    """The same letter in the other case, or without its accent, among `known` characters; "" if there is none.

    The boundary between documents and the end of a line are each other's.
    """
    bare = unicodedata.normalize("NFD", character)[0]
    forms = (character.lower(), character.upper(), bare, bare.lower(), bare.upper())
    like = next((form for form in forms if len(form) == 1 and form in known), "")
    return ENDS[character] if ENDS.get(character, "\r") in known else like


def grown(
    network: CharModel,
    params: Parameters,
    characters: str,
    larger: CharModel,
    wanted: str,
    bias: float,
    sources: Sequence[int] = (),
) -> Parameters:
    """The parameters of a network over `characters`, for one over the characters `wanted`: [growth.1] and [growth.2].

    If the larger network has S experts and this one none, it begins at the geometric mean of this one and theirs:

        V' = V / 2, c' = c / 2, g_s = 1 / 2S, W_φ = 0                                                        [growth.4]

    If it has two experts for each of this one, that of the new text alone and that of all texts, they share in its
    gate and in its inputs:

        G'_new = G'_all = G / 2, g'_new = g'_all = g / 2, W_φ'_new = W_φ'_all = W_φ / 2                      [growth.5]

    Parameters
    ----------
    bias : float
        b, where a new character begins in the readout.
    sources : sequence of int, optional
        The expert of this network that each expert of the larger one comes from.
    """
    after = Parameters.zeros(larger.layout, params.vector.dtype)
    axes, source = id_axes(network), places(wanted, characters)
    known = source >= 0
    relatives = places("".join(relative(c, characters) or c for c in wanted), characters)  # −1: none
    sources = list(sources)
    shares = np.bincount(sources)[sources] if sources else np.empty(0)  # how many experts come from the same
    for name, array in params.items():
        if name in GATES and sources:  # [growth.5]
            after[name][...] = (array[sources].T / shares).T
            continue
        if name not in axes:
            after[name][...] = array
            continue
        blocks = array.shape[axes[name]] // len(characters)  # one for each expert, in what the experts say
        old = np.moveaxis(array, axes[name], 0).reshape(blocks, len(characters), -1)
        new = np.empty((blocks, len(wanted), old.shape[2]), old.dtype)
        new[:, known] = old[:, source[known]]
        if name == "readout.bias" or name in SILENT:
            new[:, ~known] = bias if name == "readout.bias" else 0.0
        else:
            like = np.concatenate([old, old.mean(axis=1, keepdims=True)], axis=1)  # the last for those without relative
            new[:, ~known] = like[:, relatives[~known]]
        if name == "mixture.input_weight" and sources:  # [growth.5]
            blocks, new = len(sources), (new[sources].T / shares).T
        shape = (len(wanted) * blocks, *np.delete(array.shape, axes[name]))
        after[name][...] = np.moveaxis(new.reshape(shape), 0, axes[name])
    if larger.config.num_experts and not network.config.num_experts:  # [growth.4]
        after["readout.weight"][...] /= 2
        after["readout.bias"][...] /= 2
        after["mixture.gate_bias"][...] = 0.5 / larger.config.num_experts
    return after
