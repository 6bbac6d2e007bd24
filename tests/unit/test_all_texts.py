"""Counts that a model takes along to another text: they say what they said, whatever the ids have become."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from charrnn.arrays import Array
from charrnn.errors import RunError
from charrnn.ngrams import Codes, Experts, OnText, Reader, alone, came_from, with_all
from charrnn.runs.model_file import read_counts, write_counts
from charrnn.text.vocabulary import BOUNDARY, Vocabulary

BOTH = ("characters", "words")
OLD = "the cat ran down, and the clock struck one.\nthe cat sat.\n" * 8
NEW = "“The Cat!” said Zoë; 漢字 and the cat 😀.\n" * 4
NEITHER = Vocabulary(OLD + NEW.replace("T", "").replace("C", "").replace("Z", "").replace("ë", "")).characters


def counted(text: str, characters: str, names: Sequence[str] = BOTH) -> Experts:
    return Experts.count(names, characters, Vocabulary(characters).encode(text))


def said(experts: Experts, ids: Array) -> Array:
    """The probabilities after each of ids (N,), (S, N, V), in float64."""
    found = OnText(experts, ids).log_q(np.array([0]), len(ids), np.float64)
    return np.exp(found[:, :, 0])


def test_what_is_taken_along_says_what_it_said() -> None:
    """The substitution cipher of counts: every id of the larger vocabulary is another."""
    before = counted(OLD, Vocabulary(OLD).characters)
    larger = Vocabulary(OLD + NEW)
    after = before.taken_along(larger.characters)
    assert after.names == (*BOTH, "characters of all texts", "words of all texts")
    text = OLD[30:200]
    old, new = said(before, Vocabulary(OLD).encode(text)), said(after, larger.encode(text))
    at = [larger.characters.index(c) for c in before.characters]
    less = old - new[2:, :, at]  # new characters have an equal share of what is left over
    assert 0 < less.max() < 0.02
    np.testing.assert_allclose(less, less[:, :, :1].repeat(less.shape[2], axis=2), atol=1e-6)
    np.testing.assert_allclose(new.sum(axis=2), 1, atol=1e-6)
    np.testing.assert_allclose(new[:2], 1 / len(larger), rtol=1e-6)  # the new text alone was not counted yet
    assert new[2:].max() > 0.9


def test_both_texts_are_counted_as_if_they_were_read_together() -> None:
    before = counted(OLD, Vocabulary(OLD).characters)
    ids = Vocabulary(NEITHER).encode(text := NEW.translate(dict.fromkeys(map(ord, "TCZë"))))
    after = before.taken_along(NEITHER).added(ids).with_discounts()
    together = counted(OLD, NEITHER).added(ids).with_discounts()
    np.testing.assert_allclose(said(after, ids)[2:], said(together, ids), atol=1e-6)
    np.testing.assert_allclose(said(after, ids)[:2], said(counted(text, NEITHER), ids), atol=1e-6)


def test_a_new_letter_is_read_like_its_relative() -> None:
    characters = Vocabulary(OLD + "THÉ").characters
    after = counted(OLD, Vocabulary(OLD).characters).taken_along(characters)
    assert after.codes is not None
    assert after.codes.order == Vocabulary(OLD).characters
    vocabulary = Vocabulary(characters)
    np.testing.assert_array_equal(
        said(after, vocabulary.encode("THÉ cat"))[2], said(after, vocabulary.encode("the cat"))[2]
    )


def test_a_third_text_goes_on_from_both() -> None:
    first = counted(OLD, Vocabulary(OLD).characters)
    second = Vocabulary(OLD + NEW)
    two = first.taken_along(second.characters).added(second.encode(NEW)).with_discounts()
    third = Vocabulary(OLD + NEW + "ÅΩ")
    three = two.taken_along(third.characters)
    assert three.names == two.names
    text = NEW[:60] + OLD[:60]
    at = [third.characters.index(c) for c in second.characters]
    was, now = said(two, second.encode(text)), said(three, third.encode(text))
    less = was[2:] - now[2:, :, at]
    np.testing.assert_allclose(less, less[:, :, :1].repeat(less.shape[2], axis=2), atol=1e-6)
    np.testing.assert_allclose(now[:2], 1 / len(third), rtol=1e-6)


@pytest.mark.parametrize("to_documents", [False, True])
def test_a_boundary_is_read_like_a_line_end(to_documents: bool) -> None:
    """In a list, what follows a line end is known after the boundary; in a text, the other way round."""
    lines = ["abc", "abd", "acb"] * 9
    first = Vocabulary("\nabcd") if to_documents else Vocabulary("abcd", documents=True)
    ids = first.encode("\n".join(["", *lines, ""])) if to_documents else first.encode_documents(lines)
    larger = Vocabulary("\nabcd", documents=to_documents)
    taken = Experts.count(("characters",), first.characters, ids).taken_along(larger.characters)
    began, ended = (BOUNDARY, "\n") if to_documents else ("\n", "\n")
    assert taken.codes is not None
    assert len(taken.codes.order) == 5
    found = said(taken, np.array([larger.characters.index(c) for c in began + "abc"]))[1]
    assert found[0].argmax() == larger.characters.index("a")
    assert found[0].max() > 0.9
    assert found[3].argmax() == larger.characters.index(ended)


@pytest.mark.parametrize("documents", [False, True])
def test_a_reader_says_the_same_a_character_at_a_time(documents: bool) -> None:
    first = Vocabulary(OLD, documents)
    ids = first.encode_documents(OLD.split("\n")) if documents else first.encode(OLD)
    larger = Vocabulary(OLD + NEW, documents)
    read = larger.encode_documents(NEW.split("\n")) if documents else larger.encode(NEW)
    experts = Experts.count(BOTH, first.characters, ids).taken_along(larger.characters).added(read).with_discounts()
    reader = Reader(experts, 1, np.float64)
    reader.begin(0)
    for each, expected in zip(read.tolist(), np.moveaxis(said(experts, read), 1, 0), strict=True):
        np.testing.assert_allclose(np.exp(reader.read(np.array([each]))[:, 0, 0]), expected, atol=1e-6)


def test_where_each_chain_comes_from() -> None:
    assert with_all(("characters", "words", "recent")) == ("characters", "words", "recent", *with_all(BOTH)[2:])
    assert alone(with_all(BOTH)) == BOTH
    assert came_from(with_all(BOTH), BOTH) == [0, 1, 0, 1]
    assert came_from(with_all(BOTH), with_all(BOTH)) == [0, 1, 2, 3]
    assert came_from(BOTH, with_all(BOTH)) == [2, 3]  # both texts are counted again, together
    assert came_from((*BOTH, "labels"), BOTH) == [0, 1, -1]


def test_a_file_of_counts_is_checked(tmp_path: Path) -> None:
    larger = Vocabulary(OLD + NEW)
    experts = counted(OLD, Vocabulary(OLD).characters).taken_along(larger.characters)
    write_counts(tmp_path / "counts.safetensors", experts)
    again = read_counts(tmp_path / "counts.safetensors", larger.characters)
    assert again.codes == experts.codes
    assert again.counts_sha256 == experts.counts_sha256
    with pytest.raises(RunError, match="the codes of its counts are not those of its vocabulary"):
        read_counts(tmp_path / "counts.safetensors", larger.characters[:-1])
    for codes in (
        Codes("ab", (0, 1, 2)),
        Codes("ab", (0, -1)),
        Codes("aa", (0, 1)),
        Codes("ab", (0,)),
    ):
        with pytest.raises(ValueError, match="codes"):
            codes.check("ab" if len(codes.codes) < 3 else "abc")
