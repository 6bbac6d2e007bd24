"""Chains of contexts: what a count model looks at before it guesses the next character.

A chain is a list of contexts u_1 ⊂ u_2 ⊂ … ⊂ u_L, each determined by the next. Only a hash of a context is kept, its
*key*: a polynomial in the ids of its characters, modulo 2⁶⁴, so that the keys of a whole text come from a few
cumulative sums. With KEY_BITS bits, a context that was never seen is taken for another once in five million times, a
file of keys is small, and a key and any character of Unicode fit into one number. No context looks further back than
REACH characters: a key is a function of these characters alone, whether they are read as a text, in windows or one at a
time. The places before a text have code 0.

A new chain is one class here and one line in CHAINS. A method `along` makes it faster along a text that grows by a
character at a time: the same keys come from sums that each character extends. With `goes_along = True`, a run that
starts from a model also counts it over all texts so far: see `all_texts`. The derivation is in
docs/derivations/ngrams.md.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Callable, Generator
from typing import Protocol

import numpy as np

from charrnn.arrays import Array
from charrnn.text.vocabulary import FIRST_LABEL

REACH = 64  # characters
ORDER = 7  # of the chain of characters: contexts of 0 to 6 characters. Orders 6 to 8 are equally good
WORDS = 4  # contexts in the chain of words
BASE = 0x9E3779B97F4A7C15  # of the polynomials: odd, so that it has an inverse modulo 2⁶⁴
KEY_BITS = 43
INVERSE = pow(BASE, -1, 1 << 64)
MASK = (1 << 64) - 1  # x & MASK is x modulo 2⁶⁴
POWERS = [pow(BASE, k, 1 << 64) for k in range(REACH + 1)]
SALT, MIX = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
# Scripts that are written without spaces, by the first word of a character's Unicode name. Each of their characters is
# a word of its own.
WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
BETWEEN, IN_WORD, ALONE = range(3)  # kinds of characters: no letter, a letter, a letter that is a word of its own

Along = Generator[list[int], int, None]  # is sent the next code of a text, and yields the keys after it


class Chain(Protocol):
    """A chain of contexts over a vocabulary."""

    levels: int  # L, the number of contexts
    of_block: bool  # whether, in training, a context is counted in the block of the text that it is in alone

    def __init__(self, characters: str) -> None: ...

    def keys(self, codes: Array) -> list[Array]:
        """The keys of contexts.

        Parameters
        ----------
        codes : (B, n) uint64 array
            Stretches of text: ids + 1, and 0 where there is nothing.

        Returns
        -------
        list of (B, n) uint64 arrays
            For each context of the chain, the shortest first, its key after each character, in 64 bits. Those of
            the first REACH − 1 columns count what stands before the stretch as nothing.
        """


class Characters:
    """The last 0, 1, …, 6 characters."""

    levels, of_block, goes_along = ORDER, False, True
    salt = 0

    def __init__(self, characters: str) -> None:
        pass

    def keys(self, codes: Array) -> list[Array]:
        total = np.zeros_like(codes)
        keys = [mixed(total, self.salt)]
        power = 1
        for k in range(1, self.levels):  # k characters: Σ_i code_{t−i} BASE^i
            total[:, k - 1 :] += codes[:, : max(0, codes.shape[1] - k + 1)] * np.uint64(power)
            keys.append(mixed(total, self.salt + k))
            power = power * BASE % (1 << 64)
        return keys

    def along(self) -> Along:
        keys: list[int] = []
        sums = [0] * self.levels
        while True:
            code = yield keys
            sums = [0, *[shorter * BASE + code & MASK for shorter in sums[:-1]]]
            keys = [mixed_number(sums[k], self.salt + k) for k in range(1, self.levels)]


class Recent(Characters):
    """The last 0, 1, …, 5 characters, of the text that is being read alone.

    In training that is the position's block. Text before it counts only in the shortest context.
    """

    levels, of_block, goes_along = 6, True, False
    salt = 200


class Labels(Characters):
    """Nothing; the label of the document; the same with the last 1, 2, …, 5 characters.

    A label that is out of reach is unknown.
    """

    goes_along = False  # labels of another list are others
    salt = 300

    def __init__(self, characters: str) -> None:
        self.first = 1 + sum(c < FIRST_LABEL for c in characters)  # the code of the first label

    def keys(self, codes: Array) -> list[Array]:
        columns = np.arange(codes.shape[1])
        place = np.maximum.accumulate(np.where(codes >= self.first, columns, -REACH), axis=1)
        label = np.take_along_axis(codes, np.maximum(place, 0), axis=1)
        label[columns - place >= REACH] = 0
        keys = super().keys(codes)
        return [keys[0], *[mixed(key, label) for key in keys[:-1]]]

    def along(self) -> Along:
        keys: list[int] = []
        characters, nothing = super().along(), mixed_number(0, self.salt)
        next(characters)
        label = age = 0
        while True:
            code = yield keys
            label, age = (code, 0) if code >= self.first else (label, age + 1)
            if age == REACH:
                label = 0
            keys = [mixed_number(key, label) for key in (nothing, *characters.send(code)[:-1])]


class Words:
    """Nothing; the word so far, as written; with the word before; and with the one before that, in lower case.

    A word is a run of letters, marks and apostrophes; between words, "the word so far" is what has followed the last.
    """

    levels, of_block, goes_along = WORDS, False, True

    def __init__(self, characters: str) -> None:
        place = {c: k for k, c in enumerate(characters, 1)}
        self.letter = np.array([False, *map(is_letter, characters)])  # by code
        self.alone = np.array([False, *map(stands_alone, characters)])
        self.lower = np.array([0, *(place.get(c.lower(), place[c]) for c in characters)], np.uint64)
        # The same as Python's numbers, for `along`:
        self.kinds: list[int] = (self.letter.astype(int) + self.alone).tolist()
        self.folded: list[int] = self.lower.tolist()

    def keys(self, codes: Array) -> list[Array]:
        n = codes.shape[1]
        at = codes.astype(np.intp)
        columns = np.arange(n)
        letter, alone = self.letter[at], self.alone[at]
        begins = np.ones(at.shape, bool)  # a run: letters or others, and each character that stands alone
        begins[:, 1:] = (letter[:, 1:] != letter[:, :-1]) | alone[:, 1:] | alone[:, :-1]
        start = np.maximum.accumulate(np.where(begins, columns, 0), axis=1)  # of the run that a character is in
        far = np.maximum(columns - (REACH - 1), 0)  # the first column that a context may look at

        def begin_of(end: Array) -> Array:
            """The start of the run that ends before a column."""
            return np.take_along_axis(start, np.maximum(end - 1, 0), axis=1)

        def last_end(column: Array) -> Array:
            """Where the last word before a column ends: there, or where the run between words began."""
            is_word = np.take_along_axis(letter, np.maximum(column - 1, 0), axis=1)
            return np.where(is_word, column, begin_of(column))

        spelled, folded = prefix_sums(codes), prefix_sums(self.lower[at])
        after = np.broadcast_to(columns + 1, at.shape)
        so_far = segment(spelled, np.where(alone, after, np.maximum(start, far)), after)
        end = np.where(alone, after, np.where(letter, last_end(start), start))
        keys = [mixed(np.zeros_like(codes), 100), mixed(so_far, 101 + letter)]
        for salt in (103, 104):
            begin = begin_of(end)
            word = segment(folded, np.maximum(begin, far), np.maximum(end, far))
            keys.append(mixed(keys[-1] ^ mixed(word, salt), salt))
            end = last_end(begin)
        return keys

    def along(self) -> Along:
        keys: list[int] = []
        spelled, folded = (deque([0] * (REACH + 1), REACH + 1) for _ in range(2))  # H_t of the last characters
        time = start = 0  # how many characters were read, and how many before the run that the last of them is in
        kind = BETWEEN
        last = before = (0, 0)  # where the last two whole words begin and end

        def polynomial(sums: deque[int], start: int, end: int) -> int:
            """As `segment`, of the characters that a context may look at."""
            start, end = max(start - time, -REACH), max(end - time, -REACH)
            return sums[end - 1] - sums[start - 1] * POWERS[end - start] & MASK

        while True:
            code = yield keys
            kind_before, kind = kind, self.kinds[code]
            if kind != kind_before:
                if kind_before == IN_WORD:
                    last, before = (start, time), last
                start = time
            time += 1
            if kind == ALONE:  # a whole word, and a new run begins after it
                last, before, start = (time - 1, time), last, time
            spelled.append(spelled[-1] * BASE + code & MASK)
            folded.append(folded[-1] * BASE + self.folded[code] & MASK)
            key = mixed_number(polynomial(spelled, start, time), 101 + (kind != BETWEEN))
            keys = [key]
            for salt, word in ((103, last), (104, before)):
                key = mixed_number(key ^ mixed_number(polynomial(folded, *word), salt), salt)
                keys.append(key)


CHAINS: dict[str, type[Chain]] = {"characters": Characters, "words": Words, "recent": Recent, "labels": Labels}


def along(chain: Chain) -> Callable[[int], list[int]]:
    """Return a function from the next code of a text that grows to the keys after it, in 64 bits.

    They are the keys of `Chain.keys` without the shortest context's, which is the same everywhere.
    """
    own: Callable[[], Along] | None = getattr(chain, "along", None)
    keys = own() if own else along_any(chain)
    next(keys)
    return keys.send


def along_any(chain: Chain) -> Along:
    """The keys along a text that grows, of a chain that has no method `along`."""
    keys: list[int] = []
    codes = np.zeros((1, REACH), np.uint64)
    while True:
        code = yield keys
        codes = np.append(codes[:, 1:], np.array([[code]], np.uint64), axis=1)
        keys = [int(key[0, -1]) for key in chain.keys(codes)[1:]]


def is_letter(character: str) -> bool:
    """Whether a character can be part of a word: a letter, a mark upon one, or an apostrophe."""
    return unicodedata.category(character)[0] in "LM" or character in "'’"


def stands_alone(character: str) -> bool:
    """Whether a character is a letter of a script that puts no spaces between words."""
    return is_letter(character) and unicodedata.name(character, "").startswith(WITHOUT_SPACES)


def mixed(key: Array, salt: int | Array) -> Array:
    """Keys of another context for every salt, with all bits spread."""
    key = (key + np.asarray(salt, np.uint64) * SALT) * MIX
    key ^= key >> np.uint64(31)
    key *= MIX
    key ^= key >> np.uint64(29)
    return key


def mixed_number(key: int, salt: int) -> int:
    """`mixed` for one key, without NumPy."""
    key = (key + salt * SALT) * MIX & MASK
    key = (key ^ key >> 31) * MIX & MASK
    return key ^ key >> 29


def prefix_sums(codes: Array) -> Array:
    """Σ_{k<t} code_k BASE^−k for t = 0 … n, (B, n + 1)."""
    sums = np.zeros((len(codes), codes.shape[1] + 1), np.uint64)
    np.cumsum(codes * powers(INVERSE, codes.shape[1]), axis=1, out=sums[:, 1:])
    return sums


def segment(sums: Array, start: Array, end: Array) -> Array:
    """The polynomials Σ code_k BASE^(end − 1 − k) over start ≤ k < end, from their prefix sums; 0 if there is none."""
    value = np.take_along_axis(sums, end, axis=1) - np.take_along_axis(sums, np.minimum(start, end), axis=1)
    return np.asarray(value * powers(BASE, sums.shape[1])[np.maximum(end - 1, 0)])


def powers(base: int, n: int) -> Array:
    """base^0 … base^(n − 1) modulo 2⁶⁴, (n,)."""
    factors = np.full(n, base, np.uint64)
    factors[:1] = 1
    return np.multiply.accumulate(factors)
