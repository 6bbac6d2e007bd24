"""What the experts say along texts that grow is what they say along the whole texts, whatever stands beside them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.arrays import Array
from charrnn.ngrams import chains
from charrnn.ngrams.chains import CHAINS, REACH
from charrnn.ngrams.compiled_reader import CompiledReader, make_reader
from charrnn.ngrams.experts import Experts, OnText
from charrnn.ngrams.reader import Reader
from charrnn.nn.kernels import Kernels
from charrnn.nn.kernels.library import instructions
from tests.broken_kernels import a_bug, can_be_broken

CHARACTERS = "".join(sorted("ab' \nB中文\U00100000\U00100003"))  # the last two stand for labels
# Runs of a character: words and gaps that are longer than a context reaches are among them.
runs = st.tuples(st.sampled_from(CHARACTERS), st.integers(1, 3) | st.integers(REACH - 2, REACH + 3))
texts = st.lists(runs, min_size=1, max_size=12).map(lambda found: "".join(c * n for c, n in found))
examples = settings(deadline=None, derandomize=True, max_examples=60)
compiled = pytest.param("c", marks=pytest.mark.skipif(not instructions(), reason="the compiled kernels are not there"))
both = pytest.mark.parametrize("kernels", ["numpy", compiled])


class Places:
    """A chain that offers nothing but keys: nothing, and how many of the last REACH places are taken."""

    levels = 2

    def __init__(self, characters: str) -> None:
        pass

    def keys(self, codes: Array) -> list[Array]:
        taken = np.cumsum(codes > 0, axis=1)
        taken[:, REACH:] -= taken[:, :-REACH].copy()
        return [np.zeros_like(codes), chains.mixed(taken.astype(np.uint64), 1000)]


def ids_of(text: str) -> Array:
    return np.array([CHARACTERS.index(c) for c in text])


@cache
def some_experts(*names: str) -> Experts:
    rng = np.random.default_rng(5)
    text = "".join(
        rng.choice(["ab", "'", " ", "\n", "Ba", "中", "文", "a" * 70, " " * 70, "\U00100000", "\U00100003"], 400)
    )
    if names:
        return Experts.count(names, CHARACTERS, ids_of(text))
    # All of them, with counts of an earlier text, whose vocabulary was another: its codes are not those of today.
    before, earlier = "B ab", np.resize(np.arange(4), 200) * np.arange(200) % 4
    return Experts.count(tuple(CHAINS), before, earlier).taken_along(CHARACTERS).added(ids_of(text))


def reader_of(experts: Experts, lanes: int, kernels: str, dtype: type = np.float32) -> Reader:
    return make_reader(experts, lanes, dtype, Kernels(kernels))


def along(experts: Experts, ids: Array, kernels: str, dtype: type = np.float32) -> Array:
    """What a reader with one lane says after each character, (S, T, 1, V)."""
    reader = reader_of(experts, 1, kernels, dtype)
    return np.concatenate([reader.read(ids[t : t + 1]) for t in range(len(ids))], axis=1)


def expected(experts: Experts, ids: Array, dtype: type = np.float32) -> Array:
    return OnText(experts, ids).log_q(np.array([0]), len(ids), dtype)


@pytest.mark.parametrize("own_way", [True, False])
@pytest.mark.parametrize("name", CHAINS)
@examples
@given(text=texts)
def test_the_keys_along_a_text_are_those_of_the_whole_text(name: str, own_way: bool, text: str) -> None:
    chain, codes = CHAINS[name](CHARACTERS), ids_of(text) + 1
    if own_way:
        add = chains.along(chain)
    else:
        keys = chains.along_any(chain)
        next(keys)
        add = keys.send
    whole = np.array(chain.keys(codes[None].astype(np.uint64)))[1:, 0]
    assert [add(code) for code in codes.tolist()] == whole.T.tolist()


@both
@examples
@given(text=texts)
def test_each_character_adds_what_the_whole_text_says(kernels: str, text: str) -> None:
    ids = ids_of(text)
    for dtype in (np.float32, np.float64):
        found = along(some_experts(), ids, kernels, dtype)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected(some_experts(), ids, dtype), rtol=3e-7, atol=1e-6)


@both
@examples
@given(lanes=st.lists(texts, min_size=2, max_size=9), data=st.data())
def test_a_lane_does_not_depend_on_its_neighbours(kernels: str, lanes: list[str], data: st.DataObject) -> None:
    own = ids_of(lanes[0])[:80]
    beside = np.array([np.resize(ids_of(text), len(own)) for text in lanes[1:]])  # (B − 1, T)
    lane = data.draw(st.integers(0, len(beside)))
    reader = reader_of(some_experts(), len(lanes), kernels)
    found = [reader.read(np.insert(each, lane, own[t])) for t, each in enumerate(beside.T)]
    alone = along(some_experts(), own, kernels)
    np.testing.assert_array_equal(np.concatenate(found, axis=1)[:, :, lane : lane + 1], alone)


@both
@examples
@given(text=texts, data=st.data())
def test_a_lane_continues_elsewhere_as_if_it_had_never_stopped(kernels: str, text: str, data: st.DataObject) -> None:
    ids = ids_of(text)
    cut = data.draw(st.integers(0, len(ids) - 1))
    first = reader_of(some_experts(), 1, kernels)
    for t in range(cut):
        first.read(ids[t : t + 1])
    assert first.history(0) == ids[max(0, cut - REACH) : cut].tolist()
    second = reader_of(some_experts(), 2, kernels)
    second.read(np.array([1, 3]))  # what a lane had read before it begins is forgotten
    second.begin(1, first.history(0))
    rest = ids[cut : cut + REACH + 5]
    found = np.concatenate([second.read(np.array([0, each])) for each in rest], axis=1)
    whole = along(some_experts(), ids[: cut + len(rest)], kernels)
    np.testing.assert_array_equal(found[:, :, 1:], whole[:, cut:])


@both
def test_a_lane_begins_after_nothing_or_after_any_sequence_of_ids(kernels: str) -> None:
    ids = ids_of("ab 中a'b\n" * 20)
    reader = reader_of(some_experts(), 3, kernels)
    reader.begin(0, ids.tolist())
    reader.begin(1, ids)
    reader.begin(2, ids)
    reader.begin(2)
    assert reader.history(0) == reader.history(1) == ids[-REACH:].tolist()
    assert reader.history(2) == []
    after, _, new = reader.read(np.array([2, 2, 2])).transpose(2, 0, 1, 3)
    np.testing.assert_array_equal(after[:, 0], along(some_experts(), np.append(ids, 2), kernels)[:, -1, 0])
    np.testing.assert_array_equal(new[:, 0], along(some_experts(), np.array([2]), kernels)[:, 0, 0])


@both
@pytest.mark.parametrize("names", [("places",), ("places", "words"), ("characters", "places")])
def test_a_chain_that_offers_nothing_but_keys_is_read_too(
    names: tuple[str, ...], kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CHAINS, "places", Places)
    experts, ids = some_experts(*names), ids_of("ab 'a\n中" * 20)
    np.testing.assert_allclose(along(experts, ids, kernels), expected(experts, ids), rtol=0, atol=1e-6)


@both
@pytest.mark.parametrize("vocab_size", [1, 2, 5000])
def test_vocabularies_of_any_size_are_read(kernels: str, vocab_size: int) -> None:
    characters = "".join(map(chr, range(0x61, 0x61 + vocab_size)))
    rng = np.random.default_rng(vocab_size)
    counted, ids = (np.minimum(rng.geometric(0.05, n) - 1, vocab_size - 1) for n in (3000, 90))
    ids[::9] = vocab_size - 1
    experts = Experts.count(tuple(CHAINS), characters, counted)
    np.testing.assert_allclose(along(experts, ids, kernels), expected(experts, ids), rtol=0, atol=1e-6)


@both
def test_experts_without_counts_say_that_all_characters_are_equally_likely(kernels: str) -> None:
    found = along(Experts.of_no_text(tuple(CHAINS), CHARACTERS), ids_of("ab ab"), kernels)
    np.testing.assert_allclose(found, -np.log(len(CHARACTERS)), rtol=1e-6)


@pytest.mark.skipif(not instructions(), reason="the compiled kernels are not there")
def test_the_compiled_reader_says_what_the_other_does_and_reads_no_unknown_id() -> None:
    rng = np.random.default_rng(3)
    ids = rng.integers(0, len(CHARACTERS), (3 * REACH, 4))
    for dtype, close in ((np.float32, 3e-7), (np.float64, 1e-14)):
        own, compiled = (reader_of(some_experts(), 4, kernels, dtype) for kernels in ("numpy", "c"))
        assert len(some_experts().chains) > len(CHAINS)
        assert type(own) is Reader
        assert type(compiled) is CompiledReader
        for row in ids:
            np.testing.assert_allclose(compiled.read(row), own.read(row), rtol=close, atol=close)
        assert [compiled.history(lane) for lane in range(4)] == [own.history(lane) for lane in range(4)]
    for wrong in (-1, len(CHARACTERS)):
        with pytest.raises(IndexError, match=f"ids must be from 0 to {len(CHARACTERS) - 1}"):
            compiled.read(np.array([0, 1, wrong, 2]))
        with pytest.raises(IndexError, match=f"ids must be from 0 to {len(CHARACTERS) - 1}"):
            compiled.begin(0, [wrong])
    np.testing.assert_array_equal(compiled.codes[:, -1], ids[-1] + 1)  # a refused id changes nothing


def test_a_vocabulary_beyond_the_compiled_types_is_read_by_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charrnn.ngrams.compiled_counts.MOST_SYMBOLS", len(CHARACTERS) - 1)
    assert type(reader_of(some_experts(), 1, "auto")) is Reader


# Bugs in the compiled code: file, right, wrong.
BUGS = [
    ("keys.h", "kind != ALONE && end > 0", "end > 0"),
    ("keys.h", "sum += codes[REACH - k] * power;", "sum += codes[REACH - k];"),
    ("keys.h", "end = word_end(c, codes, begin);", "end = begin;"),
    ("keys.h", "k > 0; k--) keys[k] = mixed(keys[k - 1], label);", "k > 0; k--) keys[k] = mixed(keys[k], label);"),
    ("experts.h", "weights[k] = above;", "weights[k] = 1;"),
    ("experts.h", "c->own ? c->own[codes[k]] : codes[k]", "codes[k]"),
    ("experts.h", "keys[k] ^ c->mark", "keys[k]"),
    ("experts.h", "if (rows[k] >= 0) above *= t->passed_on[rows[k]];", ""),
]


@can_be_broken
@pytest.mark.parametrize(("file", "right", "wrong"), BUGS, ids=lambda each: str(each)[:20])
def test_a_bug_in_the_compiled_reader_is_caught(file: str, right: str, wrong: str, tmp_path: Path) -> None:
    ids = ids_of("ab 中文 Ba'b  aab\nab 中a " * 4)
    with a_bug(file, right, wrong, "float32", tmp_path) as instructions_of_it:
        kernels = Kernels("c")
        kernels.instructions = instructions_of_it
        reader = make_reader(some_experts(), 1, np.float32, kernels)
        found = np.concatenate([reader.read(ids[t : t + 1]) for t in range(len(ids))], axis=1)
    assert np.abs(found - expected(some_experts(), ids)).max() > 1e-3
