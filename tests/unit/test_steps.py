"""A text that grows a step at a time."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from charrnn.errors import RunError, UnknownCharacterError
from charrnn.generation import END
from tests.networks import EVERY_CELL
from tests.unit.test_score_many import model_of

TEXT = "abc fed"


@pytest.mark.parametrize("cell", EVERY_CELL)
@pytest.mark.parametrize("experts", [False, True])
def test_the_probabilities_of_a_documents_steps_multiply_to_its_own(cell: str, experts: bool) -> None:
    model = model_of(cell, experts=experts)
    state, nats = model.start(), []
    for character in TEXT:
        nats.append(-np.log(state.next_probs()[character]))
        assert state.feed(character) is state
    nats.append(-np.log(state.next_probs()[END]))
    np.testing.assert_allclose(nats, model.score(TEXT).per_char, rtol=1e-6)
    assert sum(state.next_probs().values()) == pytest.approx(1.0)
    assert set(state.next_probs()) == {END, *model.vocabulary.characters[1:]}


@pytest.mark.parametrize("experts", [False, True])
def test_a_prompt_and_the_same_text_fed_lead_to_the_same_place(experts: bool) -> None:
    model = model_of("lstm", experts=experts)
    prompted, fed, one_by_one = model.start(TEXT), model.start().feed(TEXT), model.start("ab")
    for character in TEXT[2:]:
        one_by_one.feed(character)
    np.testing.assert_allclose(fed.probs(), prompted.probs(), rtol=1e-6)
    np.testing.assert_allclose(one_by_one.probs(), prompted.probs(), rtol=1e-6)


@pytest.mark.parametrize("experts", [False, True])
def test_copies_go_their_own_ways(experts: bool) -> None:
    model = model_of("qrnn", experts=experts)
    state = model.start("ab")
    before, other = state.probs(), state.copy()
    other.feed("cc")
    np.testing.assert_array_equal(state.probs(), before)
    third = other.copy().feed("d")
    np.testing.assert_allclose(other.probs(), model.start("abcc").probs(), rtol=1e-6)
    np.testing.assert_allclose(third.probs(), model.start("abccd").probs(), rtol=1e-6)
    np.testing.assert_allclose(state.feed("e").probs(), model.start("abe").probs(), rtol=1e-6)


def test_copies_may_read_at_the_same_time() -> None:
    model = model_of("gru", experts=True)
    assert f"{len(model.vocabulary)} symbols" in repr(model)
    state = model.start("ab")
    texts = ["abc" * 40, "fed" * 40, "c b" * 40, "aaa" * 40]
    with ThreadPoolExecutor(len(texts)) as threads:
        fed = list(threads.map(lambda text: [state.copy().feed(text).probs() for _ in range(5)], texts))
    for text, found in zip(texts, fed, strict=True):
        for probs in found:
            np.testing.assert_array_equal(probs, model.start("ab").feed(text).probs())


def test_a_text_has_no_end_and_unknown_characters_change_nothing() -> None:
    model = model_of("gru", documents=False)
    state = model.start("ab")
    assert set(state.next_probs()) == set(model.vocabulary.characters)
    before = state.probs()
    with pytest.raises(UnknownCharacterError):
        state.feed("cé")
    np.testing.assert_array_equal(state.probs(), before)
    state.feed("")
    np.testing.assert_array_equal(state.probs(), before)


@pytest.mark.parametrize("experts", [False, True])
def test_completions_are_the_likeliest_of_all_ends(experts: bool) -> None:
    model = model_of("gru", experts=experts)
    state = model.start("ab")
    before = state.probs()
    found = state.completions(4)
    np.testing.assert_array_equal(state.probs(), before)
    letters = [c for c in model.vocabulary.characters if c.isalnum()]
    shares = {}
    for length in range(4):
        for end in map("".join, itertools.product(letters, repeat=length)):
            share, place = 1.0, model.start("ab")
            for c in end:
                share *= place.next_probs()[c]
                place.feed(c)
            shares[end] = share * (1 - sum(place.next_probs()[c] for c in letters))
    expected = sorted(shares.items(), key=lambda each: -each[1])[:4]
    assert [end for end, _ in found] == [end for end, _ in expected]
    np.testing.assert_allclose([share for _, share in found], [share for _, share in expected], rtol=1e-5)


@pytest.mark.parametrize("experts", [False, True])
def test_a_saved_place_is_gone_on_from(experts: bool, tmp_path: Path) -> None:
    model = model_of("lstm", experts=experts)
    state = model.start("abc ")
    state.save(tmp_path / "place.npz")
    again = model.start().load(tmp_path / "place.npz")
    np.testing.assert_array_equal(again.probs(), state.probs())
    np.testing.assert_array_equal(again.feed("fe").probs(), state.feed("fe").probs())


def test_a_file_that_is_no_saved_place_is_refused(tmp_path: Path) -> None:
    model, path = model_of("lstm"), tmp_path / "place.npz"
    state = model.start("ab")
    with pytest.raises(RunError, match="there is no state at"):
        state.load(path)
    path.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(RunError, match="is not a state of this model"):
        state.load(path)
    model_of("gru").start("ab").save(path)
    with pytest.raises(RunError, match="is not a state of this model"):
        state.load(path)
    state.save(path)
    with np.load(path) as file:
        arrays = dict(file)
    for name, value in [
        ("logits", arrays["logits"] * np.nan), ("history", np.array([99])), ("model", arrays["model"] + 1),
        ("state", arrays["state"].astype(object)), ("state", arrays["state"][:, :1]),
    ]:  # fmt: skip
        np.savez(path, **{**arrays, name: value})
        with pytest.raises(RunError, match="is not a state of this model"):
            state.load(path)
    np.testing.assert_array_equal(state.probs(), model.start("ab").probs())
