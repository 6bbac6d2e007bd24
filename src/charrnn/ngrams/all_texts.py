"""Counts that a run takes along from the model that it starts from: those of all texts so far.

Such a run has each chain twice: of the new text alone, and of all texts. Keys are hashes of codes, which
cannot be turned back into characters, and a larger vocabulary changes nearly every id. So the chains of all texts keep
codes of their own: a character has the code that it had when it was first counted. A new one shares the code of its
relative, the same letter in the other case or without its accent: what is known to follow `a` is known after `A`.

The derivation of what is added up is in docs/derivations/ngrams.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from charrnn.arrays import Array
from charrnn.ngrams.chains import CHAINS, KEY_BITS, Along, Chain, along
from charrnn.ngrams.stretches import first_of_its_kind
from charrnn.ngrams.tables import Tables, codes_of_pairs, discounts
from charrnn.nn.growth import relative

OF_ALL = " of all texts"  # ends the name of such a chain
MARK = 0xD6E8FEB86659FD93  # tells the keys of these chains from those of the text alone


@dataclass(frozen=True)
class Codes:
    """The codes of the chains of all texts."""

    order: str  # the character of each code, in the order in which they were first counted
    codes: tuple[int, ...]  # (V,) of the characters of the vocabulary, by id: places in `order`

    @classmethod
    def of(cls, characters: str) -> Codes:
        """Those of a first text: its ids."""
        return cls(characters, tuple(range(len(characters))))

    def extended(self, before: str, characters: str) -> Codes:
        """The codes of `characters`, of which those in `before`, the vocabulary until now, keep their own."""
        known, order = dict(zip(before, self.codes, strict=True)), self.order
        for character in characters:
            if character not in known:
                like = relative(character, before)
                known[character] = known[like] if like else len(order)
                order += "" if like else character
        return Codes(order, tuple(known[character] for character in characters))

    def check(self, characters: str) -> None:
        """ValueError unless these are codes of a vocabulary."""
        fits = len(self.codes) == len(characters) and all(0 <= code < len(self.order) for code in self.codes)
        if not fits or len(set(self.order)) != len(self.order):
            raise ValueError("the codes of its counts are not those of its vocabulary")

    @cached_property
    def table(self) -> Array:
        """What stands for ids + 1, and for 0, in the sums of a chain, (V + 1,)."""
        return np.array([0, *(code + 1 for code in self.codes)], np.uint64)


class OfAllTexts:
    """A chain that reads codes in place of ids."""

    of_block = False

    def __init__(self, chain: Chain, codes: Codes) -> None:
        self.chain, self.table, self.levels = chain, codes.table, chain.levels
        self.numbers: list[int] = codes.table.tolist()

    def keys(self, codes: Array) -> list[Array]:
        return [key ^ np.uint64(MARK) for key in self.chain.keys(self.table[codes.astype(np.intp)])]

    def along(self) -> Along:
        keys: list[int] = []
        read = along(self.chain)
        while True:
            code = yield keys
            keys = [key ^ MARK for key in read(self.numbers[code])]


def make_chain(name: str, characters: str, codes: Codes | None) -> Chain:
    """A chain over a vocabulary, by the name that an expert has."""
    if codes is None or not name.endswith(OF_ALL):
        return CHAINS[name](characters)
    return OfAllTexts(CHAINS[name.removesuffix(OF_ALL)](codes.order), codes)


def levels_of(names: Sequence[str]) -> list[int]:
    """The number of contexts of chains."""
    return [CHAINS[name.removesuffix(OF_ALL)].levels for name in names]


def alone(names: Sequence[str]) -> tuple[str, ...]:
    """The names of the chains of one text alone."""
    return tuple(name for name in names if not name.endswith(OF_ALL))


def with_all(names: Sequence[str]) -> tuple[str, ...]:
    """The names of the chains of one text alone, and of those that count all texts beside them."""
    return (*names, *(name + OF_ALL for name in names if getattr(CHAINS[name], "goes_along", False)))


def came_from(names: Sequence[str], before: Sequence[str]) -> list[int]:
    """Which of the chains of a model each chain of a run that starts from it comes from; −1 for one that is new.

    Counts of one text alone come from those of all texts if no others are counted.
    """
    beside = any(name.endswith(OF_ALL) for name in names)
    found = []
    for name in names:
        base = name.removesuffix(OF_ALL)
        wanted = (name, base) if beside else (base + OF_ALL, base)
        found.append(next((before.index(each) for each in wanted if each in before), -1))
    return found


def taken_along(tables: Tables, names: Sequence[str], before: str, characters: str) -> Tables:
    """The tables of a new text, still empty, and of all texts so far, over a larger vocabulary.

    Parameters
    ----------
    tables, names : Tables, sequence of str
        What a model has counted, and the names of its chains.
    before, characters : str
        Its vocabulary, and the larger one. What the larger one lacks, a boundary, is counted as its relative.
    """
    after = with_all(alone(names))
    levels, old = levels_of(after), levels_of(names)
    place = np.full(sum(old), -1)  # the new level of each old one; −1: left behind
    lost = np.tile(discounts(np.empty(0, np.int32)), (sum(levels), 1))
    for k, (name, source) in enumerate(zip(after, came_from(after, names), strict=True)):
        if name.endswith(OF_ALL):
            from_, to = sum(old[:source]), sum(levels[:k])
            place[from_ : from_ + levels[k]] = np.arange(to, to + levels[k])
            lost[to : to + levels[k]] = tables.discounts[from_ : from_ + levels[k]]
    at = {character: k for k, character in enumerate(characters)}
    ids = np.array([at.get(c, at.get(relative(c, characters), -1)) for c in before])

    marked = any(name.endswith(OF_ALL) for name in names)
    mark = np.uint64(0 if marked else MARK >> (64 - KEY_BITS))
    row = tables.rows_of_pairs()
    level, symbols = place[tables.level[row]], ids[tables.symbols]
    stays = (level >= 0) & (symbols >= 0)
    codes = codes_of_pairs(tables.keys[row[stays]] ^ mark, symbols[stays])
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    pairs = np.flatnonzero(first_of_its_kind(codes))  # two characters may have become one
    empty = Tables.empty(len(characters), levels)
    if not len(pairs):
        return empty
    counts = np.add.reduceat(tables.counts[stays][order], pairs, dtype=np.int32)
    found = empty.with_pairs(codes[pairs], counts, level[stays][order[pairs]].astype(np.uint8))
    return replace(found, discounts=lost)
