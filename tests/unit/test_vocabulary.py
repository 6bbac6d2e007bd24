from __future__ import annotations

import itertools

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


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
@pytest.mark.parametrize("labelled", [False, True])
def test_documents_are_encoded_together_as_one_by_one(
    piece: int, labelled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charrnn.text.vocabulary.PIECE", piece)
    texts, labels = ["ab", "", "b\r\nc", "\ufeffa", "cab"] * 3, ["\U00100000", "\U00100007", "\U00100003"] * 5
    vocabulary = Vocabulary([*"abc\n", *(labels if labelled else [])], documents=True)
    symbols = labels if labelled else []
    place = vocabulary.characters.index
    one_by_one = [
        [0, *([place(label)] if labelled else []), *map(place, vocabulary.mend(text))]
        for text, label in zip(texts, labels, strict=True)
    ]
    ids = vocabulary.encode_documents(texts, symbols=symbols)
    assert ids.tolist() == [*itertools.chain(*one_by_one), 0]
    assert ids.dtype == vocabulary.id_dtype
    skipped = vocabulary.encode_documents([text + "zé" for text in texts], "skip", symbols)
    np.testing.assert_array_equal(skipped, ids)
    for unknown in ("z", "\0", "\U00100000", "\U0010ffff"):
        with pytest.raises(UnknownCharacterError, match=r"at position 2 is not"):
            vocabulary.encode_documents([*texts, "ab" + unknown, "z"], symbols=[*symbols, *symbols[:2]])


def test_decoding_an_array_is_decoding_its_ids() -> None:
    vocabulary = Vocabulary("aé漢😀", documents=True)
    ids = vocabulary.encode_documents(["漢a", "😀é"])
    assert vocabulary.decode(ids) == vocabulary.decode(ids.tolist()) == "\0漢a\0😀é\0"
    assert vocabulary.decode(ids[:0]) == ""
