"""What counts say along a text, in bulk: the numbers of the equation, with bits that no other position changes."""

from __future__ import annotations

import numpy as np
import pytest

import charrnn.ngrams.experts
import charrnn.ngrams.sums
from charrnn.ngrams.experts import Experts, OnText, held_out, in_context
from charrnn.ngrams.sums import Single, Terms
from charrnn.ngrams.tables import KeyedText, Tables

NAMES = ("characters", "words")
LENGTHS = {2: 400, 9: 1500, 65: 3000, 300: 6000}  # of texts, by the size of their vocabularies


def some_text(V: int) -> tuple[str, np.ndarray]:
    """Characters, and a text in which some are frequent and words come back, with a stretch that repeats itself."""
    rng = np.random.default_rng(V)
    characters = "".join(sorted([*"\n '中"[: V // 2], *(chr(0x61 + k) for k in range(V - min(4, V // 2)))]))
    words = [rng.integers(0, V, rng.integers(1, 6)) for _ in range(200)]
    ids = np.concatenate([words[k] for k in np.minimum(rng.zipf(1.3, LENGTHS[V]) - 1, 199)])[: LENGTHS[V]]
    ids[200:290] = np.resize(words[0][:2], 90)
    return characters, ids


def equation(tables: Tables, keys: np.ndarray) -> np.ndarray:
    """[src.1] after contexts with keys (levels,), (S, V)."""
    found, start, rows = [], 0, tables.rows(keys)
    for count in tables.levels:
        probs = np.full(tables.vocab_size, 1 / tables.vocab_size)
        for level in range(start, start + count):
            if rows[level] < len(tables.keys):
                pairs = slice(tables.first[rows[level]], tables.first[rows[level] + 1])
                counts = np.zeros(tables.vocab_size, int)
                counts[tables.symbols[pairs]] = tables.counts[pairs]
                lost = tables.discounts[level, np.minimum(counts, 3)]
                probs = (counts - lost + lost.sum() * probs) / counts.sum()
        found.append(probs)
        start += count
    return np.array(found)


def keys_after(experts: Experts, ids: np.ndarray) -> np.ndarray:
    """The keys after each character of a text, (N, levels)."""
    return experts.keys(np.asarray(ids, np.uint64)[None] + np.uint64(1))[:, 0].T


@pytest.mark.parametrize("V", LENGTHS)
def test_what_is_said_is_the_equation(V: int) -> None:
    characters, ids = some_text(V)
    experts = Experts.count(NAMES, characters, ids)
    other = np.roll(ids, 50)[: len(ids) // 2]
    found = OnText(experts, other).log_q(np.array([0]), len(other), np.float64)[:, :, 0]
    for t, keys in enumerate(keys_after(experts, other)):
        np.testing.assert_allclose(np.exp(found[:, t]), equation(experts.tables, keys), rtol=1e-6)


@pytest.mark.parametrize("V", LENGTHS)
def test_along_their_own_text_counts_miss_the_rest_of_a_block(V: int) -> None:
    characters, ids = some_text(V)
    along = held_out(Experts.of_no_text(NAMES, characters), ids)
    experts = along.experts
    found = along.log_q(np.array([0]), len(ids) - 1, np.float64)[:, :, 0]
    text, ends = experts.keyed(ids), along.events.ends
    after = keys_after(experts, ids)
    for t in range(0, len(ids) - 1, 1 + len(ids) // 60):
        rest = slice(t, ends[np.searchsorted(ends, t, side="right")])
        part = KeyedText([[key[rest] for key in keys] for keys in text.keys], text.symbols[rest])
        expected = equation(experts.tables.remove(part), after[t])
        np.testing.assert_allclose(np.exp(found[:, t]), expected, rtol=1e-7)


@pytest.mark.parametrize("V", LENGTHS)
def test_counts_in_context_miss_nothing_after_the_last_character(V: int) -> None:
    characters, ids = some_text(V)
    experts = Experts.count(NAMES, characters, ids[::-1])
    last = np.array([len(ids) - 1])
    found = in_context(experts, ids).log_q(last, 1, np.float64)[:, 0, 0]
    np.testing.assert_allclose(
        np.exp(found), equation(experts.added(ids).tables, keys_after(experts, ids)[-1]), rtol=1e-7
    )


@pytest.mark.parametrize("V", LENGTHS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("kind", ["static", "held out", "in context"])
def test_a_position_has_the_same_bits_whatever_else_is_asked_about(
    V: int, dtype: type, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    characters, ids = some_text(V)
    along = held_out(Experts.of_no_text(NAMES, characters), ids)
    experts = along.experts
    if kind != "held out":
        along = OnText(experts, ids) if kind == "static" else in_context(experts, ids[: len(ids) // 2])
    N = len(along.ids) - 1
    whole = along.log_q(np.array([0]), N, dtype)[:, :, 0]  # (S, N, V)
    rng = np.random.default_rng(0)
    for positions, numbers in ((2048, 1 << 18), (7, 1 << 18), (64, 5 * V)):
        monkeypatch.setattr(charrnn.ngrams.experts, "POSITIONS", positions)
        monkeypatch.setattr(charrnn.ngrams.sums, "NUMBERS", numbers)
        for lanes, length in ((1, 1), (2, 3), (5, 16), (3, 61)):
            starts = rng.integers(0, N - length, lanes)
            found = along.log_q(starts, length, dtype)
            for lane, start in enumerate(starts):
                np.testing.assert_array_equal(found[:, :, lane], whole[:, start : start + length])


def test_half_precision_is_rounded_once() -> None:
    characters, ids = some_text(65)
    along = held_out(Experts.of_no_text(NAMES, characters), ids)
    starts = np.array([3, 800])
    found = along.log_q(starts, 50, np.float16)
    np.testing.assert_array_equal(found, along.log_q(starts, 50, np.float32).astype(np.float16))


def test_what_rounding_takes_out_too_much_leaves_what_is_passed_on() -> None:
    vectors, taken = np.array([[0, 0], [0.3, 0.7]]), Single(np.array([0]), np.array([0]), np.array([-(0.1 + 0.2)]))
    terms = Terms((1,), np.ones((1, 1)), np.full((1, 1), 1e-20), vectors, np.array([[1]]), [taken])
    np.testing.assert_array_equal(terms.sums(slice(0, 1))[0, 0], [0.5e-20, 0.7])


def test_experts_that_know_nothing_think_all_characters_equally_likely() -> None:
    found = OnText(Experts.of_no_text(NAMES, "abc"), np.array([0, 1, 2])).log_q(np.array([0]), 3, np.float64)
    np.testing.assert_allclose(found, -np.log(3), rtol=1e-12)
