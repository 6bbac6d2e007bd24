"""Count models along documents: no context looks beyond a boundary."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.ngrams import CHAINS, Experts, KeptLogQ, OnText, choose_experts, held_out
from charrnn.ngrams.by_document import keys_by_document
from charrnn.text.vocabulary import Vocabulary
from tests.unit.test_expert_reader import both, reader_of

RNG = np.random.default_rng(0)
LOW, HIGH = "\U00100000", "\U00100001"  # two labels
VOCABULARY = Vocabulary("abc' \n" + LOW + HIGH, documents=True)
TEXTS = ["".join(RNG.choice(list("abc' "), n)) for n in (*RNG.integers(1, 12, 60), 90, 200)]
EVERY_CHAIN = sorted(CHAINS)


def ids_of(texts: list[str]) -> np.ndarray:
    return VOCABULARY.encode_documents(texts)


def experts_of(chain: str) -> Experts:
    return Experts.count([chain], VOCABULARY.characters, ids_of(TEXTS))


def along(experts: Experts, ids: np.ndarray) -> np.ndarray:
    """What the experts say after each of ids but the last, (S, N − 1, V)."""
    return OnText(experts, ids).log_q(np.array([0]), len(ids) - 1, np.float64)[:, :, 0]


@pytest.mark.parametrize("chain", EVERY_CHAIN)
def test_what_they_say_along_a_document_does_not_depend_on_those_before_it(chain: str) -> None:
    experts, texts = experts_of(chain), [*TEXTS[:9], TEXTS[-1]]
    alone = np.concatenate([along(experts, ids_of([text])) for text in texts], axis=1)
    np.testing.assert_array_equal(along(experts, ids_of(texts)), alone)


@both
@pytest.mark.parametrize("chain", EVERY_CHAIN)
def test_a_reader_forgets_at_a_boundary(chain: str, kernels: str) -> None:
    experts, ids = experts_of(chain), ids_of([*TEXTS[:9], TEXTS[-1]])
    reader = reader_of(experts, 2, kernels, np.float64)
    reader.begin(0)
    reader.begin(1, ids_of(["cab", "b"])[:-1])  # in a document, after another
    expected = along(experts, ids)
    beside = along(experts, np.append(ids_of(["b"])[:-1], ids[1:]))[:, 2:]
    for t, each in enumerate(ids[:-1]):
        said = reader.read(np.array([each, ids[t + 1]]))
        np.testing.assert_allclose(said[:, 0, 0], expected[:, t], rtol=1e-6)
        if t < beside.shape[1]:
            np.testing.assert_allclose(said[:, 0, 1], beside[:, t], rtol=1e-6)


@pytest.mark.parametrize("chain", EVERY_CHAIN)
def test_a_boundary_is_known_as_the_beginning(chain: str) -> None:
    """Names that all begin with c: what stands at the beginning is learned, and so is the end."""
    vocabulary = Vocabulary("abc", documents=True)
    ids = vocabulary.encode_documents(["ca" + "b" * (k % 3) for k in range(50)])
    experts = Experts.count([chain], vocabulary.characters, ids)
    said = np.exp(along(experts, vocabulary.encode_documents(["cabb"])))[0]
    assert said[0].argmax() == vocabulary.characters.index("c")
    np.testing.assert_allclose(said.sum(axis=1), 1.0, rtol=1e-6)


def labelled_ids(texts: list[str], labels: list[str]) -> np.ndarray:
    return VOCABULARY.encode_documents(texts, symbols=labels)


def test_labels_are_remembered_as_far_as_a_context_reaches() -> None:
    """Only the label tells what follows five a's."""
    texts = [f"aaaaa{c}" * n for c in "bc" for n in range(1, 20)]
    ids = labelled_ids(texts, [LOW] * 19 + [HIGH] * 19)
    experts = Experts.count(["labels"], VOCABULARY.characters, ids)
    for label, follows in ((LOW, "b"), (HIGH, "c")):
        said = np.exp(along(experts, labelled_ids([f"aaaaa{follows}" * 19], [label])))[0]
        after = said[6::6, VOCABULARY.characters.index(follows)]  # each five a's; the label stands 5, 11, … before
        assert (after[:10] > 0.9).all()
        assert (after[11:] < 0.6).all()


def test_auto_counts_what_follows_a_label() -> None:
    ids = labelled_ids(["ab", "cab"], [LOW, HIGH])
    assert choose_experts("auto", VOCABULARY.characters, ids) == ("characters", "words", "labels")
    assert choose_experts("adapting", VOCABULARY.characters, ids) == ("characters", "words", "recent", "labels")
    for without in (Vocabulary("abc", documents=True), Vocabulary("abc" + LOW)):
        assert choose_experts("auto", without.characters, np.arange(4)) == ("characters", "words")


def test_contexts_of_one_text_do_not_change() -> None:
    codes = np.random.default_rng(1).integers(2, 9, (3, 40)).astype(np.uint64)
    for chain in EVERY_CHAIN:
        keys = CHAINS[chain]("abcdefgh'").keys
        for one, other in zip(keys(codes), keys_by_document(keys, codes), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("most_bytes", [0, 1 << 30])
def test_in_training_every_place_is_asked_about_on_its_own(most_bytes: int) -> None:
    ids = ids_of(TEXTS)
    said = held_out(Experts.of_no_text(["characters", "words"], VOCABULARY.characters), ids)
    kept = KeptLogQ(said, most_bytes=most_bytes)
    whole = said.log_q(np.array([0]), len(ids) - 1, np.float16)[:, :, 0].astype(np.float32)
    assert said.shuffled is not None
    for seed in range(3):
        places = np.random.default_rng(seed).integers(0, len(ids) - 1, (7, 5))
        np.testing.assert_array_equal(kept.log_q(places, 7), whole[:, said.shuffled.places_of(places)])
    starts = np.array([3, 40, 0])  # of stretches, as lanes that read in the order of the list have them
    np.testing.assert_array_equal(kept.log_q(starts, 9), kept.log_q(starts + np.arange(9)[:, None], 9))


def trained_on(texts: list[str], most_counted: int = 1 << 20) -> list[np.ndarray]:
    """What the experts say in training along each of texts, (n + 1, V)."""
    ids = ids_of(texts)
    kept = KeptLogQ(held_out(Experts.of_no_text(["characters"], VOCABULARY.characters), ids, most_counted))
    said = kept.log_q(np.arange(len(ids) - 1)[:, None], len(ids) - 1)[0, :, 0]
    return np.split(said, np.flatnonzero(ids == 0)[1:-1])


@pytest.mark.parametrize("most_counted", [150, 1 << 20])
def test_held_out_counts_do_not_depend_on_the_order_of_the_list(most_counted: int) -> None:
    texts = sorted(TEXTS)
    as_it_stands = dict(zip(TEXTS, trained_on(TEXTS, most_counted), strict=True))
    for text, said in zip(texts, trained_on(texts, most_counted), strict=True):
        np.testing.assert_array_equal(said, as_it_stands[text])


def test_a_document_does_not_see_its_copies() -> None:
    """The copies of a document in its own split say nothing of a document of another, which has none here."""
    texts = [*TEXTS, "ca'ca'ca", *TEXTS[:9], "ca'ca'ca"]
    said = trained_on(texts)
    np.testing.assert_array_equal(said[len(TEXTS)], said[-1])
    np.testing.assert_array_equal(said[0], said[len(TEXTS) + 1])
    seen = OnText(experts_of("characters"), ids_of(["ca'ca'ca"])).log_q(np.array([0]), 9)[0, :, 0]
    characters = ids_of(["ca'ca'ca"])[1:]
    known = Experts.count(["characters"], VOCABULARY.characters, ids_of(texts))
    leaked = OnText(known, ids_of(["ca'ca'ca"])).log_q(np.array([0]), 9)[0, :, 0]
    surprises = [-float(log_q[range(9), characters].mean()) for log_q in (seen, said[-1], leaked)]
    assert abs(surprises[1] - surprises[0]) < 0.2 < surprises[0] - surprises[2]
