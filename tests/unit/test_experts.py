"""Counts over chains of contexts: exact when texts come and go, and honest about the text that they are asked about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from charrnn.ngrams import Experts, KeptLogQ, NGram, OnText, choose_experts, held_out, in_context
from charrnn.ngrams.blocks import NEVER, Blocks
from charrnn.ngrams.stretches import starts_of
from charrnn.ngrams.tables import KeyedText, Tables
from charrnn.text.vocabulary import Vocabulary

NAMES = ("characters", "words")
CHARACTERS = "".join(sorted("\n 'abAB中文"))
ARRAYS = ("keys", "level", "first", "symbols", "counts")


def some_text(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    V = len(CHARACTERS)
    return rng.choice(V, int(rng.integers(3, 400)), p=rng.dirichlet(np.ones(V)))


@pytest.mark.parametrize("seed", range(12))
def test_adding_and_removing_a_text_restores_the_tables(seed: int) -> None:
    ids = some_text(seed)
    once = Experts.count(NAMES, CHARACTERS, ids)
    again = once.added(ids[:50]).removed(ids[:50])
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(once.tables, name), getattr(again.tables, name))


@pytest.mark.parametrize("seed", range(12))
def test_a_position_sees_counts_without_its_own_block_from_there_on(seed: int) -> None:
    ids = some_text(seed)
    along = held_out(Experts.of_no_text(NAMES, CHARACTERS), ids)
    experts = along.experts
    found = along.log_q(np.array([0]), len(ids) - 1, np.float64)[:, :, 0]
    text, ends = experts.keyed(ids), along.events.ends
    for t in range(0, len(ids) - 1, 7):
        rest = slice(t, ends[np.searchsorted(ends, t, side="right")])
        part = KeyedText([[key[rest] for key in keys] for keys in text.keys], text.symbols[rest])
        without = OnText(replace(experts, tables=experts.tables.remove(part)), ids)
        q = without.log_q(np.array([t]), 1, np.float64)[:, 0, 0]
        np.testing.assert_allclose(np.exp(q).sum(axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(found[:, t], q, atol=1e-5)


def test_counts_in_context_are_those_of_what_was_read() -> None:
    experts, ids = Experts.count(NAMES, CHARACTERS, some_text(1)), some_text(2)
    found = in_context(experts, ids).log_q(np.array([0]), len(ids) - 1, np.float64)[:, :, 0]
    for t in range(1, len(ids) - 1, 9):
        q = OnText(experts.added(ids[: t + 1]), ids).log_q(np.array([t]), 1, np.float64)[:, 0, 0]
        np.testing.assert_allclose(found[:, t], q, atol=1e-5)


def test_the_chain_of_characters_is_the_kneser_ney_7_gram() -> None:
    ids, other = some_text(3), some_text(4)
    q = OnText(Experts.count(["characters"], CHARACTERS, ids), other).log_q(np.array([0]), len(other) - 1, np.float64)
    nats = -q[0, np.arange(len(other) - 1), 0, other[1:]]
    expected = NGram(ids, len(CHARACTERS), 7, "Kneser–Ney").nats(other)
    # The first character of a text has no context, and is not counted: the ends of the text differ, a little.
    np.testing.assert_allclose(nats[6:].mean(), expected[7:].mean(), rtol=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_windows_cut_anywhere_say_the_same(seed: int) -> None:
    """Words far longer than a context reaches are among them: a context is a function of what it can see."""
    ids = np.concatenate([some_text(seed), np.repeat(CHARACTERS.index("a"), 150), some_text(seed + 20)])
    experts = Experts.count(NAMES, CHARACTERS, some_text(40))
    along = OnText(experts.added(ids), ids)
    whole = along.log_q(np.array([0]), len(ids) - 1)
    for length in (1, 5, 70):
        starts = np.arange(0, len(ids) - 1 - length, max(1, length // 2))
        for start, found in zip(starts, along.log_q(starts, length).transpose(2, 0, 1, 3), strict=True):
            np.testing.assert_allclose(found, whole[:, start : start + length, 0], atol=1e-5)


def test_auto_leaves_the_words_out_of_a_script_without_spaces() -> None:
    for text, expected in (("It is, 中 said.", ("characters", "words")), ("他说道：“Ab 天下事。”", ("characters",))):
        vocabulary = Vocabulary(text)
        assert choose_experts("auto", vocabulary.characters, vocabulary.encode(text)) == expected
        assert choose_experts("words", vocabulary.characters, vocabulary.encode(text)) == ("words",)
        assert choose_experts("adapting", vocabulary.characters, vocabulary.encode(text)) == (*expected, "recent")
        assert choose_experts("none", vocabulary.characters, vocabulary.encode(text)) == ()


def test_what_is_kept_is_what_was_said() -> None:
    """In training nothing depends on whether a row was kept, which lane asked for it, or whether there was room."""
    ids = some_text(7)
    on_text = held_out(Experts.of_no_text(NAMES, CHARACTERS), ids)
    kept, anew = KeptLogQ(on_text), KeptLogQ(on_text, prune=9, most_bytes=0)
    rng = np.random.default_rng(0)
    for _ in range(30):
        starts = rng.integers(0, len(ids) - 9, 4)
        found = kept.log_q(starts, 9)
        assert found.shape == (2, 9, 4, len(CHARACTERS))
        np.testing.assert_array_equal(found, anew.log_q(starts, 9))
        np.testing.assert_allclose(found, on_text.log_q(starts, 9), rtol=1e-3)


def without_rows(tables: Tables, gone: np.ndarray) -> Tables:
    lengths = np.diff(tables.first)
    pairs = np.repeat(~gone, lengths)
    return replace(
        tables, keys=tables.keys[~gone], level=tables.level[~gone], first=starts_of(lengths[~gone]),
        symbols=tables.symbols[pairs], counts=tables.counts[pairs],
    )  # fmt: skip


def sums(experts: Experts, ids: np.ndarray) -> np.ndarray:
    log_q = OnText(experts, ids).log_q(np.array([0]), len(ids) - 1, np.float32)
    assert log_q.dtype == np.float32
    return np.exp(log_q.astype(float)).sum(axis=-1)


@pytest.mark.parametrize("least", [2, 3, 10, 10_000])
def test_a_longest_context_that_is_rare_is_pruned_and_the_probabilities_still_add_up(least: int) -> None:
    experts, other = Experts.count(NAMES, CHARACTERS, some_text(5)), some_text(6)
    tables = experts.tables.pruned(least)
    rare = np.isin(experts.tables.level, [6, 10]) & (experts.tables.totals[:-1] < least)
    assert rare.any()
    assert tables.digest() == without_rows(experts.tables, rare).digest()
    np.testing.assert_allclose(sums(replace(experts, tables=tables), other), 1, atol=1e-6)


def test_pruning_of_no_context_changes_nothing() -> None:
    for names in (NAMES, ("characters",)):
        tables = Experts.count(names, CHARACTERS, some_text(5)).tables
        assert tables.pruned(0).digest() == tables.pruned(1).digest() == tables.digest()
    shortest = Tables.empty(3, [1]).add(KeyedText([[np.full(2, 7, np.uint64)]], np.array([0, 2])))
    assert shortest.pruned(100).digest() == shortest.digest()  # it is its chain's longest context, too


def test_pruned_tables_can_be_added_to_and_restored() -> None:
    pruned = Experts.count(NAMES, CHARACTERS, some_text(5)).tables.pruned(2)
    text = Experts.of_no_text(NAMES, CHARACTERS).keyed(some_text(6))
    assert pruned.add(text).remove(text).digest() == pruned.digest()


@pytest.mark.parametrize("seed", range(4))
def test_a_context_that_is_missing_on_any_level_passes_everything_on(seed: int) -> None:
    experts, other = Experts.count(NAMES, CHARACTERS, some_text(seed)), some_text(seed + 50)
    gone = np.random.default_rng(seed).random(len(experts.tables.keys)) < 0.5
    holed = replace(experts, tables=without_rows(experts.tables, gone & ~np.isin(experts.tables.level, [0, 7])))
    np.testing.assert_allclose(sums(holed, other), 1, atol=1e-6)
    along = in_context(holed, other).log_q(np.array([0]), len(other) - 1, np.float64)
    np.testing.assert_allclose(np.exp(along).sum(axis=-1), 1, atol=1e-6)


def test_rows_are_found_one_by_one_as_they_are_found_together() -> None:
    tables = Experts.count(NAMES, CHARACTERS, some_text(8)).tables
    keys = np.concatenate([tables.keys, tables.keys + np.uint64(1), tables.keys - np.uint64(1)])
    expected = np.where(np.isin(keys, tables.keys), np.searchsorted(tables.keys, keys), len(tables.keys))
    np.testing.assert_array_equal(tables.rows(keys), expected)
    np.testing.assert_array_equal([tables.rows(key[None])[0] for key in keys], expected)


@pytest.mark.parametrize("most", [40, 200, 10**6])
def test_a_long_text_is_counted_in_part_and_honest_where_it_is_counted(most: int) -> None:
    ids = np.concatenate([some_text(50), some_text(51), some_text(52), some_text(53)])
    blocks = Blocks(len(ids), most)
    along = held_out(Experts.of_no_text(NAMES, CHARACTERS), ids, most)
    experts, text = along.experts, along.experts.keyed_blocks(ids, blocks)
    assert len(text.symbols) == blocks.times[-1] <= max(most, 20)
    found = along.log_q(np.array([0]), len(ids) - 1, np.float64)[:, :, 0]
    whole = OnText(experts, ids).log_q(np.array([0]), len(ids) - 1, np.float64)[:, :, 0]
    times = blocks.time_of(np.arange(len(ids) - 1))
    np.testing.assert_allclose(found[:, times == NEVER], whole[:, times == NEVER], atol=1e-6)
    np.testing.assert_array_equal(np.sort(times[times != NEVER]), np.arange(blocks.times[-1]))
    for t in np.flatnonzero(times != NEVER)[::9]:
        rest = slice(times[t], blocks.times[blocks.number_of(t)])
        assert text.symbols[times[t]] == ids[t + 1]
        part = KeyedText([[key[rest] for key in keys] for keys in text.keys], text.symbols[rest])
        without = OnText(replace(experts, tables=experts.tables.remove(part)), ids)
        np.testing.assert_allclose(found[:, t], without.log_q(np.array([t]), 1, np.float64)[:, 0, 0], atol=1e-5)


def test_recent_counts_know_their_own_block_alone() -> None:
    """Each block repeats one pair: it is news at the start of every block, and known at its end."""
    a, b = CHARACTERS.index("a"), CHARACTERS.index("b")
    ids = np.tile([a, b], 500)
    blocks = Blocks(len(ids))
    along = held_out(Experts.of_no_text(["recent", "characters"], CHARACTERS), ids)
    recent, characters = np.exp(along.log_q(np.array([0]), len(ids) - 1)[:, np.arange(len(ids) - 1), 0, ids[1:]])
    for start, end in zip(blocks.starts[1:], blocks.ends[1:], strict=True):
        assert recent[start] < 0.7 < 0.9 < recent[end - 1]
        assert characters[start] > 0.9
    kept = along.experts.pruned(2)
    after = np.exp(OnText(kept, ids).log_q(np.array([0]), 50)[0, :, 0])
    np.testing.assert_allclose(after, np.broadcast_to(after[0], after.shape))  # the model knows no block
    assert np.exp(in_context(kept, ids).log_q(np.array([100]), 1)[0, 0, 0, ids[101]]) > 0.9


def test_where_counts_are_honest_they_know_nothing_of_a_random_text() -> None:
    """What they say in training is no better than guessing; counts that contain the answer would give it away."""
    ids = np.random.default_rng(0).integers(0, len(CHARACTERS), 3000)
    along = held_out(Experts.of_no_text(NAMES, CHARACTERS), ids)
    for on_text, honest in ((along, True), (OnText(along.experts, ids), False)):
        log_q = on_text.log_q(np.array([0]), len(ids) - 1)[:, np.arange(len(ids) - 1), 0, ids[1:]]
        assert ((-log_q.mean(axis=1) > np.log(len(CHARACTERS))) == honest).all()


def test_experts_speak_of_the_character_that_follows() -> None:
    ids = np.tile([1, 3, 5], 60)
    log_q = OnText(Experts.count(NAMES, CHARACTERS, ids), ids).log_q(np.array([0]), len(ids) - 1)[:, :, 0]
    np.testing.assert_array_equal(log_q.argmax(axis=2)[:, 9:], np.broadcast_to(ids[10:], (2, len(ids) - 10)))
