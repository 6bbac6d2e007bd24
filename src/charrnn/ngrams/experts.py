"""The experts: count models that a network knows, and what they say along a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from charrnn.arrays import Array
from charrnn.ngrams.all_texts import Codes, alone, levels_of, make_chain, taken_along, with_all
from charrnn.ngrams.blocks import MOST_COUNTED, Blocks
from charrnn.ngrams.by_document import Shuffled, keys_by_document
from charrnn.ngrams.chains import KEY_BITS, REACH, Chain, mixed
from charrnn.ngrams.compiled_counts import CompiledCounts
from charrnn.ngrams.distributions import Shares
from charrnn.ngrams.packing import pack, unpack
from charrnn.ngrams.rests import WithoutRests
from charrnn.ngrams.sums import lowest
from charrnn.ngrams.tables import Events, KeyedText, Tables
from charrnn.text.vocabulary import BOUNDARY

DROPPED = np.uint64(64 - KEY_BITS)  # bits of a chain's keys
POSITIONS = 2048  # that are asked about at a time


@dataclass(frozen=True, eq=False)
class Experts:
    """Chains of contexts over a vocabulary, and their tables."""

    names: tuple[str, ...]  # of the chains
    characters: str  # of the vocabulary
    tables: Tables
    codes: Codes | None = None  # of the chains of all texts, of a model that has started from another

    @classmethod
    def count(cls, names: Sequence[str], characters: str, ids: Array) -> Experts:
        """Experts that have counted a text, ids (N,)."""
        return cls.of_no_text(names, characters).added(ids).with_discounts()

    @classmethod
    def unpacked(
        cls, names: Sequence[str], characters: str, arrays: Mapping[str, Array], codes: Codes | None = None
    ) -> Experts:
        """Experts from the arrays of `packed`, which a stranger may have made; ValueError if they do not fit."""
        if codes is not None:
            codes.check(characters)
        return cls(tuple(names), characters, unpack(arrays, len(characters), levels_of(names)), codes)

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: what is made of them holds addresses, which say nothing in a copy or another process."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def packed(self) -> dict[str, Array]:
        """The counts as arrays that a file can hold, by name."""
        return pack(self.tables)

    @property
    def megabytes(self) -> float:
        """The size of the counts in a file."""
        return sum(array.nbytes for array in self.packed.values()) / 1e6

    def __repr__(self) -> str:
        return (
            f"<Experts: {', '.join(self.names)}; {len(self.tables.keys):,} contexts, {self.megabytes:.1f} MB in a file>"
        )

    @classmethod
    def of_no_text(cls, names: Sequence[str], characters: str) -> Experts:
        return cls(tuple(names), characters, Tables.empty(len(characters), levels_of(names)))

    def taken_along(self, characters: str) -> Experts:
        """Over a larger vocabulary: these counts as those of all texts, and none yet of the new text alone."""
        codes = (self.codes or Codes.of(self.characters)).extended(self.characters, characters)
        tables = taken_along(self.tables, self.names, self.characters, characters)
        return Experts(with_all(alone(self.names)), characters, tables, codes)

    @property
    def documents(self) -> bool:
        """Whether the vocabulary has a boundary between documents, at which every context ends."""
        return self.characters.startswith(BOUNDARY)

    @cached_property
    def chains(self) -> list[Chain]:
        return [make_chain(name, self.characters, self.codes) for name in self.names]

    @cached_property
    def counts_sha256(self) -> str:
        return self.tables.digest()

    @cached_property
    def shares(self) -> Shares:
        return Shares(self.tables)

    @cached_property
    def compiled_counts(self) -> CompiledCounts:
        """The counts as compiled code reads them."""
        return CompiledCounts(self.shares, self.chains)

    def added(self, ids: Array) -> Experts:
        """These experts after they have also counted another text, ids (N,)."""
        return replace(self, tables=self.tables.add(self.keyed(ids)))

    def removed(self, ids: Array) -> Experts:
        """These experts without a text that they have counted before."""
        return replace(self, tables=self.tables.remove(self.keyed(ids)))

    def pruned(self, least: int) -> Experts:
        """Experts without the longest contexts that occur less often than `least`, and without the texts of blocks."""
        ends = np.cumsum(self.tables.levels)
        chains = zip(self.chains, ends, strict=True)
        of_blocks = [level for chain, end in chains if chain.of_block for level in range(end - chain.levels + 1, end)]
        return replace(self, tables=self.tables.pruned(least, of_blocks))

    def without_counts(self) -> Experts:
        """Experts that have counted nothing yet; counts will be discounted as here."""
        empty = Tables.empty(self.tables.vocab_size, self.tables.levels)
        return replace(self, tables=replace(empty, discounts=self.tables.discounts))

    def with_discounts(self) -> Experts:
        return replace(self, tables=self.tables.with_discounts())

    def keyed(self, ids: Array) -> KeyedText:
        """A text as the tables count it: every character after the first."""
        codes = np.asarray(ids, np.uint64)[None, :-1] + np.uint64(1)
        return KeyedText([[key[0] for key in self._keys(chain, codes)] for chain in self.chains], np.asarray(ids[1:]))

    def keyed_blocks(self, ids: Array, blocks: Blocks) -> KeyedText:
        """As `keyed`, for the counted part of each block. Some chains treat each block as a text of its own."""
        texts = []
        for number, (start, counted) in enumerate(zip(blocks.starts, blocks.counted, strict=True)):
            first = max(0, start - (REACH - 1))
            codes = np.asarray(ids[first : start + counted], np.uint64)[None] + np.uint64(1)
            of_block = np.full(codes.shape, number)
            keys = [[key[0, start - first :] for key in self._keys(chain, codes, of_block)] for chain in self.chains]
            texts.append(KeyedText(keys, np.asarray(ids[start + 1 : start + counted + 1])))
        keys = [
            [np.concatenate([text.keys[s][level] for text in texts]) for level in range(chain.levels)]
            for s, chain in enumerate(self.chains)
        ]
        return KeyedText(keys, np.concatenate([text.symbols for text in texts]))

    def keys(self, codes: Array, blocks: Array | None = None) -> Array:
        """The keys after each character of stretches (B, n), all chains and levels, (levels, B, n).

        Parameters
        ----------
        blocks : (B, n) integer array, optional
            The block of the training text that each character is in.
        """
        return np.array([key for chain in self.chains for key in self._keys(chain, codes, blocks)])

    def _keys(self, chain: Chain, codes: Array, blocks: Array | None = None) -> list[Array]:
        keys = keys_by_document(chain.keys, codes) if self.documents else chain.keys(codes)
        if blocks is not None and chain.of_block:
            keys = [keys[0], *[mixed(key, blocks + 1) for key in keys[1:]]]
        return [key >> DROPPED for key in keys]


class OnText:
    """What the experts say at each character of a text, ids (N,), with all of their counts or without some of them.

    Parameters
    ----------
    events : Events, optional
        The counts that are taken out at each position: those of its own block of the text, from there on.
    shuffled : Shuffled, optional
        The documents, if ids are their ids in a shuffled order.
    """

    def __init__(
        self,
        experts: Experts,
        ids: Array,
        events: Events | None = None,
        blocks: Blocks | None = None,
        shuffled: Shuffled | None = None,
    ) -> None:
        self.experts, self.ids, self.blocks, self.shuffled = experts, ids, blocks, shuffled
        self.events = None if events is None else WithoutRests(experts.tables, events)

    def log_q(self, starts: Array, seq_len: int, dtype: npt.DTypeLike = np.float32) -> Array:
        """The log-probabilities of the characters after each of seq_len inputs from starts (B,) on, (S, T, B, V)."""
        tables, n = self.experts.tables, seq_len * len(starts)
        S, V = len(tables.levels), tables.vocab_size
        at = np.asarray(starts)[:, None] + np.arange(1 - REACH, seq_len)
        codes = np.where(at < 0, 0, np.asarray(self.ids[np.maximum(at, 0)], np.uint64) + np.uint64(1))
        numbers = None if self.blocks is None else self.blocks.number_of(at)
        keys = self.experts.keys(codes, numbers)[:, :, REACH - 1 :]  # (levels, B, T)
        rows = tables.rows(keys.transpose(2, 1, 0)).reshape(n, -1)  # (T·B, levels)
        rows[:, lowest(tables)] = self.experts.shares.shortest_rows  # as a Reader has it
        places = at[:, REACH - 1 :].T.ravel()
        times = places if self.blocks is None else self.blocks.time_of(places)
        out = np.empty((S, n, V), dtype)
        for start in range(0, n, POSITIONS):
            part = slice(start, start + POSITIONS)
            if self.events is None:
                terms = self.experts.shares.terms(rows[part], np.result_type(dtype, np.float32))
            else:
                terms = self.events.terms(rows[part], times[part])
            terms.write_logs(out[:, part])
        return out.reshape(S, seq_len, -1, V)


def held_out(experts: Experts, ids: Array, most_counted: int = MOST_COUNTED) -> OnText:
    """Experts that have counted ids (N,), and what they say along it, without each position's own block.

    Documents are shuffled before they are cut into blocks.
    """
    shuffled = Shuffled(ids) if experts.documents else None
    ids = ids if shuffled is None else shuffled.ids
    blocks = Blocks(len(ids), most_counted)
    tables, events = experts.tables.read(experts.keyed_blocks(ids, blocks), blocks.times)
    return OnText(replace(experts, tables=tables.with_discounts()), ids, events, blocks, shuffled)


def in_context(experts: Experts, ids: Array) -> OnText:
    """The experts while they count what they read: at each position, all of the text before it."""
    tables, events = experts.tables.read(experts.keyed(ids), np.array([len(ids) - 1]))
    return OnText(replace(experts, tables=tables), ids, events)
