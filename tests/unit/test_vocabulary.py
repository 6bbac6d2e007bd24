from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.errors import ConfigError, TextError, UnknownCharacterError
from charrnn.text import vocabulary as module
from charrnn.text.vocabulary import Vocabulary

texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1)


@given(texts)
def test_decoding_undoes_encoding(text: str) -> None:
    vocabulary = Vocabulary(text)
    assert vocabulary.decode(vocabulary.encode(text)) == text


@given(texts)
def test_ids_are_ranks_of_the_sorted_characters(text: str) -> None:
    vocabulary = Vocabulary(text)
    assert list(vocabulary.characters) == sorted(set(text))
    assert vocabulary.encode(vocabulary.characters).tolist() == list(range(len(vocabulary)))


@pytest.mark.parametrize(("size", "dtype"), [(1, np.uint8), (256, np.uint8), (257, np.uint16), (65_537, np.uint32)])
def test_ids_have_the_smallest_unsigned_type(size: int, dtype: type) -> None:
    vocabulary = Vocabulary(chr(0x10000 + k) for k in range(size))
    assert vocabulary.encode(chr(0x10000)).dtype == dtype


@pytest.mark.parametrize("unknown", ["é", "\0", "\U0010ffff", "b"])
def test_an_unknown_character_is_named_with_code_point_and_position(unknown: str) -> None:
    with pytest.raises(UnknownCharacterError, match=rf"U\+{ord(unknown):04X}.* at position 3 "):
        Vocabulary("ac").encode("aca" + unknown + "x")


def test_unknown_characters_can_be_skipped() -> None:
    assert Vocabulary("ac").encode("aébc\U0010ffff", on_unknown="skip").tolist() == [0, 1]


def test_the_position_is_right_in_later_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", 4)
    vocabulary = Vocabulary("ab")
    assert vocabulary.encode("abbaabbaab").tolist() == [0, 1, 1, 0, 0, 1, 1, 0, 0, 1]
    assert vocabulary.encode("abxaxbbaab", on_unknown="skip").tolist() == [0, 1, 0, 1, 1, 0, 0, 1]
    with pytest.raises(UnknownCharacterError, match="at position 9 "):
        vocabulary.encode("abbaabbaax")


def test_an_empty_vocabulary_and_an_unknown_policy_are_refused() -> None:
    with pytest.raises(TextError):
        Vocabulary("")
    with pytest.raises(ConfigError, match="on_unknown"):
        Vocabulary("a").encode("a", on_unknown="replace")
