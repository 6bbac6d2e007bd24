"""A text that grows a step at a time."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.errors import UnknownCharacterError
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
