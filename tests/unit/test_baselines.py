"""The n-gram model against a naive one, and the evaluation from fresh windows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from charrnn.ngrams import NGram, best_ngram, uniform_nats
from charrnn.ngrams.ngram import HIGHEST_ORDER, SMOOTHINGS, highest_order
from charrnn.ngrams.tables import LEAST_DISCOUNT
from charrnn.scoring import evaluate_fresh_windows
from tests.networks import V, small_case


def witten_bell(train: list[int], context: tuple[int, ...], character: int, vocab_size: int) -> float:
    """P(character | context), by the formula, one count at a time."""
    n = len(context) + 1
    grams = Counter(tuple(train[k : k + n]) for k in range(len(train) - n + 1))
    count = sum(c for gram, c in grams.items() if gram[:-1] == context)
    kinds = sum(1 for gram in grams if gram[:-1] == context)
    lower = witten_bell(train, context[1:], character, vocab_size) if context else 1.0 / vocab_size
    if count == 0:
        return lower
    return (grams[(*context, character)] + kinds * lower) / (count + kinds)


def kneser_ney(train: list[int], context: tuple[int, ...], character: int, vocab_size: int, order: int) -> float:
    """P(character | context) by modified Kneser–Ney of an order; the context may be shorter."""
    n = len(context) + 1
    grams = Counter(tuple(train[k : k + n]) for k in range(len(train) - n + 1))
    if n < order:  # how many different characters stand before each
        highest = {tuple(train[k : k + order]) for k in range(len(train) - order + 1)}
        longer = {gram[order - n - 1 :] for gram in highest}
        grams = Counter(gram[1:] for gram in longer)
    of = Counter(grams.values())
    share = of[1] / (of[1] + 2 * of[2]) if of[1] else 0.0
    discount = {0: 0.0}
    for k in (1, 2, 3):
        discount[k] = min(k, max(LEAST_DISCOUNT, k - (k + 1) * share * of[k + 1] / of[k])) if of[k] else LEAST_DISCOUNT
    after = {gram: count for gram, count in grams.items() if gram[:-1] == context}
    lower = kneser_ney(train, context[1:], character, vocab_size, order) if context else 1.0 / vocab_size
    if not after:
        return lower
    lost = sum(discount[min(count, 3)] for count in after.values())
    count = after.get((*context, character), 0)
    return (count - discount[min(count, 3)] + lost * lower) / sum(after.values())


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_kneser_ney_is_that_of_the_formula(order: int, rng: np.random.Generator) -> None:
    train, text = rng.integers(0, 4, 80).tolist(), rng.integers(0, 5, 25).tolist()
    found = NGram(np.array(train), 5, order, "Kneser–Ney").nats(np.array(text))
    for k, character in enumerate(text):
        context = tuple(text[max(0, k - order + 1) : k])
        assert np.exp(-found[k]) == pytest.approx(kneser_ney(train, context, character, 5, order), rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_are_those_of_the_formula(order: int, rng: np.random.Generator) -> None:
    train, text = rng.integers(0, 4, 60).tolist(), rng.integers(0, 5, 25).tolist()
    found = NGram(np.array(train), 5, order).nats(np.array(text))
    for k, character in enumerate(text):
        context = tuple(text[max(0, k - order + 1) : k])
        assert np.exp(-found[k]) == pytest.approx(witten_bell(train, context, character, 5), rel=1e-12)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_probabilities_sum_to_one(smoothing: str, rng: np.random.Generator) -> None:
    model = NGram(rng.integers(0, 6, 300), 7, 4, smoothing)
    for context in ([0, 1, 2], [6, 6, 6], [3, 3, 3]):
        total = sum(np.exp(-model.nats(np.array([*context, c]))[-1]) for c in range(7))
        assert total == pytest.approx(1.0, rel=1e-12)


def test_the_order_is_chosen_on_validation(rng: np.random.Generator) -> None:
    text = np.array([k % 3 for k in range(600)])  # two characters of context say it all; one does
    model, loss = best_ngram(text[:500], text[500:], 3)
    assert model.order > 1
    assert loss < 0.05
    noise = rng.integers(0, 30, 2000)  # where nothing is to be learned from context, long contexts only mislead
    assert best_ngram(noise[:1500], noise[1500:], 30)[0].order == 1


def test_orders_fit_into_sixty_three_bits() -> None:
    assert highest_order(1) == highest_order(80) == HIGHEST_ORDER
    assert highest_order(5000) == 5
    assert 5000 ** highest_order(5000) < 2**63
    with pytest.raises(ValueError, match="order 10 is not between 1 and 9"):
        NGram(np.zeros(5, int), 2, 10)
    assert uniform_nats(80) == pytest.approx(np.log(80))


def test_on_the_fields_corpus_it_has_the_losses_that_are_known(tinyshakespeare) -> None:
    from charrnn.text.corpus import Corpus
    from charrnn.text.reading import read_files

    corpus = Corpus.from_reading(read_files([str(tinyshakespeare)]))
    parts = corpus.split(0.1, 0.0)
    losses = {n: NGram(parts["train"], 65, n).nats(parts["val"])[1:].mean() for n in (5, 7)}
    assert losses[5] == pytest.approx(1.669, abs=5e-4)
    assert losses[7] == pytest.approx(1.779, abs=5e-4)


def test_fresh_windows_begin_with_the_zero_state(rng: np.random.Generator) -> None:
    case = small_case("lstm", 2)
    ids = rng.integers(0, V, 4 * 9 + 5)
    found = evaluate_fresh_windows(case.model, case.params, ids, 9)
    assert found.characters == 4 * 9
    expected = []
    for k in range(4):
        window = ids[k * 9 : k * 9 + 10, None]
        ws = case.model.workspace(9, 1, np.float64)
        nats, _ = case.model.nats(case.params, window[:-1], window[1:], case.model.zero_state(1, np.float64), ws)
        expected.append(nats.mean())
    assert found.nats_per_char == pytest.approx(np.mean(expected), rel=1e-12)
    with pytest.raises(ValueError, match="hold no window"):
        evaluate_fresh_windows(case.model, case.params, ids[:9], 9)


@pytest.mark.parametrize("smoothing", ["Witten–Bell", "Kneser–Ney"])
def test_of_documents_the_order_does_not_matter(smoothing: str) -> None:
    rng = np.random.default_rng(0)
    documents = [np.append(rng.integers(1, 6, rng.integers(1, 7)), 0) for _ in range(60)]
    begin = np.zeros(3, int)
    train = NGram(np.concatenate([begin, *documents]), 6, 4, smoothing, documents=True)
    other = NGram(np.concatenate([begin, *documents[::-1]]), 6, 4, smoothing, documents=True)
    across = NGram(np.concatenate([begin, *documents]), 6, 4, smoothing)
    alone = np.concatenate([train.nats(np.concatenate([begin, each]))[3:] for each in documents])
    together = train.nats(np.concatenate([begin, *documents]))[3:]
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    np.testing.assert_allclose(other.nats(np.concatenate([begin, *documents]))[3:], together, rtol=1e-12)
    assert not np.allclose(across.nats(np.concatenate([begin, *documents]))[3:], together)
