"""What the experts say along texts that grow is what they say along the whole texts, whatever stands beside them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.arrays import Array
from charrnn.ngrams import chains
from charrnn.ngrams.chains import CHAINS, REACH
from charrnn.ngrams.experts import Experts, OnText
from charrnn.ngrams.reader import Reader

CHARACTERS = "".join(sorted("ab' \nB中文\U00100000\U00100003"))  # the last two stand for labels
# Runs of a character: words and gaps that are longer than a context reaches are among them.
runs = st.tuples(st.sampled_from(CHARACTERS), st.integers(1, 3) | st.integers(REACH - 2, REACH + 3))
texts = st.lists(runs, min_size=1, max_size=12).map(lambda found: "".join(c * n for c, n in found))
examples = settings(deadline=None, derandomize=True, max_examples=60)


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
    return Experts.count(names or tuple(CHAINS), CHARACTERS, ids_of(text))


def along(experts: Experts, ids: Array, dtype: type = np.float32) -> Array:
    """What a reader with one lane says after each character, (S, T, 1, V)."""
    reader = Reader(experts, 1, dtype)
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


@examples
@given(text=texts)
def test_each_character_adds_what_the_whole_text_says(text: str) -> None:
    ids = ids_of(text)
    for dtype in (np.float32, np.float64):
        found = along(some_experts(), ids, dtype)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected(some_experts(), ids, dtype), rtol=0, atol=1e-6)


@examples
@given(lanes=st.lists(texts, min_size=2, max_size=9), data=st.data())
def test_a_lane_does_not_depend_on_its_neighbours(lanes: list[str], data: st.DataObject) -> None:
    own = ids_of(lanes[0])[:80]
    beside = np.array([np.resize(ids_of(text), len(own)) for text in lanes[1:]])  # (B − 1, T)
    lane = data.draw(st.integers(0, len(beside)))
    reader = Reader(some_experts(), len(lanes))
    found = [reader.read(np.insert(each, lane, own[t])) for t, each in enumerate(beside.T)]
    np.testing.assert_array_equal(np.concatenate(found, axis=1)[:, :, lane : lane + 1], along(some_experts(), own))


@examples
@given(text=texts, data=st.data())
def test_a_lane_continues_elsewhere_as_if_it_had_never_stopped(text: str, data: st.DataObject) -> None:
    ids = ids_of(text)
    cut = data.draw(st.integers(0, len(ids) - 1))
    first = Reader(some_experts(), 1)
    for t in range(cut):
        first.read(ids[t : t + 1])
    assert first.history(0) == ids[max(0, cut - REACH) : cut].tolist()
    second = Reader(some_experts(), 2)
    second.read(np.array([1, 3]))  # what a lane had read before it begins is forgotten
    second.begin(1, first.history(0))
    rest = ids[cut : cut + REACH + 5]
    found = np.concatenate([second.read(np.array([0, each])) for each in rest], axis=1)
    whole = along(some_experts(), ids[: cut + len(rest)])
    np.testing.assert_array_equal(found[:, :, 1:], whole[:, cut:])


def test_a_lane_begins_after_nothing_or_after_any_sequence_of_ids() -> None:
    ids = ids_of("ab 中a'b\n" * 20)
    reader = Reader(some_experts(), 3)
    reader.begin(0, ids.tolist())
    reader.begin(1, ids)
    reader.begin(2, ids)
    reader.begin(2)
    assert reader.history(0) == reader.history(1) == ids[-REACH:].tolist()
    assert reader.history(2) == []
    after, _, new = reader.read(np.array([2, 2, 2])).transpose(2, 0, 1, 3)
    np.testing.assert_array_equal(after[:, 0], along(some_experts(), np.append(ids, 2))[:, -1, 0])
    np.testing.assert_array_equal(new[:, 0], along(some_experts(), np.array([2]))[:, 0, 0])


@pytest.mark.parametrize("names", [("places",), ("places", "words"), ("characters", "places")])
def test_a_chain_that_offers_nothing_but_keys_is_read_too(
    names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CHAINS, "places", Places)
    experts, ids = some_experts(*names), ids_of("ab 'a\n中" * 20)
    np.testing.assert_allclose(along(experts, ids), expected(experts, ids), rtol=0, atol=1e-6)


@pytest.mark.parametrize("vocab_size", [1, 2, 5000])
def test_vocabularies_of_any_size_are_read(vocab_size: int) -> None:
    characters = "".join(map(chr, range(0x61, 0x61 + vocab_size)))
    rng = np.random.default_rng(vocab_size)
    counted, ids = (np.minimum(rng.geometric(0.05, n) - 1, vocab_size - 1) for n in (3000, 90))
    ids[::9] = vocab_size - 1
    experts = Experts.count(tuple(CHAINS), characters, counted)
    np.testing.assert_allclose(along(experts, ids), expected(experts, ids), rtol=0, atol=1e-6)


def test_experts_without_counts_say_that_all_characters_are_equally_likely() -> None:
    found = along(Experts.of_no_text(tuple(CHAINS), CHARACTERS), ids_of("ab ab"))
    np.testing.assert_allclose(found, -np.log(len(CHARACTERS)), rtol=1e-6)
