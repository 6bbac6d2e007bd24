"""What every registered chain of contexts must do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.ngrams import CHAINS, Experts, OnText, Reader, held_out
from charrnn.ngrams.chains import REACH

CHARACTERS = "\n 'AabÉé中"
EVERY_CHAIN = sorted(CHAINS)
# Runs of one character are longer than a context reaches.
TEXTS = st.lists(
    st.tuples(st.integers(0, len(CHARACTERS) - 1), st.sampled_from([1, 1, 1, 2, REACH + 3])), max_size=40
).map(lambda runs: np.array([character for character, times in runs for _ in range(times)], np.uint8))


@pytest.mark.parametrize("chain", EVERY_CHAIN)
class TestEveryChain:
    @settings(max_examples=25, deadline=None)
    @given(first=TEXTS, second=TEXTS)
    def test_adding_and_removing_a_text_restores_the_tables(
        self, chain: str, first: np.ndarray, second: np.ndarray
    ) -> None:
        once = Experts.count([chain], CHARACTERS, first)
        again, other = once.added(second).removed(second), once.added(second).removed(first)
        assert again.counts_sha256 == once.counts_sha256
        alone = Experts.of_no_text([chain], CHARACTERS).added(second)
        for name in ("keys", "level", "first", "symbols", "counts"):
            np.testing.assert_array_equal(getattr(other.tables, name), getattr(alone.tables, name))

    @settings(max_examples=15, deadline=None)
    @given(counted=TEXTS, read=TEXTS, cut=st.integers(1, 90))
    def test_windows_cut_anywhere_and_a_reader_say_the_same(
        self, chain: str, counted: np.ndarray, read: np.ndarray, cut: int
    ) -> None:
        experts = Experts.count([chain], CHARACTERS, counted)
        on_text, reader = OnText(experts, read), Reader(experts, 1)
        whole = on_text.log_q(np.array([0]), len(read))[:, :, 0] if len(read) else np.empty((1, 0, 9))
        for start in range(0, len(read), cut):
            part = on_text.log_q(np.array([start]), min(cut, len(read) - start))[:, :, 0]
            np.testing.assert_array_equal(part, whole[:, start : start + cut])
        for t, k in enumerate(read):
            np.testing.assert_allclose(reader.read(np.array([k]))[:, 0, 0], whole[:, t], atol=1e-6)

    @settings(max_examples=15, deadline=None)
    @given(text=TEXTS.filter(lambda ids: len(ids) > 1))
    def test_every_character_has_a_share_and_all_shares_sum_to_1(self, chain: str, text: np.ndarray) -> None:
        along = held_out(Experts.of_no_text([chain], CHARACTERS), text)
        for on_text in (along, OnText(along.experts, text)):
            q = np.exp(on_text.log_q(np.array([0]), len(text) - 1))
            assert (q > 0).all()
            np.testing.assert_allclose(q.sum(axis=-1), 1, atol=1e-6)
